// SPDX-License-Identifier: Apache-2.0
// max-pods-calculator.sh, on `eksnode max-pods`.
#include <algorithm>
#include <array>
#include <cstdio>

#include <fmt/format.h>

#include "base/environment.hpp"
#include "base/error.hpp"
#include "compat/commands/commands.hpp"
#include "compat/commands/compat.hpp"
#include "verbs/max-pods/max_pods.hpp"

namespace eks {

namespace {

struct Option {
        std::string_view name; // the same for `eksnode max-pods`
        const char* variable;
        bool valued;
};

constexpr std::array options{Option{"--instance-type", "INSTANCE_TYPE", true},
        Option{"--instance-type-from-imds", "INSTANCE_TYPE_FROM_IMDS", false},
        Option{"--cni-version", "CNI_VERSION", true},
        Option{"--cni-custom-networking-enabled", "CNI_CUSTOM_NETWORKING_ENABLED", false},
        Option{"--cni-prefix-delegation-enabled", "CNI_PREFIX_DELEGATION_ENABLED", false},
        Option{"--cni-max-eni", "CNI_MAX_ENI", true},
        Option{"--show-max-allowed", "SHOW_MAX_ALLOWED", false}};

constexpr auto usage =
        "usage: max-pods-calculator.sh --instance-type TYPE | --instance-type-from-imds --cni-version V\n"
        "                              [OPTION]...\n"
        "\n"
        "How many pods an instance type runs with the VPC CNI.\n"
        "\n"
        "  --instance-type TYPE             such as m5.large\n"
        "  --instance-type-from-imds        that of this instance\n"
        "  --cni-version V                  such as 1.19.2\n"
        "  --cni-custom-networking-enabled  the primary network interface serves no pods\n"
        "  --cni-prefix-delegation-enabled  it assigns prefixes\n"
        "  --cni-max-eni N                  it uses at most so many network interfaces\n"
        "  --show-max-allowed               without the limit of 110 up to 30 vCPUs, 250 above\n"
        "\n"
        "See max-pods-calculator.sh(8) and, for the current command, eksnode-max-pods(1).\n";

} // namespace

std::vector<std::string> max_pods_arguments(
        const std::vector<std::string>& given, const Variables& variables, std::vector<std::string>& ignored)
{
        std::array<std::string, options.size()> values;
        for (std::size_t i = 0; i < options.size(); ++i)
                values[i] = variables(options[i].variable);

        for (std::size_t at = 0; at < given.size(); ++at) {
                const auto* option = std::ranges::find(options, given[at], &Option::name);
                if (option == options.end()) {
                        ignored.push_back(given[at]);
                        continue;
                }

                auto& value = values[static_cast<std::size_t>(option - options.begin())];
                if (!option->valued)
                        value = "true";
                else if (at + 1 < given.size())
                        value = given[++at];
                else
                        throw Error(failure::usage, fmt::format("'{}' needs a value", given[at]));
        }

        std::vector<std::string> arguments;
        for (std::size_t i = 0; i < options.size(); ++i) {
                const auto& option = options[i];
                if (option.valued && !values[i].empty())
                        arguments.push_back(fmt::format("{}={}", option.name, values[i]));
                else if (!option.valued && values[i] == "true")
                        arguments.emplace_back(option.name);
        }

        const auto has = [&](std::string_view start) {
                return std::ranges::any_of(
                        arguments, [&](const std::string& argument) { return argument.starts_with(start); });
        };

        if (!has("--instance-type"))
                throw Error(
                        failure::usage, "one of --instance-type and --instance-type-from-imds is needed");
        if (!has("--cni-version="))
                throw Error(failure::usage, "--cni-version is needed");

        return arguments;
}

int max_pods_calculator_command(int argc, char** argv)
{
        const std::vector<std::string> given(argv + std::min(argc, 1), argv + argc);
        for (const char* help : {"-h", "--help"})
                if (std::ranges::find(given, help) != given.end()) {
                        fmt::print("{}", usage);
                        return 1; // as it did
                }

        try {
                std::vector<std::string> ignored;
                auto arguments = max_pods_arguments(given, environment, ignored);

                for (const auto& word : ignored)
                        fmt::print(stderr, "max-pods-calculator.sh: unknown option '{}', ignoring\n", word);
                arguments.insert(arguments.begin(), {"max-pods", "--root=" + environment("EKS_ROOT")});

                std::vector<char*> words;
                for (auto& argument : arguments)
                        words.push_back(argument.data());
                fmt::print("{}", max_pods_output(parse_max_pods_arguments(
                                                         static_cast<int>(words.size()), words.data()),
                                         instance_type_from_imds));
                return 0;
        } catch (const std::exception& e) {
                fmt::print(stderr, "max-pods-calculator.sh: {}\n", e.what());
                return 1;
        }
}

} // namespace eks
