// SPDX-License-Identifier: Apache-2.0
#include "compat/bootstrap/start_node.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/secrets.hpp"
#include "systemd/node_decision.hpp"
#include "systemd/start_unit.hpp"

namespace eks {

using namespace std::chrono_literals;

namespace {

constexpr const char* node_target = "eks-node.target";
constexpr const char* config_step = "eks-config.service";
constexpr const char* scripts_step = "eks-user-scripts.service";
constexpr const char* kubelet = "kubelet.service";
constexpr auto time_to_be_ready = 5s;

// Stages of cloud-init that delay the network or the whole boot.
constexpr std::array early_stages{
        "cloud-init-local.service", "cloud-init.service", "cloud-init-network.service"};

std::string state_of(Manager& manager, const char* unit)
{
        return manager.is_loaded(unit) ? manager.unit(unit).text("ActiveState") : "inactive";
}

// Whether its program has been executed, even if it has ended.
bool runs(const Manager::Unit& unit)
{
        const auto state = unit.text("SubState");
        return state == "start" || state == "running" || state == "auto-restart";
}

// The unit that caused a failed start: the first failed one among the units that kubelet requires.
std::string failed_unit(Manager& manager)
{
        for (const auto* unit :
                {"eks-imds.service", config_step, "eks-cluster.service", "eks-configured.target", kubelet})
                if (state_of(manager, unit) == "failed")
                        return unit;

        for (const auto& name : manager.unit(kubelet).list("Requires"))
                if (name.starts_with("eks-") && state_of(manager, name.c_str()) == "failed")
                        return name;

        return kubelet;
}

} // namespace

Standing standing_of_node(Manager& manager)
{
        if (state_of(manager, "basic.target") != "active" ||
                std::ranges::any_of(early_stages,
                        [&](const char* stage) { return state_of(manager, stage) == "activating"; }))
                return Standing::early;
        if (state_of(manager, config_step) != "active")
                return Standing::ahead;
        if (!manager.is_loaded(scripts_step))
                return Standing::resolved;

        const auto scripts = manager.unit(scripts_step);
        return scripts.has_job() || scripts.text("ActiveState") == "activating" ? Standing::awaits_scripts
                                                                                : Standing::resolved;
}

void wait_for_kubelet(Manager& manager)
{
        const auto end = std::chrono::steady_clock::now() + start_timeout;
        const auto has_job = [&](const char* name) {
                return manager.is_loaded(name) && manager.unit(name).has_job();
        };

        if (!(manager.is_loaded(kubelet) && runs(manager.unit(kubelet))) && !has_job(kubelet) &&
                !has_job(node_target)) {
                if (const auto why = why_node_cannot_start(manager, Root()); !why.empty())
                        throw Error(failure::node_not_started,
                                fmt::format("kubelet was not started, because {}", why), see_decision);
                manager.queue_job("StartUnit", node_target);
                start_skipped_interfaces(manager);
        }

        const auto unit = manager.unit(kubelet);
        const auto target = manager.unit(node_target);
        manager.watch({kubelet, node_target});

        while (!runs(unit)) {
                if (!unit.has_job() && !target.has_job() && unit.text("ActiveState") != "activating") {
                        const auto failed = failed_unit(manager);
                        const auto status_text = manager.unit(failed).service_text("StatusText");
                        throw Error(failure::node_not_started,
                                fmt::format("kubelet was not started: {}{}{}", failed,
                                        status_text.empty() ? " failed" : ": ", hide_secrets(status_text)),
                                fmt::format(
                                        "`journalctl -x -u {}` says why; `eksnode status` shows the whole "
                                        "bootstrap",
                                        failed));
                }

                const auto left = end - std::chrono::steady_clock::now();
                if (left <= 0s)
                        throw Error(failure::node_not_started,
                                fmt::format("kubelet was not started in {} s",
                                        std::chrono::seconds(start_timeout).count()),
                                "`eksnode status` shows what it waits for");

                manager.wait_for_change(std::chrono::duration_cast<std::chrono::milliseconds>(left));
        }

        // On Amazon Linux 2 a kubelet that had been started was active. A kubelet that is not ready yet may
        // wait for its certificate; a script need not wait for that.
        const auto ready = std::chrono::steady_clock::now() + time_to_be_ready;
        while (unit.text("SubState") == "start" && std::chrono::steady_clock::now() < ready)
                manager.wait_for_change(std::chrono::duration_cast<std::chrono::milliseconds>(
                        ready - std::chrono::steady_clock::now()));
}

} // namespace eks
