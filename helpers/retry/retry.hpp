// SPDX-License-Identifier: Apache-2.0
// eks-retry: whether the chain is tried again after a step has failed. Reads: the manager's state. Writes:
// nothing; it starts and stops eks-retry.timer, and when that elapses starts what failed. Again: the same
// state, the same decision.
#pragma once

#include <string>
#include <vector>

#include "base/manager.hpp"
#include "base/step.hpp"

namespace eks {

inline constexpr const char* retry_timer = "eks-retry.timer";

// A step that failed, as the manager tells it.
struct FailedStep {
        std::string unit;
        std::string result;    // exit-code, signal, timeout, …
        int exit_status = 0;   // with exit-code
        bool required = false; // kubelet requires it, if through others
};

// True for a failure that may pass by itself: what the step needs could not be reached, or its program was
// killed. A refused configuration, for instance, does not.
bool may_pass(const FailedStep& step);

// What is to be done about the steps that failed.
struct Verdict {
        enum class Kind { nothing, again, person } kind = Kind::nothing;
        std::vector<std::string> start; // what another attempt starts
        std::string why;                // the step that decided
};
Verdict judge(const std::vector<FailedStep>& failed);

// The steps of the chain that have failed.
std::vector<FailedStep> failed_steps(Manager& manager);

// After a failure: start the timer, or leave it to somebody.
void after_failure(Context& context, Manager& manager);

// The timer has elapsed: start again what failed, or stop the timer if nothing is left to do.
void try_again(Context& context, Manager& manager);

} // namespace eks
