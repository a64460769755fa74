// SPDX-License-Identifier: Apache-2.0
#include "user_scripts.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "base/environment.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"

namespace eks {

using namespace std::chrono_literals;

namespace {

constexpr const char* last_stage = "cloud-final.service";
constexpr std::chrono::seconds default_timeout{900}; // Karpenter gives a node up after 15 minutes as well
constexpr auto poll_interval = 100ms;

constexpr std::array<std::string_view, 9> waiting_verbs{"condrestart", "force-reload", "reload",
        "reload-or-restart", "reload-or-try-restart", "restart", "start", "try-restart", "isolate"};

// What ends after this step only: kubelet, what is bound to it, and the step itself.
bool comes_after_us(std::string_view unit)
{
        return unit == "kubelet" || unit == "kubelet.service" || unit == "eks-node.target" ||
               unit == "eks-user-scripts" || unit == "eks-user-scripts.service";
}

// `systemctl start kubelet`, `/bin/systemctl enable --now kubelet`, `systemctl is-system-running --wait`:
// such a process of a script waits for kubelet, and kubelet for the script.
bool waits_for_us(const std::string& command_line)
{
        const auto words = split(command_line, ' ');
        if (words.empty() || !words.front().ends_with("systemctl"))
                return false;
        const auto has = [&](std::string_view word) {
                return std::ranges::find(words, word) != words.end();
        };
        if (has("is-system-running"))
                return has("--wait");
        const bool waits = has("--now") || std::ranges::any_of(waiting_verbs, has);
        return waits && !has("--no-block") && std::ranges::any_of(words, comes_after_us);
}

ScriptsState look(Manager& manager)
{
        const auto unit = manager.unit(last_stage);
        const auto load = unit.text("LoadState");
        return {.installed = load == "loaded",
                .active = unit.text("ActiveState"),
                .queued = unit.has_job(),
                .processes = manager.processes(last_stage)};
}

} // namespace

Wait judge(const ScriptsState& state)
{
        if (!state.installed)
                return Wait::over;
        if (std::ranges::any_of(state.processes, waits_for_us))
                return Wait::asked_for;
        const bool ahead = state.queued || state.active == "activating" || state.active == "reloading";
        return ahead ? Wait::go_on : Wait::over;
}

void wait_for_scripts(Context& context, Manager& manager)
{
        const auto limit = environment_seconds("EKS_USER_SCRIPTS_TIMEOUT", default_timeout);
        notify_extend_timeout(static_cast<unsigned>((limit + time_to_take_over).count()));
        context.awaiting("Waiting for the scripts in the user data (cloud-final.service)");
        const auto end = std::chrono::steady_clock::now() + limit;
        for (;;) {
                switch (judge(look(manager))) {
                case Wait::over:
                        context.did("the scripts in the user data have ended", false);
                        return;
                case Wait::asked_for:
                        context.did("a script in the user data waits for kubelet: not waiting any longer "
                                    "for it",
                                false);
                        return;
                case Wait::go_on:
                        break;
                }
                if (std::chrono::steady_clock::now() >= end)
                        throw Error(failure::user_scripts_timeout,
                                fmt::format("the scripts in the user data did not end in {} s; kubelet "
                                            "starts without waiting for them",
                                        limit.count()),
                                "See `systemctl status cloud-final` for what runs; "
                                "EKS_USER_SCRIPTS_TIMEOUT= sets the limit");
                std::this_thread::sleep_for(poll_interval);
        }
}

} // namespace eks
