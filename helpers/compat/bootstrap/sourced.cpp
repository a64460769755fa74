// SPDX-License-Identifier: Apache-2.0
#include "compat/bootstrap/sourced.hpp"

#include <chrono>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/process.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

using namespace std::chrono_literals;

constexpr auto deadline = 30s;
constexpr std::string_view extra_args = "KUBELET_EXTRA_ARGS";
// Prints NAME=VALUE of each named variable that is set after the file was read, with a NUL after each and at
// the end.
constexpr auto program = R"sh(file=$1; shift
. "$file" >/dev/null 2>&1 </dev/null
for name; do [[ ! -v $name ]] || printf '%s=%s\0' "$name" "${!name}"; done
printf '\0')sh";

} // namespace

std::vector<std::string> add_sourced_settings(BootstrapCall& call, const std::string& path)
{
        if (!exists(path))
                return {};

        std::vector<std::string> words{"/bin/bash", "-c", program, "bash", path};
        for (const auto name : bootstrap_variables())
                words.emplace_back(name);

        const auto result = run_program(words, deadline);
        if (result.timed_out || !result.output.ends_with('\0'))
                throw Error(failure::config_invalid,
                        fmt::format(
                                "'{}' {}", path, result.timed_out ? "did not end in 30 s" : "calls exit"),
                        "Remove everything but assignments from the file");

        std::vector<std::string> names;

        for (const auto entry : split(result.output, '\0')) {
                const auto equals = entry.find('=');
                if (equals == entry.npos)
                        continue;

                const std::string name(entry.substr(0, equals));
                const std::string value(entry.substr(equals + 1));
                const auto had = call.environment.find(name);
                if (had != call.environment.end() && had->second == value)
                        continue; // of the caller's environment

                names.push_back(name);
                if (name == extra_args)
                        call.more_flags = value;
                call.environment.insert_or_assign(name, value);
        }

        return names;
}

} // namespace eks
