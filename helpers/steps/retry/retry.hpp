// SPDX-License-Identifier: Apache-2.0
// eks-retry: decides whether the chain is tried again after a step has failed. Reads: the manager's state.
// Writes: nothing; it starts and stops eks-retry.timer, and when that elapses starts the failed steps.
// Again: the same state, the same decision.
#pragma once

#include <string>
#include <vector>

#include "systemd/manager.hpp"
#include "systemd/step.hpp"

namespace eks {

inline constexpr const char* retry_timer = "eks-retry.timer";

// A failed step, as reported by the manager.
struct FailedStep {
        std::string unit;
        std::string result;    // exit-code, signal, timeout, …
        int exit_status = 0;   // with exit-code
        bool required = false; // kubelet requires it, directly or through other units
};

// True for a failure that may be temporary: a service could not be reached, or the program was killed. A
// rejected configuration, for instance, is not temporary.
bool may_pass(const FailedStep& step);

// The reaction to the failed steps.
struct Verdict {
        enum class Kind { nothing, again, person } kind = Kind::nothing;
        std::vector<std::string> start; // the units that another attempt starts
        std::string why;                // the step that decided
};
Verdict verdict_on(const std::vector<FailedStep>& failed);

// The steps of the chain that have failed.
std::vector<FailedStep> failed_steps(Manager& manager);

// After a failure: start the timer, or leave the failure to an admin.
void after_failure(Context& context, Manager& manager);

// The timer has elapsed: start the failed steps again, or stop the timer if there are none.
void try_again(Context& context, Manager& manager);

} // namespace eks
