// SPDX-License-Identifier: Apache-2.0
// The list of what eksnode-logs collects; eksnode-logs(1) has the same.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace eks {

enum class Kind {
        files,     // patterns of glob(7), with all below matched directories
        digest,    // size and SHA-256 of a file, which may hold secrets anywhere
        command,   // a program of the machine, if it is installed; several are separated by " ; "; with
                   // {interface} or {xfs} once for each network interface, or mounted XFS
        verb,      // of eksnode, which is given --root
        status,    // of eksnode, on a machine that runs
        diagnosis, // as status; an exit status of 1 is a result
        journal,   // of units; "FIELD=value" or "*" for records of any unit
        url,       // on this machine
        table,     // computed from /proc and /sys
};

inline constexpr std::size_t kibibyte = 1024;
inline constexpr std::size_t mebibyte = 1024 * kibibyte;

struct Source {
        std::string_view name; // in the bundle; of files, a directory if it ends in '/'
        Kind kind;
        std::string_view from;        // separated by blanks
        std::size_t limit = mebibyte; // bytes of each file; of a longer one the end is taken
        bool needs_systemd = false;   // as PID 1
};

// In the order in which they are begun.
std::span<const Source> log_sources();

std::string_view kind_name(Kind kind);

inline constexpr std::string_view diagnosis_name = "eksnode/diagnosis.txt";

// Bytes of all files of one source.
inline constexpr std::size_t files_limit = 24 * mebibyte;

} // namespace eks
