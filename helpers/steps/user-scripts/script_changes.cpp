// SPDX-License-Identifier: Apache-2.0
#include "steps/user-scripts/script_changes.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "config/kubelet_files.hpp"
#include "steps/steps.hpp"

namespace eks {

using namespace std::chrono_literals;

namespace {

constexpr std::chrono::seconds containerd_timeout{120};
constexpr const char* containerd = "containerd.service";
constexpr const char* environment_step = "eks-environment";
constexpr const char* resolved_step = "eks-resolved";
constexpr const char* trust_step = "eks-trust";
constexpr const char* edits_step = "eks-kubelet-edits.service";

bool differs(const Root& root, const File& file)
{
        if (file.kind == File::Kind::link)
                return read_link_if_exists(root(file.path)) != file.content;
        const auto ours = read_file_if_exists(
                root(file.volatile_file() ? file.path : std::string(rendered_directory) + file.path));
        return file.kind == File::Kind::absent ? ours.has_value() : ours != file.content;
}

// Steps that are skipped unless eks-config has opened their gate, the name servers first. Gates are
// only checked as in the conditions of their units. The second value: whether containerd must be stopped,
// because a disk is mounted below its files.
struct Gated {
        std::string step;
        bool under_containerd = false;
};
const Gated swap{"swap"};

std::vector<Gated> gated_steps()
{
        std::vector<Gated> all{{"containerd-volume", true}, {"hosts"}, {"instance-store", true}};
        for (const auto& step : planned_steps())
                if (step.closing != Closing::never)
                        all.push_back({std::string(step.gate())});
        std::stable_partition(
                all.begin(), all.end(), [](const Gated& one) { return one.step == "resolved"; });
        return all;
}

// containerd is running already, and needs a restart to get a change of its variables or of the certificates
// that it trusts.
bool changes_what_containerd_has_read(const Root& root, const PlannedStep& step)
{
        if (step.name != environment_step && step.name != trust_step)
                return false;
        return std::ranges::any_of(step.plan.files, [&](const File& file) {
                const auto service = std::string_view(file.path).substr(file.path.rfind('/') + 1);
                return (step.name == trust_step || service == every_service || service == "containerd") &&
                       differs(root, file);
        });
}

class TakeOver {
public:
        TakeOver(Context& context, Manager& manager) : context_(&context), manager_(&manager) {}

        void run()
        {
                const auto edited = read_file_if_exists(context_->root()(kubelet_config_link));
                if (edited && !read_link_if_exists(context_->root()(kubelet_config_link)))
                        take_over_edits();
                if (!reload("eks-config"))
                        throw_refusals();
                const auto& root = context_->root();
                const auto need = has_cluster() ? ClusterNeed::complete : ClusterNeed::as_configured;
                const auto node = load_node_inputs(root, need);
                const auto planned = plan_steps(node);
                auto steps = affected_steps(root, planned);
                std::stable_partition(steps.begin(), steps.end(), // the others look names up
                        [](const Affected& one) { return one.step == resolved_step; });
                restart_containerd_ = std::ranges::any_of(planned, [&](const PlannedStep& step) {
                        return changes_what_containerd_has_read(root, step);
                });
                for (const auto& gate : gated_steps())
                        follow_gate(gate);
                // Its file may be on a disk that is mounted when containerd starts again. Otherwise before
                // eks-kubelet-config, which looks for swap.
                const bool waits_for_disks = mounts_disks_ && node.spec.host.swap &&
                                             node.spec.host.swap->kind == SwapSettings::Kind::store;
                if (!waits_for_disks)
                        follow_gate(swap);
                for (const auto& [step, error] : steps)
                        run_again(step, error);
                look_api_server_up_again();
                if (restart_containerd_)
                        restart_containerd();
                if (waits_for_disks)
                        follow_gate(swap);
                look_for_image();
                throw_refusals();
        }

private:
        bool is_active(const std::string& unit)
        {
                return manager_->unit(unit).text("ActiveState") == "active";
        }

        void refuse(const std::string& step, const std::string& why)
        {
                refused_.push_back(fmt::format("{} {}", step, why));
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
                if (!is_known())
                        did("eks-cluster", run_step("eks-cluster"));
                return is_known();
        }

        // Our own unit stays for as long.
        bool run_job(const char* method, const std::string& unit, std::chrono::seconds limit = {})
        {
                return manager_->run_service_job(method, unit, limit,
                        [] { notify_extend_timeout(static_cast<unsigned>(time_to_take_over.count())); });
        }

        bool run_step(const std::string& step)
        {
                return is_active(step + ".service") ? reload(step) : start(step);
        }

        // A reload runs the step's program without stopping what requires the step.
        bool reload(const std::string& step)
        {
                const auto name = step + ".service";
                const bool ended = run_job("ReloadUnit", name);
                const auto unit = manager_->unit(name);
                if (ended && unit.service_text("ReloadResult") == "success" &&
                        unit.text("ActiveState") == "active")
                        return true;
                refuse(step, ended ? "refuses it" : "did not end in time");
                return false;
        }

