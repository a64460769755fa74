// SPDX-License-Identifier: Apache-2.0
// eksnode apply: checks a changed configuration before anything stops, shows it, and applies it to a running
// node.
#pragma once

#include <optional>
#include <string>

#include "base/fd.hpp"
#include "steps/changes.hpp"
#include "steps/take_over.hpp"

namespace eks {

// The whole verb, with its command line; returns its exit status. bootstrap.sh and nodeadm run it too.
int run_apply(int argc, char** argv);

// The text that is shown first: the change of each file, the gates, and then the actions.
std::string show_changes(const Root& root, const Changes& changes);
std::string show_actions(const Changes& changes);

// One `eksnode apply` at a time. Throws Error (apply_busy).
class ApplyLock {
public:
        explicit ApplyLock(const Root& root);

private:
        UniqueFd fd_;
};

// Whether the bootstrap has ended, so that its steps can be run one by one. Throws Error (apply_busy) while
// it is on its way.
bool chain_is_up(Manager& manager);

// The values of the cluster that the configuration lacks. Asks EKS, with the environment of
// eks-cluster.service, unless that unit has an answer already. Nothing if no value is lacking, or the answer
// exists. Throws Error: those of ask_eks().
std::optional<Json> ask_about_cluster(
        const Root& root, const Resolved& resolved, const Json& imds, Manager& manager, const Say& say);

// Start eks-node.target if the bootstrap failed or kubelet has never run. If kubelet was stopped by hand, it
// is not started. Throws Error (apply_failed) if a step fails.
void start_chain(Manager& manager, const Say& say);

// Masked steps never run, so their files stay as they are. eks-config is never left out: see
// refuse_masked().
void leave_out_masked(Manager& manager, std::vector<PlannedStep>& steps, const Say& say);

// A masked unit does not run, and units that require it do not start again. Throws Error (apply_masked) if a
// daemon would have to start again, or if eks-config cannot run.
void refuse_masked(Manager& manager, const Changes& changes);

// A step that removed its last file is no longer needed, which is only known after it has run. `rest` is
// what remains to be done then.
void close_gates(Manager& manager, const Changes& rest, const Say& say);

// A volume of containerd is mounted before containerd starts. Throws Error (apply_needs_stop) if it runs.
void refuse_disk_below_containerd(Manager& manager, const Changes& changes);

} // namespace eks
