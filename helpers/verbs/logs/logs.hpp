// SPDX-License-Identifier: Apache-2.0
// eksnode logs: a support bundle of this machine, or of a volume of another one.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "verbs/logs/collect.hpp"
#include "verbs/logs/sources.hpp"

namespace eks {

inline constexpr std::chrono::seconds usual_timeout{10};
inline constexpr std::chrono::seconds usual_since{10 * 24 * 3600}; // as AL2's log collector

struct LogOptions {
        Root root;
        std::optional<std::string> output; // "-" for stdout
        std::chrono::seconds since = usual_since;
        std::chrono::milliseconds timeout = usual_timeout;
        std::vector<std::string> without; // names of sources begin with one of them: left out
        bool is_on_ec2 = true;            // otherwise the name of the file has no instance id
};

// "90", "90s", "15min", "2h", "10d". Throws Error (usage).
std::chrono::seconds parse_duration(const std::string& option, const std::string& text);

// "/var/log/eks_i-0abc_2022-12-19_1639-UTC_VERSION.tar.gz", the place and form of AL2's.
std::string default_output(const std::string& instance_id, std::time_t now);

// One line for each source: name, kind, what it is from.
std::string list_sources();

// Write the bundle, and say on stderr what is missing. Throws Error.
int write_bundle(const LogOptions& options);

} // namespace eks
