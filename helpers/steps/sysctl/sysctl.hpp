// SPDX-License-Identifier: Apache-2.0
// eks-sysctl: kernel parameters of the profile and of the configuration, and huge pages.
// Reads: /run/eks/node.json, /etc/sysctl.conf, /etc/sysctl.d, /run/sysctl.d. Writes: /proc/sys, nr_hugepages
// in sysfs, /run/sysctl.d/99-zz-eks.conf. Again: parameters that have their value are not written.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "node/node.hpp"
#include "systemd/step.hpp"

namespace eks {

// For systemd-sysctl, which sets the parameters of network interfaces as they appear. Its name sorts after
// usual ones, so that the key `sysctl` also overrides files there.
inline constexpr std::string_view sysctl_path = "/run/sysctl.d/99-zz-eks.conf";

// One line of a file of sysctl.d(5).
struct SysctlLine {
        std::string name; // as a path below /proc/sys, perhaps with wildcards
        std::string value;
        bool optional; // its failure is ignored
        Where where;
};
std::vector<SysctlLine> sysctl_lines(const Root& root, const std::string& file);

// With single blanks between several numbers. The kernel separates them with tabs, people use blanks.
std::string sysctl_value(std::string_view text);

// The kernel's value in that form; nothing if the parameter does not exist or cannot be read.
std::optional<std::string> present_sysctl(const Root& root, const std::string& name);

// The parameters to set, with notes on the others: values of an admin's sysctl.d(5) files override those of
// the profile.
std::vector<Sysctl> our_sysctls(const NodeInputs& node, std::vector<Note>& notes);

// The file with them.
StepPlan plan_sysctl(const NodeInputs& node);

// Set each parameter of the plan that has another value. One that this kernel does not have, or that is
// read-only here as in a container, is a warning; one that the kernel refuses is an Error (sysctl_refused)
// when all others are set. So are huge pages that this machine does not have, or not as many.
void set_sysctls(Context& context, const NodeInputs& node);

// What the step may touch.
Access sysctl_access();

} // namespace eks
