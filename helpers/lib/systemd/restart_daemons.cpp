// SPDX-License-Identifier: Apache-2.0
#include "systemd/restart_daemons.hpp"

#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "systemd/manager.hpp"

namespace eks {

namespace {

void warn(const Context& context, const StaleDaemon& daemon, std::string_view why)
{
        context.log().write(Level::warning,
                fmt::format(
                        "{}, and {}: it keeps its old configuration until `systemctl restart {}`, proceeding",
                        text_of(daemon), why, daemon.unit),
                event::daemon_stale.id, {{"EKS_PATH", daemon.path}, {"EKS_DAEMON", daemon.unit}});
}

} // namespace

DaemonRestart::DaemonRestart(const Root& root, std::vector<std::string_view> daemons)
{
        if (std::ranges::none_of(daemons, [&](std::string_view unit) { return runs(root, unit); }))
                return;

        daemons_ = std::move(daemons);
        with_containers_ = has_containers(root);

        if (!root.prefix().empty())
                return;

        try {
                manager_ = std::make_shared<Manager>();
        } catch (const Error&) { // the files of the step do not need it, and the warning says so
        }
}

void DaemonRestart::restart(Context& context) const
{
        if (daemons_.empty())
                return;
        for (const auto& daemon : stale_daemons(context.root(), context.planned())) {
                if (std::ranges::find(daemons_, daemon.unit) == daemons_.end())
                        continue;
                if (!manager_)
                        warn(context, daemon, "the service manager cannot be reached");
                else if (with_containers_ && daemon.unit != kubelet_unit)
                        warn(context, daemon, "containers run");
                else
                        try {
                                manager_->queue_job("RestartUnit", daemon.unit);
                                context.did(fmt::format("restarts {}, because it {}", daemon.unit,
                                                    text_of(daemon).substr(daemon.unit.size() + 1)),
                                        true);
                        } catch (const Error& e) {
                                warn(context, daemon, fmt::format("cannot be restarted ({})", e.what()));
                        }
        }
}

bool has_containers(const Root& root)
{
        // A directory for each namespace, with one for each task. They are in memory, so that nothing of an
        // earlier boot is in them.
        for (const auto* const state : {"/run/containerd", "/run/docker/containerd/daemon"}) {
                const auto tasks = root(fmt::format("{}/io.containerd.runtime.v2.task", state));
                for (const auto& name : list_directory(tasks))
                        if (!list_directory(fmt::format("{}/{}", tasks, name)).empty())
                                return true;
        }
        return false;
}

} // namespace eks
