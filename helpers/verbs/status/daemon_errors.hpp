// SPDX-License-Identifier: Apache-2.0
// What a daemon says of its failure, and the keys of the configuration that it is about.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "config/configured.hpp"
#include "node/error_line.hpp"

namespace eks {

// A record of a unit in the journal.
struct JournalRecord {
        std::string text;
        std::uint64_t time = 0; // µs since 1970
        std::string invocation; // of the unit, for the records of its processes
        std::string failure;    // EKS_RESULT=failed: the cause and the remedy of a step
        std::string result;     // EKS_RESULT of the last record of a run
        std::string process;    // its number
        int priority = 6;
};

// The newest error of the records, newest first, else the newest record; "" without any.
std::string last_error(const std::vector<JournalRecord>& records);

// What is to be changed for an error of a daemon that says it by its kind: the clock, the network, the
// access entry. "" for others. Keys are named without the place where they are set.
std::string change_for(std::string_view message, bool clock_synchronised = true);

// The same as eks-join has found it, which knows the role and the username that the cluster does not; "" if
// its cause is not that of `error`.
std::string change_found_by_join(std::string_view error);

// What is to be changed for systemd's words about a program that it could not execute.
std::string change_for_program(const std::string& program, std::string_view message);

// The keys that a daemon's message is about and where each is set, by node.json:
// "kubelet.config.featureGates.X = true (user data, line 9)". For containerd also lines of `drop_ins`, its
// files of TOML, and of containerd.config; for a message that names none of them, each of these texts.
std::vector<std::string> places_of(const Json& node, std::string_view daemon, std::string_view message,
        const std::vector<Sourced>& drop_ins = {});

// One key and where it is set.
std::string key_place(const Json& node, const std::string& key);

// The key of a place in the message of a step, for `eksnode explain`; "" if there is none.
std::string key_in(const Json& node, const std::string& message);

} // namespace eks
