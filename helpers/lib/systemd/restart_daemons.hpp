// SPDX-License-Identifier: Apache-2.0
// For a step that writes what daemons read when they start. On a machine that becomes a node while it runs,
// they may run before the step does.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "systemd/daemons.hpp"
#include "systemd/step.hpp"

namespace eks {

class Manager;

// What run_step() does for Step::read_by.
class DaemonRestart {
public:
        // Connects to the manager if one of these units runs now, which none does in a boot. Call it before
        // the step confines itself.
        DaemonRestart(const Root& root, std::vector<std::string_view> daemons);

        // Have the manager restart each of them that was started before a file of this step was written;
        // does not wait. The job starts when the steps that the daemon waits for have ended. With
        // containers, only kubelet is restarted; the others, and all of them without a manager, are a
        // warning.
        void restart(Context& context) const;

private:
        std::vector<std::string_view> daemons_; // empty if none runs
        std::shared_ptr<Manager> manager_;
        bool with_containers_ = false;
};

// Whether containerd, or the containerd that Docker starts, has a task.
bool has_containers(const Root& root);

} // namespace eks
