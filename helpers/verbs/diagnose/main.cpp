// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include "base/arguments.hpp"
#include "base/error.hpp"
#include "verbs/diagnose/diagnose.hpp"

namespace {

using namespace eks;

constexpr auto usage =
        "usage: eksnode diagnose [--all] [--json] [--root DIR] [CHECK...]\n"
        "       eksnode diagnose --list\n"
        "\n"
        "Find out what prevents this machine from being a Ready node: metadata, clock, DNS, proxy,\n"
        "API server, credentials, membership in the cluster, AWS services, containerd, kubelet, disks and more,\n"
        "side by side, in some three seconds. Nothing is changed.\n"
        "\n"
        "  --all       show also what is well\n"
        "  --json      print JSON\n"
        "  --list      list the checks\n"
        "  --root DIR  prefix of every path that is read\n"
        "\n"
        "Exit status: 0 no problem; 1 a problem; 2 usage; see eksnode-diagnose(1).\n";

constexpr std::chrono::milliseconds limit{2800}; // of each check

int list()
{
        for (const auto& [name, about, ask] : questions())
                fmt::print("{:<14} {}\n", name, about);
        return 0;
}

int run(const Arguments& arguments)
{
        if (arguments.has("list"))
                return list();

        const auto machine = look_at_machine(arguments.root());
        const auto checks = diagnose(machine, arguments.positional(), limit);
        fmt::print("{}", arguments.has("json") ? render_checks_as_json(checks)
                                               : render_diagnosis(checks, arguments.has("all")));

        return std::ranges::count(checks, Check::State::problem, &Check::state) > 0 ? 1 : 0;
}

} // namespace

int main(int argc, char** argv)
{
        return run_verb("diagnose", usage, argc, argv, [&] {
                return run(Arguments::parse(argc, argv, {"all", "json", "list", "root="}));
        });
}
