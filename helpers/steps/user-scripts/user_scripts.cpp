// SPDX-License-Identifier: Apache-2.0
#include "steps/user-scripts/user_scripts.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "base/text.hpp"
#include "config/command_layer.hpp"
#include "config/failed_scripts.hpp"

namespace eks {

using namespace std::chrono_literals;

namespace {

constexpr auto poll_interval = 100ms;

// Units that start after this step: kubelet, the units bound to it, and the step itself.
bool comes_after_us(std::string_view unit)
{
        return unit == "kubelet" || unit == "kubelet.service" || unit == "eks-node.target" ||
               unit == "eks-user-scripts" || unit == "eks-user-scripts.service";
}

// Such a process of a script waits for kubelet, while kubelet waits for the script.
bool waits_for_us(const std::string& command_line)
{
        return systemctl_waits_for(command_line, comes_after_us);
}

} // namespace

Wait next_wait(const ScriptsState& state)
{
        if (!state.installed)
                return Wait::over;
        if (std::ranges::any_of(state.processes, waits_for_us))
                return Wait::asked_for;
        return state.ahead() ? Wait::go_on : Wait::over;
}

void wait_for_scripts(Context& context, Manager& manager)
{
        const auto limit = scripts_timeout();
        notify_extend_timeout(static_cast<unsigned>((limit + time_to_take_over).count()));
        context.wait_until(limit, "kubelet starts without waiting for them");
        const auto end = std::chrono::steady_clock::now() + limit;

        for (;;) {
                if (was_called(context.root())) {
                        context.did(
                                "a script in the user data called bootstrap.sh or nodeadm: not waiting any longer",
                                false);
                        return;
                }

                const auto state = look_at_scripts(manager);
                context.awaiting(
                        fmt::format("Waiting for the scripts in the user data (cloud-final.service{})",
                                running_script(state)));

                switch (next_wait(state)) {
                case Wait::over:
                        context.did("the scripts in the user data have ended", false);
                        if (const auto failed = failed_scripts(context.root()); !failed.empty())
                                context.log().warning(fmt::format(
                                        "scripts in the user data failed: {}; "
                                        "/var/log/cloud-init-output.log has what they printed, proceeding",
                                        join(failed, ", ")));
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
