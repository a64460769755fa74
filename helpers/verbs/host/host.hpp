// SPDX-License-Identifier: Apache-2.0
// eksnode host check: compares the state of this machine with what a node needs.
#pragma once

#include <string>
#include <vector>

#include "base/root.hpp"

namespace eks {

struct Check {
        enum class State {
                ok,
                unknown, // cannot be determined here or now
                warning, // a node works, but worse or less safely
                problem, // a node, or some of its pods, do not work
        };

        std::string name; // of what was looked at: "cgroup", "sysctl vm.overcommit_memory"
        State state = State::ok;
        std::string found;  // what is in force, in words
        std::string wanted; // empty if it is in force
        std::string remedy; // what to do; empty unless there is something

        bool operator==(const Check&) const = default;
};

// "ok", "unknown", "warning" or "problem".
std::string_view state_name(Check::State state);

// All checks of the machine below `root`, in the order of the manual page. `clock_is_right` is the kernel's
// state of the clock, `landlock` what landlock_abi() says, and `packet_rules` what iptables_rules()
// returned. Reads files only. Throws Error (file_io).
std::vector<Check> check_host(
        const Root& root, bool clock_is_right, long landlock, const std::string& packet_rules = {});

// The rules of the packet filter, as `iptables -S` prints them; "" if there are none, or for others than
// root.
std::string iptables_rules();

// One check a line, with what to do below it.
std::string render_checks(const std::vector<Check>& checks);

// {"checks": [{"name", "state", "found", "wanted", "remedy"}]}
std::string render_checks_as_json(const std::vector<Check>& checks);

// The parts, each for one subject.
std::vector<Check> check_modules(const Root& root);
std::vector<Check> check_sysctls(const Root& root);
std::vector<Check> check_limits(const Root& root);
std::vector<Check> check_daemons(const Root& root); // one for each that has an older configuration
Check check_cgroup(const Root& root);
Check check_swap(const Root& root);
Check check_networkd(const Root& root);
Check check_iptables(const Root& root);
Check check_firewall(const Root& root, const std::string& packet_rules = {});
Check check_clock(const Root& root, bool clock_is_right);
Check check_security_module(const Root& root);
Check check_landlock(long abi);

} // namespace eks