        // A file that a script wrote in place of kubelet-config.json becomes a layer before a step runs
        // again, which would otherwise only keep a copy of it.
        void take_over_edits()
        {
                const bool ended = run_job("StartUnit", edits_step);
                if (!ended || manager_->unit(edits_step).service_text("Result") != "success")
                        refuse("eks-kubelet-edits", ended ? "refuses it" : "did not end in time");
                else
                        context_->did("ran eks-kubelet-edits", true);
        }

        bool start(const std::string& step)
        {
                const auto name = step + ".service";
                const bool ended = run_job("StartUnit", name);
                if (ended && is_active(name))
                        return true;
                refuse(step, ended ? "failed" : "did not end in time");
                return false;
        }

        // A step that was skipped has to start, for it cannot be reloaded. A step that is no longer needed
        // is reloaded and removes its files. It cannot be started, because its condition is not met.
        void follow_gate(const Gated& gate)
        {
                const auto step = fmt::format("eks-{}", gate.step);
                const auto name = step + ".service";
                if (manager_->unit(name).text("LoadState") == "masked")
                        return;
                const bool open = exists(context_->root()(fmt::format("/run/eks/enabled/{}", gate.step)));
                if (open == is_active(name)) {
                        // No file shows what these two have to change.
                        const std::string_view step_name(gate.step);
                        if (open && (step_name == "hosts" || step_name == "swap"))
                                did(step, reload(step));
                        return;
                }
                handled_.push_back(step);
                if (!gate.under_containerd)
                        did(step, open ? start(step) : reload(step));
                else if (open) // containerd starts the step
                        restart_containerd_ = mounts_disks_ = true;
        }

        void run_again(const std::string& step, const std::string& error)
        {
                const auto name = step + ".service";
                if (handled(step) || manager_->unit(name).text("LoadState") == "masked")
                        return;
                if (!error.empty()) {
                        refuse(step, "refuses it: " + error);
                        return;
                }
                const bool done = run_step(step);
                did(step, done);
                if (done && step == "eks-containerd-config")
                        restart_containerd_ = true;
        }

        void did(const std::string& step, bool done)
        {
                if (!done)
                        return;
                context_->did(fmt::format("ran {} again", step), true);
                other_servers_ = other_servers_ || step == resolved_step;
                looked_up_ = looked_up_ || step == environment_step;
        }

        // Whether the proxy is the way to the API server depends on its addresses.
        void look_api_server_up_again()
        {
                if (other_servers_ && !looked_up_ && is_active("eks-environment.service"))
                        did(environment_step, reload(environment_step));
        }

        bool handled(const std::string& step) const
        {
                return std::ranges::find(handled_, step) != handled_.end();
        }

        // kubelet has not started yet; its job, which waits for us, is kept.
        void restart_containerd()
        {
                // It waits for the steps that mount what lies below its files.
                auto limit = containerd_timeout;
                for (const auto& gate : gated_steps())
                        if (const auto step = fmt::format("eks-{}", gate.step);
                                gate.under_containerd && handled(step))
                                limit += manager_->unit(step + ".service").start_timeout();
                const bool ended = run_job("RestartUnit", containerd, limit);
                if (!ended || !is_active(containerd)) {
                        refuse("containerd", ended ? "did not start with it" : "did not start in time");
                        return;
                }
                context_->did("restarted containerd", true);
                restarted_containerd_ = true;
        }

        // The sandbox image is looked up with containerd's present configuration. If containerd was not
        // restarted, the step is started only if it was skipped or failed; a running one is left alone.
        // kubelet waits for the job.
        void look_for_image()
        {
                constexpr const char* step = "eks-sandbox-image";
                constexpr const char* name = "eks-sandbox-image.service";
                const bool open = exists(context_->root()("/run/eks/enabled/sandbox-image"));
                const auto unit = manager_->unit(name);
                const auto state = unit.text("ActiveState");
                const bool skipped = (state == "inactive" || state == "failed") && !unit.has_job();
                if (!open || unit.text("LoadState") == "masked" || !(skipped || restarted_containerd_))
                        return;
                try {
                        manager_->queue_job("RestartUnit", name);
                } catch (const Error& e) {
                        refuse(step, fmt::format("cannot be started: {}", e.what()));
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
        bool restart_containerd_ = false;
        bool mounts_disks_ = false;
        bool other_servers_ = false;
        bool looked_up_ = false;
        bool restarted_containerd_ = false;
        std::vector<std::string> handled_;
        std::vector<std::string> refused_;
};

} // namespace

std::vector<Affected> affected_steps(const Root& root, const std::vector<PlannedStep>& steps)
{
        std::vector<Affected> affected;
        for (const auto& step : steps)
                if (step.error)
                        affected.push_back({std::string(step.name), step.error->what()});
                else if (std::ranges::any_of(
                                 step.plan.files, [&](const File& file) { return differs(root, file); }))
                        affected.push_back({std::string(step.name), {}});
        return affected;
}

void take_over_changes(Context& context, Manager& manager)
{
        TakeOver(context, manager).run();
}

} // namespace eks
