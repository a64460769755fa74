// SPDX-License-Identifier: Apache-2.0
#include "steps/resolved/resolved.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace eks {

namespace {

using namespace std::chrono_literals;

constexpr const char* resolved_unit = "systemd-resolved.service";
constexpr auto restart_timeout = 20s; // below TimeoutStartSec= of the step

std::string assignment(std::string_view key, const std::vector<std::string>& values)
{
        return values.empty() ? "\n" : fmt::format("{}={}\n", key, join(values, " "));
}

} // namespace

StepPlan plan_resolved(const NodeInputs& node)
{
        const auto& host = node.spec.host;
        File file{.path = std::string(resolved_drop_in), .content = {}};
        if (host.name_servers.empty() && host.search_domains.empty())
                file.kind = File::Kind::absent;
        else
                file.content = "[Resolve]\n" + assignment("DNS", host.name_servers) +
                               assignment("Domains", host.search_domains);

        return {.files = {std::move(file)}, .notes = {}};
}

void take_over_resolved(Context& context, Manager& manager)
{
        const auto unit = manager.unit(resolved_unit);
        if (const auto load = unit.text("LoadState"); load != "loaded") {
                context.log().write(Level::warning,
                        fmt::format(
                                "instance.network has no effect: {} is {}, or remove nameservers and domains, "
                                "proceeding",
                                resolved_unit,
                                load == "masked" ? "masked; unmask it" : "not installed; install it"),
                        event::config_warning.id);
                return;
        }

        if (unit.text("ActiveState") == "inactive") {
                context.did(fmt::format("{} does not run; it reads the file when it starts", resolved_unit),
                        false);
                return;
        }

        // The step may have been killed after it wrote the file and before the restart or reload.
        if (!context.changed() && !unit.changed_before(context.root()(std::string(resolved_drop_in))))
                return context.did(fmt::format("{} has read it", resolved_unit), false);

        const bool reload = unit.boolean("CanReload");
        context.wait_until(restart_timeout, "the step fails");
        context.awaiting(fmt::format("Waiting for {} to read its configuration", resolved_unit));

        const bool ended =
                manager.run_job(reload ? "ReloadUnit" : "RestartUnit", resolved_unit, restart_timeout);
        if (!ended || manager.unit(resolved_unit).text("ActiveState") != "active")
                throw Error(failure::resolver_failed,
                        fmt::format("{} {}", resolved_unit,
                                ended ? "failed when it read the name servers of instance.network"
                                      : "does not answer"),
                        fmt::format("`journalctl -u {}` shows the cause; correct instance.network in the "
                                    "configuration",
                                resolved_unit));

        context.did(fmt::format("{} {}", reload ? "reloaded" : "restarted", resolved_unit), true);
}

Access resolved_access()
{
        return {.reads = {"/run/eks", "/run/systemd"},
                .writes = {"/run/systemd/resolved.conf.d"},
                .asks_manager = true};
}

} // namespace eks
