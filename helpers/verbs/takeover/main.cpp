// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <unistd.h>

#include <fmt/format.h>

#include "base/arguments.hpp"
#include "base/error.hpp"
#include "verbs/takeover/takeover.hpp"

namespace {

using namespace eks;

constexpr auto usage =
        "usage: eksnode takeover [--undo] [--dry-run] [--root DIR]\n"
        "\n"
        "On the EKS image of Amazon Linux 2023, with eksnode installed over it: disable the units of nodeadm,\n"
        "and set aside the image's files in /etc that have precedence over eksnode's. The files are kept in\n"
        "/etc/eks/set-aside. It takes effect at the next boot.\n"
        "\n"
        "  --undo      bring everything back\n"
        "  --dry-run   only say what would be done\n"
        "  --root DIR  prefix of every path that is read or written\n"
        "\n"
        "Exit status: 0, also if there is nothing to do; 1 a file cannot be moved; 2 usage; see\n"
        "eksnode-takeover(1).\n";

int take_over(const Arguments& arguments)
{
        if (!arguments.positional().empty())
                throw Error(failure::usage,
                        fmt::format("unknown argument '{}'", arguments.positional().front()), "See --help");

        const auto root = arguments.root();
        const bool undo = arguments.has("undo");

        const bool dry = arguments.has("dry-run");
        if (root.prefix().empty() && ::geteuid() != 0 && !dry)
                throw Error(failure::usage, "only root can move files in /etc", "Run it with sudo");

        const auto plan = undo ? plan_undo(root) : plan_takeover(root);
        for (const auto& move : plan.moves) {
                if (undo) {
                        if (!dry)
                                bring_back(root, move);
                        fmt::print("{} {}\n", dry ? "would bring back" : "brought back", move.path);
                } else {
                        if (!dry)
                                set_aside(root, move);
                        fmt::print(
                                "{} {}: {}\n", dry ? "would set aside" : "set aside", move.path, move.why);
                }
        }

        if (undo && !dry)
                remove_empty_directories(root);
        for (const auto& note : plan.notes)
                fmt::print("{}\n", note);

        if (plan.moves.empty())
                fmt::print("nothing to {}\n", undo ? "bring back" : "set aside");
        else if (!dry)
                fmt::print("it takes effect at the next boot{}\n",
                        undo ? "" : "; `eksnode takeover --undo` brings everything back");

        return 0;
}

} // namespace

int main(int argc, char** argv)
{
        return run_verb("takeover", usage, argc, argv, [&] {
                return take_over(Arguments::parse(argc, argv, {"dry-run", "undo", "root="}));
        });
}
