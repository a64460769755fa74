// SPDX-License-Identifier: Apache-2.0
#include "steps/user-scripts/script_changes.hpp"

#include <fmt/format.h>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "config/kubelet_files.hpp"
#include "steps/take_over.hpp"

namespace eks {

namespace {

constexpr const char* config_step = "eks-config.service";
constexpr const char* cluster_step = "eks-cluster.service";
constexpr const char* edits_step = "eks-kubelet-edits.service";
constexpr const char* image_step = "eks-sandbox-image.service";

class ScriptChanges {
public:
        ScriptChanges(Context& context, Manager& manager) : context_(&context), manager_(&manager) {}

        void take_over()
        {
                const auto& root = context_->root();
                take_over_edits();
                const auto before = decision_before();

                if (run(config_step)) {
                        const auto need = has_cluster() ? ClusterNeed::complete : ClusterNeed::as_configured;
                        const auto steps = plan_steps(load_node_inputs(root, need));
                        refuse_errors(steps);
                        const auto changes = find_changes(root, steps, {.before = before});
                        take_over_before_kubelet(*manager_, changes,
                                {.say = [&](const std::string& line) { context_->did(line, true); },
                                        .refuse = [&](const std::string& line) { refused_.push_back(line); },
                                        .waiting = extend_timeout});
                        look_for_image(changes);
                }

                throw_refusals();
        }

private:
        // Our own unit stays for as long as a job takes.
        static void extend_timeout()
        {
                notify_extend_timeout(static_cast<unsigned>(time_to_take_over.count()));
        }

        bool is_masked(const std::string& unit)
        {
                return manager_->unit(unit).text("LoadState") == "masked";
        }

        // A step that has failed, or was skipped, is started as if its gate opened now.
        Decision decision_before()
        {
                auto decision = present_decision(context_->root());
                std::erase_if(decision.gates, [&](const std::string& gate) {
                        const auto unit = manager_->unit(fmt::format("eks-{}.service", gate));
                        const auto state = unit.text("ActiveState");
                        return unit.text("LoadState") == "loaded" &&
                               (state == "inactive" || state == "failed");
                });

                return decision;
        }

        // A reload runs the step's program without stopping what requires the step.
        bool run(const std::string& unit)
        {
                const bool active = manager_->unit(unit).text("ActiveState") == "active";
                const bool ended = manager_->run_service_job(
                        active ? "ReloadUnit" : "StartUnit", unit, {}, extend_timeout);
                const auto state = manager_->unit(unit);
                const auto reload = state.service_text("ReloadResult");
                if (ended && state.text("ActiveState") == "active" && (!active || reload == "success"))
                        return true;

                refused_.push_back(fmt::format("{} {}", unit, ended ? "failed" : "did not end in time"));
                return false;
        }

        // A file that a script wrote in place of kubelet-config.json becomes a layer before a step runs
        // again, which would otherwise only keep a copy of it.
        void take_over_edits()
        {
                const auto link = context_->root()(kubelet_config_link);
                if (!exists(link) || read_link_if_exists(link))
                        return;

                const bool ended = manager_->run_service_job("StartUnit", edits_step, {}, extend_timeout);
                if (!ended || manager_->unit(edits_step).service_text("Result") != "success")
                        refused_.push_back(
                                fmt::format("{} {}", edits_step, ended ? "failed" : "did not end in time"));
                else
                        context_->did(fmt::format("ran {}", edits_step), true);
        }

        // Whether all values of the cluster are known. EKS is asked if the scripts set only its name.
        // Without an answer the files that depend on it are not changed.
        bool has_cluster()
        {
                const auto& root = context_->root();
                const auto document = load_node_document(root);
                const auto is_known = [&] {
                        return !document.asks_eks ||
                               described_cluster(root, document.tree["spec"]["cluster"]["name"]).has_value();
                };

                if (!is_known() && run(cluster_step))
                        context_->did(fmt::format("ran {}", cluster_step), true);

                return is_known();
        }

        // Steps whose files cannot be rendered: those that exist stay.
        void refuse_errors(const std::vector<PlannedStep>& steps)
        {
                for (const auto& step : steps)
                        if (step.error && !is_masked(fmt::format("{}.service", step.name)))
                                refused_.push_back(
                                        fmt::format("{} refuses it: {}", step.name, step.error->what()));
        }

        // The sandbox image is looked up with containerd's present configuration. If containerd was not
        // restarted, the step is started only if it was skipped or failed; a running one is left alone.
        // kubelet waits for the job.
        void look_for_image(const Changes& changes)
        {
                const Action restart{Action::Kind::restart, std::string(containerd_unit)};
                const bool restarted = std::ranges::find(changes.actions, restart) != changes.actions.end();
                const bool open = exists(context_->root()("/run/eks/enabled/sandbox-image"));
                const auto state = manager_->unit(image_step).text("ActiveState");

                const bool skipped =
                        (state == "inactive" || state == "failed") && !manager_->unit(image_step).has_job();
                if (!open || is_masked(image_step) || !(skipped || restarted))
                        return;

                try {
                        manager_->queue_job("RestartUnit", image_step);
                } catch (const Error& e) {
                        refused_.push_back(fmt::format("{} cannot be started: {}", image_step, e.what()));
                }
        }

        void throw_refusals() const
        {
                if (refused_.empty())
                        return;
                throw Error(failure::user_scripts_refused,
                        fmt::format("not all changes of the scripts in the user data were applied: {}; "
                                    "kubelet starts without them",
                                join(refused_, "; ")),
                        "Correct the layer that the scripts wrote, and see `eksnode apply --dry-run`; "
                        "`eksnode apply` applies it");
        }

        Context* context_;
        Manager* manager_;
        std::vector<std::string> refused_;
};

} // namespace

void take_over_changes(Context& context, Manager& manager)
{
        ScriptChanges(context, manager).take_over();
}

} // namespace eks
