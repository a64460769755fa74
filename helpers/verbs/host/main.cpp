// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include "base/arguments.hpp"
#include "base/clock.hpp"
#include "base/confine.hpp"
#include "base/error.hpp"
#include "verbs/host/host.hpp"

namespace {

using namespace eks;

constexpr auto usage =
        "usage: eksnode host check [--json] [--root DIR]\n"
        "\n"
        "Compare what is in force on this machine with what a node needs: kernel modules and\n"
        "parameters, limits, cgroup version, swap, networkd, iptables, firewalls, clock, SELinux.\n"
        "\n"
        "  --json      print JSON\n"
        "  --root DIR  prefix of every path that is read\n"
        "\n"
        "Exit status: 0 no problem; 1 a problem; 2 usage; see eksnode-host(1).\n";

int check(const Arguments& arguments)
{
        const auto& words = arguments.positional();
        if (words.size() != 1 || words.front() != "check")
                throw Error(failure::usage,
                        words.empty() ? "a command is needed"
                                      : fmt::format("unknown command '{}'", words.back()),
                        "Use `eksnode host check`");

        const auto root = arguments.root();
        const auto checks = check_host(root, clock_is_synchronised(), landlock_abi(),
                root.prefix().empty() ? iptables_rules() : "");
        fmt::print("{}", arguments.has("json") ? render_checks_as_json(checks) : render_checks(checks));

        return std::ranges::count(checks, Check::State::problem, &Check::state) > 0 ? 1 : 0;
}

} // namespace

int main(int argc, char** argv)
{
        return run_verb("host", usage, argc, argv, [&] {
                return check(Arguments::parse(argc, argv, {"json", "root="}));
        });
}
