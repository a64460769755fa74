// SPDX-License-Identifier: Apache-2.0
#include "base/arguments.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"

namespace eks {

namespace {

constexpr std::string_view end_of_options = "--";
constexpr const char* log_level = "EKS_LOG_LEVEL";

} // namespace

Arguments Arguments::parse(int argc, char** argv, std::initializer_list<std::string_view> options)
{
        Arguments arguments;
        bool options_ended = false;

        for (int i = 1; i < argc; ++i) {
                const std::string_view argument = argv[i];
                if (argument == end_of_options && !std::exchange(options_ended, true))
                        continue;

                if (options_ended || !argument.starts_with("--")) {
                        arguments.positional_.emplace_back(argument);
                        continue;
                }

                if (argument == "--debug") {
                        ::setenv(log_level, "debug", 1); // programs that it starts know it, too
                        continue;
                }

                const auto equals = argument.find('=');
                const std::string name(argument.substr(2, equals == argument.npos ? equals : equals - 2));
                const bool valued = std::ranges::find(options, name + "=") != options.end();
                if (!valued &&
                        (equals != argument.npos || std::ranges::find(options, name) == options.end()))
                        throw Error(
                                failure::usage, fmt::format("unknown option '{}'", argument), "See --help");

                std::string value;
                if (valued && equals != argument.npos)
                        value = argument.substr(equals + 1);
                else if (valued && i + 1 < argc)
                        value = argv[++i];
                else if (valued)
                        throw Error(
                                failure::usage, fmt::format("'{}' needs a value", argument), "See --help");

                arguments.values_[name].push_back(std::move(value));
        }

        return arguments;
}

std::optional<std::string> Arguments::last(std::string_view name) const
{
        const auto found = values_.find(name);
        return found != values_.end() ? std::optional(found->second.back()) : std::nullopt;
}

std::vector<std::string> Arguments::all(std::string_view name) const
{
        const auto found = values_.find(name);
        return found != values_.end() ? found->second : std::vector<std::string>();
}

Root Arguments::root() const
{
        const auto prefix = last("root").value_or("");
        return prefix.empty() ? Root::of_program() : Root(prefix);
}

std::vector<std::string> Arguments::names() const
{
        std::vector<std::string> names;
        for (const auto& [name, values] : values_)
                names.push_back(name);
        return names;
}

bool debugs()
{
        const char* level = std::getenv(log_level);
        return level != nullptr && std::string_view(level) == "debug";
}

void debug(std::string_view text)
{
        if (debugs())
                fmt::print(stderr, "debug: {}\n", hide_secrets(std::string(text)));
}

int run_verb(std::string_view verb, std::string_view usage, int argc, char** argv,
        const std::function<int()>& body)
{
        for (int i = 1; i < argc && std::string_view(argv[i]) != end_of_options; ++i)
                if (std::string_view(argv[i]) == "--help") {
                        fmt::print("{}", usage);
                        return 0;
                }
        try {
                return body();
        } catch (const Error& e) {
                fmt::print(stderr, "eksnode {}: {}\n", verb, e.full_text());
                return e.exit_status();
        } catch (const std::exception& e) {
                fmt::print(stderr, "eksnode {}: {}\n", verb, hide_secrets(without_input(e.what())));
                return 1;
        }
}

} // namespace eks
