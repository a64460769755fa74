// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <unistd.h>

#include "base/fd.hpp"

namespace eks {

// `eksnode apply` prints to standard output; the commands of other images print nothing there.
class StdoutToStderr {
public:
        StdoutToStderr() : saved_(::dup(STDOUT_FILENO))
        {
                std::fflush(stdout);
                ::dup2(STDERR_FILENO, STDOUT_FILENO);
        }
        StdoutToStderr(const StdoutToStderr&) = delete;
        StdoutToStderr& operator=(const StdoutToStderr&) = delete;
        StdoutToStderr(StdoutToStderr&&) = delete;
        StdoutToStderr& operator=(StdoutToStderr&&) = delete;
        ~StdoutToStderr()
        {
                std::fflush(stdout);
                if (saved_)
                        ::dup2(saved_.get(), STDOUT_FILENO);
        }

private:
        UniqueFd saved_;
};

} // namespace eks
