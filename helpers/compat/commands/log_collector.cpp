// SPDX-License-Identifier: Apache-2.0
// eks-log-collector.sh: becomes `eksnode logs`, which writes the same file.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "compat/commands/commands.hpp"

namespace eks {

namespace {

struct Option {
        std::string_view name;
        std::vector<std::string_view> arguments; // of eksnode-logs
};

const std::vector<Option>& options()
{
        static const std::vector<Option> all{{"--eks_hybrid", {"--no-instance-id"}},
                {"--ignore_introspection",
                        {"--without=ipamd/enis", "--without=ipamd/pods", "--without=ipamd/networkutils",
                                "--without=ipamd/ipamd", "--without=ipamd/eni-configs"}},
                {"--ignore_metrics", {"--without=ipamd/metrics"}}};
        return all;
}

constexpr auto usage =
        "usage: eks-log-collector.sh [--ignore_introspection=true|false] [--ignore_metrics=true|false]\n"
        "                            [--eks_hybrid=true|false]\n"
        "\n"
        "  --ignore_introspection  do not ask the VPC CNI for its state\n"
        "  --ignore_metrics        do not ask the VPC CNI for its metrics\n"
        "  --eks_hybrid            write no instance id into the name of the archive\n"
        "  --help                  print this\n"
        "\n"
        "The command is `eksnode logs`, see eksnode-logs(1).\n";

// That of `eksnode logs`, beside this program.
std::string logs_program()
{
        const auto self = read_link_if_exists("/proc/self/exe").value_or("");
        return self.substr(0, self.rfind('/') + 1) + "eksnode-logs";
}

} // namespace

int log_collector_command(int argc, char** argv)
{
        const auto program = logs_program();
        std::vector<std::string> words{program};

        for (int i = 1; i < argc; ++i) {
                const std::string_view argument = argv[i];
                if (argument == "--help") {
                        fmt::print("{}", usage);
                        return 0;
                }

                const auto equals = argument.find('=');
                const auto option = std::ranges::find(options(), argument.substr(0, equals), &Option::name);
                if (option == options().end()) {
                        fmt::print(stderr, "Parameter not found: '{}'\n\n{}", argument, usage);
                        return 1;
                }

                // Off by this word only, as in the script.
                if (equals == argument.npos || argument.substr(equals + 1) != "false")
                        words.insert(words.end(), option->arguments.begin(), option->arguments.end());
        }

        std::vector<char*> arguments;
        for (auto& word : words)
                arguments.push_back(word.data());
        arguments.push_back(nullptr);
        ::execv(program.c_str(), arguments.data());
        fmt::print(stderr, "eks-log-collector.sh: cannot run '{}': {}\n", program, std::strerror(errno));

        return 1;
}

} // namespace eks
