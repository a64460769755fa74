// SPDX-License-Identifier: Apache-2.0
#include "steps/config/await_call.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <sys/inotify.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "base/fd.hpp"
#include "base/text.hpp"
#include "checks/find_problems.hpp"
#include "config/command_layer.hpp"
#include "config/failed_scripts.hpp"

namespace eks {

using namespace std::chrono_literals;

namespace {

constexpr std::chrono::seconds time_to_resolve{60}; // TimeoutStartSec= of the step
// A call is noticed at once. This interval is for changes without a notification: a NodeConfig that a script
// writes, and a script that waits for a unit that waits for us.
constexpr auto look_again = 1s;
constexpr auto patience = 2s; // with a script that seems to wait for us

bool comes_after_us(std::string_view unit)
{
        if (const auto dot = unit.rfind('.'); dot != unit.npos)
                unit = unit.substr(0, dot);
        return unit == "containerd" || unit == "docker" || unit == "kubelet" || unit == "soci-snapshotter" ||
               unit == "eks-node" || unit == "eks-configured" || unit == "eks-config";
}

// If the directory does not exist, a call is found at the next check.
UniqueFd watch_calls(const Root& root)
{
        UniqueFd changes(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
        const auto directory = root(command_layers);
        if (!changes)
                throw io_error("watch", directory, errno);
        if (::inotify_add_watch(changes.get(), directory.c_str(), IN_MOVED_TO | IN_CLOSE_WRITE) < 0 &&
                errno != ENOENT)
                throw io_error("watch", directory, errno);

        return changes;
}

void drain(const UniqueFd& changes)
{
        char events[4096];
        while (::read(changes.get(), events, sizeof events) > 0) {
        }
}

} // namespace

bool awaits_call(const Resolved& resolved)
{
        return resolved.has_scripts && resolved.merged.problems.empty() && names_no_cluster(resolved);
}

std::string no_call_to_come(const ScriptsState& state)
{
        if (!state.installed)
                return "there is no cloud-init to run the script in the user data";
        if (!state.ahead())
                return "the scripts in the user data have ended without a call of /etc/eks/bootstrap.sh or nodeadm";

        const auto waiting = std::ranges::find_if(state.processes,
                [](const std::string& line) { return systemctl_waits_for(line, comes_after_us); });
        if (waiting != state.processes.end())
                return fmt::format(
                        "a script waits in '{}' for a unit that starts only after a cluster is named",
                        *waiting);

        return {};
}

Error call_missing(const Root& root, const std::string& why)
{
        if (const auto call = refused_call(root))
                return refused_call_error(*call, failure::call_missing);

        const bool can_call = exists(root("/etc/eks/bootstrap.sh"));
        const auto failed = failed_scripts(root);

        return {failure::call_missing,
                fmt::format("no layer of the configuration names a cluster, and {}{}", why,
                        failed.empty() ? "" : fmt::format("; failed: {}", join(failed, ", "))),
                fmt::format("{}, or put a NodeConfig into the user data; /var/log/cloud-init-output.log has "
                            "what the scripts printed",
                        can_call ? "Let the script in the user data call /etc/eks/bootstrap.sh"
                                 : "Install eksnode's compatibility commands in the machine image, as "
                                   "/etc/eks/bootstrap.sh is missing")};
}

Resolved await_call(Context& context, ScriptsObserver& observer)
{
        const auto& root = context.root();
        const auto limit = scripts_timeout();
        notify_extend_timeout(static_cast<unsigned>((limit + time_to_resolve).count()));
        context.wait_until(limit, "the step fails");
        const auto calls = watch_calls(root);
        const auto end = std::chrono::steady_clock::now() + limit;
        std::string seen; // and since when: a systemctl that is about to end must not count
        auto since = std::chrono::steady_clock::now();

        for (;;) {
                // Checked first, because a script writes its files before it ends.
                const auto state = observer.look();
                const auto over = no_call_to_come(state);
                context.awaiting(
                        fmt::format("Waiting for a script in the user data to call /etc/eks/bootstrap.sh or "
                                    "nodeadm (cloud-final.service{})",
                                running_script(state)));
                std::optional<Error> unreadable;

                try {
                        auto resolved = resolve_node_layers(root);
                        if (!awaits_call(resolved))
                                return resolved;
                } catch (const Error& e) { // a script may be writing the file
                        unreadable = e;
                }

                const auto now = std::chrono::steady_clock::now();
                if (std::exchange(seen, over) != over)
                        since = now;
                if (!over.empty() && (!state.ahead() || now - since >= patience))
                        throw unreadable ? *unreadable : call_missing(root, over);
                if (now >= end)
                        throw call_missing(root,
                                fmt::format(
                                        "the scripts in the user data have not called /etc/eks/bootstrap.sh or nodeadm in {} s",
                                        limit.count()));

                observer.wait_for_change(look_again, calls.get());
                drain(calls);
        }
}

} // namespace eks
