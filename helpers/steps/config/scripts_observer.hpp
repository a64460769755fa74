// SPDX-License-Identifier: Apache-2.0
// What the service manager says of the scripts in the user data. A process that may talk to the manager can
// do what root can, so a child asks, which reads no input, and the step that parses user data only reads its
// answers.
#pragma once

#include <chrono>
#include <sys/types.h>

#include "base/fd.hpp"
#include "systemd/scripts.hpp"

namespace eks {

class ScriptsObserver {
public:
        // Starts the child; call it before the step confines itself. The child reaches the manager when it
        // is asked for the first time. Throws Error (file_io).
        ScriptsObserver();
        ScriptsObserver(const ScriptsObserver&) = delete;
        ScriptsObserver& operator=(const ScriptsObserver&) = delete;
        ~ScriptsObserver(); // and waits for its end

        // Throws Error (manager_unreachable).
        ScriptsState look();

        // Wait until the state may have changed since look(), or `descriptor` can be read, or the deadline.
        void wait_for_change(std::chrono::milliseconds deadline, int descriptor);

private:
        UniqueFd child_; // its end of a pair of sockets
        pid_t pid_ = -1;
        bool changed_ = false; // since the last answer
};

} // namespace eks
