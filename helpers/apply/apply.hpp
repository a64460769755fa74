// SPDX-License-Identifier: Apache-2.0
// eksnode apply: a changed configuration is looked at before anything stops, shown, and taken over by a node
// that runs.
#pragma once

#include <optional>
#include <string>

#include "base/fd.hpp"
#include "changes.hpp"
#include "take_over.hpp"

namespace eks {

// What a person reads before anything happens: each file with its change, and the gates; then what is done.
std::string show_changes(const Root& root, const Changes& changes);
std::string show_actions(const Changes& changes);

// One `eksnode apply` at a time. Throws Error (apply_busy).
class ApplyLock {
public:
        explicit ApplyLock(const Root& root);

private:
        UniqueFd fd_;
};

// Whether the bootstrap got so far that its steps can be run one by one. Throws Error (apply_busy) while it
// is on its way.
bool chain_is_up(Manager& manager);

// What the configuration lacks of the cluster, from EKS: asked now if eks-cluster has no answer about it
// yet, with the environment of that unit. Nothing if nothing is lacking, or the answer is there. Throws
// Error: those of ask_eks().
std::optional<Json> ask_about_cluster(
        const Root& root, const Resolved& resolved, const Json& imds, Manager& manager, const Say& say);

// Start eks-node.target, where the bootstrap failed or kubelet has never run; kubelet that was stopped by
// hand stays so. Throws Error (apply_failed) if a step fails.
void start_chain(Manager& manager, const Say& say);

// Steps that are masked run at no time, so their files stay as they are. eks-config is never left out: see
// refuse_masked().
void leave_out_masked(Manager& manager, std::vector<PlannedStep>& steps, const Say& say);

// What is masked does not run, and what requires it does not start again. Throws Error (apply_masked) where
// a daemon would have to, or where eks-config could not run.
void refuse_masked(Manager& manager, const Changes& changes);

// A step that took its last file away is no longer needed, which shows only once it has run: `rest` is what
// there is to do then.
void close_gates(Manager& manager, const Changes& rest, const Say& say);

// A volume of containerd is mounted before containerd starts. Throws Error (apply_needs_stop) if it runs.
void refuse_volume_below_containerd(Manager& manager, const Changes& changes);

} // namespace eks
