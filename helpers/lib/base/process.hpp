// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace eks {

struct ProcessResult {
        int status = 0;     // exit status; 128 + signal if it was killed
        std::string output; // stdout and stderr, as written, capped
        bool timed_out = false;
};

inline constexpr std::size_t program_output_limit = 64U << 10U;

// Run a program by absolute path and wait for it; it is killed at the deadline, and left behind
// if that does not end it. Of its output about `output_limit` bytes are kept; the rest is read and
// dropped. Throws Error (file_io) if it cannot be started.
ProcessResult run_program(const std::vector<std::string>& argv, std::chrono::milliseconds deadline,
        std::size_t output_limit = program_output_limit);

} // namespace eks
