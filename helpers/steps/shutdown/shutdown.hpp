// SPDX-License-Identifier: Apache-2.0
// eks-shutdown: how long logind lets kubelet delay a shutdown, from kubelet's shutdownGracePeriod.
// Reads: /run/eks/node.json. Writes: /run/systemd/logind.conf.d/99-zz-eks.conf. Again: the same file, and
// logind is left alone.
#pragma once

#include <chrono>
#include <memory>

#include <systemd/sd-bus.h>

#include "node/node.hpp"
#include "systemd/manager.hpp"
#include "systemd/step.hpp"

namespace eks {

// After 99-kubelet.conf, by which kubelet gives itself more time.
inline constexpr std::string_view logind_drop_in = "/run/systemd/logind.conf.d/99-zz-eks.conf";

// The drop-in; it is absent where the configuration says nothing of the time.
StepPlan plan_shutdown(const NodeInputs& node);

// The connections that take_over_logind() needs.
class Logind {
public:
        // Throws Error (manager_unreachable); that D-Bus cannot be reached matters only if logind runs.
        Logind();

        Manager& manager() { return manager_; }
        std::chrono::microseconds inhibit_delay(); // throws Error (daemon_refused)

private:
        Manager manager_;
        int refusal_ = 0; // of D-Bus
        std::shared_ptr<sd_bus> bus_;
};

// Let logind read the drop-in, if it runs, and wait until it has. Throws Error: daemon_refused if it does
// not, manager_unreachable.
void take_over_logind(Context& context, Logind& logind, std::optional<std::chrono::seconds> period);

// What the step may touch.
Access shutdown_access();

} // namespace eks
