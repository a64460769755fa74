// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <cstdio>

#include <fmt/format.h>

#include "base/arguments.hpp"
#include "base/error.hpp"
#include "verbs/logs/logs.hpp"

namespace {

using namespace eks;

constexpr auto usage =
        "usage: eksnode logs [--output FILE|-] [--since TIME] [--timeout TIME] [--without NAME]...\n"
        "                    [--root DIR]\n"
        "       eksnode logs --list\n"
        "\n"
        "Write logs, states and settings of this machine into one archive for support, without secrets.\n"
        "\n"
        "  --output FILE   the archive, or - for standard output (also -o; default: /var/log/eks_...tar.gz)\n"
        "  --since TIME    how far back to read the journals, such as 2h or 10d (default: 10d)\n"
        "  --timeout TIME  how long to wait for each source (default: 10s)\n"
        "  --without NAME  leave out the sources whose names begin so, such as ipamd/; repeatable\n"
        "  --no-instance-id  the default name of the archive has none\n"
        "  --root DIR      collect from the volume of another machine, which is mounted there\n"
        "  --list          print what is collected\n"
        "\n"
        "Exit status: 0 the archive is written; 1 it cannot be written; 2 usage; see eksnode-logs(1).\n";

int logs(const Arguments& arguments)
{
        if (!arguments.positional().empty())
                throw Error(failure::usage,
                        fmt::format("unknown argument '{}'", arguments.positional().front()), "See --help");

        if (arguments.has("list")) {
                fmt::print("{}", list_sources());
                return 0;
        }

        LogOptions options{.root = Root(arguments.last("root").value_or("")),
                .output = arguments.last("output"),
                .without = arguments.all("without"),
                .is_on_ec2 = !arguments.has("no-instance-id")};
        if (const auto since = arguments.last("since"))
                options.since = parse_duration("--since", *since);
        if (const auto timeout = arguments.last("timeout"))
                options.timeout = parse_duration("--timeout", *timeout);

        return write_bundle(options);
}

} // namespace

int main(int argc, char** argv)
{
        std::vector<std::string> words(argv, argv + argc); // NOLINT: that is how it is given
        for (auto& word : words)
                if (word == "-o")
                        word = "--output";

        std::vector<char*> pointers;
        for (auto& word : words)
                pointers.push_back(word.data());
        std::signal(SIGPIPE, SIG_IGN); // NOLINT: a reader that is gone is an error of write()

        return run_verb("logs", usage, argc, argv, [&] {
                return logs(Arguments::parse(argc, pointers.data(),
                        {"output=", "since=", "timeout=", "without=", "root=", "list", "no-instance-id"}));
        });
}
