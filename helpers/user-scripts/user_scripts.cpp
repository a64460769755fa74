// SPDX-License-Identifier: Apache-2.0
#include "user_scripts.hpp"

#include <algorithm>
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
constexpr auto step_timeout = 60s;

// `systemctl start kubelet`, `/bin/systemctl --now restart eks-config.service`, …
bool waits_for_us(const std::string& command_line)
{
        const auto words = split(command_line, ' ');
        if (words.empty() || !words.front().ends_with("systemctl"))
                return false;
        return std::ranges::any_of(words, [](std::string_view word) {
                return word.starts_with("kubelet") || word.starts_with("containerd") ||
                       word.starts_with("eks-");
        });
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

// Throws Error (user_scripts_refused) if the step fails: what the scripts left behind is wrong.
void run_again(Manager& manager, const char* method, const std::string& step)
{
        const auto name = step + ".service";
        const bool ended = manager.run_job(method, name, step_timeout);
        const auto unit = manager.unit(name);
        if (ended && unit.service_text("ReloadResult") == "success" && unit.text("ActiveState") == "active")
                return;
        throw Error(failure::user_scripts_refused,
                fmt::format("{} {} what the scripts in the user data changed; kubelet starts without it",
                        step, ended ? "refuses" : "did not end in time over"),
                fmt::format("See `systemctl status {}`, mend the layer, and `systemctl restart eks-config`",
                        step));
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

std::vector<std::string> affected_steps(const Root& root, const std::vector<PlannedStep>& steps)
{
        std::vector<std::string> affected;
        for (const auto& step : steps) {
                const bool differs =
                        step.error || std::ranges::any_of(step.plan.files, [&](const File& file) {
                                const auto ours = read_file_if_exists(root(
                                        file.volatile_file() ? file.path
                                                             : std::string(rendered_directory) + file.path));
                                switch (file.kind) {
                                case File::Kind::regular:
                                        return ours != file.content;
                                case File::Kind::absent:
                                        return ours.has_value();
                                case File::Kind::link:
                                        return false; // always the same
                                }
                                return false;
                        });
                if (differs)
                        affected.emplace_back(step.name);
        }
        return affected;
}

void wait_for_scripts(Context& context, Manager& manager)
{
        const auto limit = environment_seconds("EKS_USER_SCRIPTS_TIMEOUT", default_timeout);
        notify_extend_timeout(static_cast<unsigned>((limit + 2 * step_timeout).count()));
        context.awaiting("Waiting for the scripts in the user data (cloud-final.service)");
        const auto end = std::chrono::steady_clock::now() + limit;
        for (;;) {
                switch (judge(look(manager))) {
                case Wait::over:
                        context.did("the scripts in the user data have ended", false);
                        return;
                case Wait::asked_for:
                        context.did("a script in the user data asked for kubelet or its files: not waiting "
                                    "any longer",
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

// A reload runs a step again without restarting what requires it. containerd must restart for a new file;
// the steps of the mirrors and of kernel parameters may not have been needed before, so they may not be
// active, and an admin may mask them.
void take_over_changes(Context& context, Manager& manager)
{
        const auto& root = context.root();
        run_again(manager, "ReloadUnit", "eks-config");
        for (const auto& step : affected_steps(root, plan_steps(load_node_inputs(root)))) {
                if (manager.unit(step + ".service").text("LoadState") == "masked")
                        continue;
                const bool restart = step == "eks-containerd-config" || step == "eks-registry-mirrors" ||
                                     step == "eks-sysctl";
                run_again(manager, restart ? "RestartUnit" : "ReloadUnit", step);
                context.did(fmt::format("ran {} again", step), true);
        }
}

} // namespace eks
