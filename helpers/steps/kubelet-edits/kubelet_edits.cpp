// SPDX-License-Identifier: Apache-2.0
#include "steps/kubelet-edits/kubelet_edits.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "checks/find_problems.hpp"
#include "compat/bootstrap/bootstrap.hpp"
#include "compat/bootstrap/edits.hpp"
#include "config/sources.hpp"
#include "steps/take_over.hpp"
#include "verbs/validate/validate.hpp"

namespace eks {

namespace {

// There from the time when the link is restored until config.json has the edits. The unit's conditions look
// for it.
constexpr const char* unfinished = "/run/eks/kubelet-edits.unfinished";

// The files that result from the layers, after a check that they can be rendered.
std::vector<PlannedStep> plan_all(const Root& root)
{
        auto resolved = resolve_node_layers(root);
        const auto imds = load_imds(root);
        add_bootstrap_dns(resolved, imds);
        check_configuration(root, resolved, imds, {.node = true, .steps = false})
                .problems.throw_if_any(failure::config_invalid);
        const auto versions = load_node_inputs(root).versions;

        auto steps = plan_node(root, resolved, imds, versions);
        for (const auto& step : steps)
                if (step.error)
                        throw *step.error;

        return steps;
}

} // namespace

void take_over_kubelet_edits(Context& context, Manager& manager)
{
        const auto& root = context.root();
        const FilesBefore before(root, {kubelet_edits_layer, kubelet_config_link});
        StepPlan remarks;
        const auto edits = edits_of_kubelet_config(root, remarks.notes);
        context.apply(remarks);
        Changes changes;

        try {
                if (!edits.empty())
                        add_edits(root, kubelet_edits_layer, instance_of_machine(root),
                                {{"kubelet", {{"config", edits}}}}, Durability::synced);
                write_atomically(root(unfinished), "", 0644, Durability::unsynced);
                link_atomically(root(kubelet_config_link), std::string(kubelet_config_link_target));
                changes = find_changes(root, plan_all(root));
        } catch (const Error& e) {
                before.restore();
                remove_if_exists(root(unfinished));
                throw Error(e.failure(),
                        fmt::format(
                                "the changes in '{}' are not applied: {}", kubelet_config_link, e.what()),
                        "Correct the file, and restart kubelet");
        }

        // kubelet is about to start. Other daemons that read a changed file are not restarted here.
        std::erase_if(changes.actions, [](const Action& action) {
                return action.kind != Action::Kind::run && action.kind != Action::Kind::close;
        });

        take_over(manager, changes, [&](const std::string& line) { context.did(line, true); });
        remove_if_exists(root(unfinished));
        context.did(fmt::format("applied the changes in '{}'", kubelet_config_link), true);
}

} // namespace eks
