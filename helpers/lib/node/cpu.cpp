// SPDX-License-Identifier: Apache-2.0
#include "node/cpu.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

constexpr std::string_view cpu_directory = "/sys/devices/system/cpu";
constexpr std::string_view node_directory = "/sys/devices/system/node";

constexpr const char* see_sysfs = "sysfs must be mounted at /sys: see `findmnt /sys`";

using Ranges = std::vector<std::pair<unsigned, unsigned>>;

// "0,2-4,6"
Ranges parse_ranges(std::string_view text, std::string_view path)
{
        Ranges ranges;
        for (const auto part : split(trim(text), ',')) {
                const auto dash = part.find('-');
                const auto first = parse_int<unsigned>(part.substr(0, dash));
                const auto last = dash == part.npos ? first : parse_int<unsigned>(part.substr(dash + 1));
                if (!first || !last)
                        throw Error(failure::file_io,
                                fmt::format("'{}' is not a list of CPUs: '{}'", path, text), see_sysfs);

                ranges.emplace_back(*first, *last);
        }

        if (ranges.empty())
                throw Error(failure::file_io, fmt::format("'{}' lists no CPU", path), see_sysfs);

        return ranges;
}

// The number of an entry "<prefix>N", if it is one.
std::optional<unsigned> numbered(std::string_view name, std::string_view prefix)
{
        return name.starts_with(prefix) ? parse_int<unsigned>(name.substr(prefix.size())) : std::nullopt;
}

} // namespace

unsigned online_millicpus(const Root& root)
{
        const auto online_path = std::string(cpu_directory) + "/online";
        const auto online_text = read_file_if_exists(root(online_path));
        const auto ranges = online_text ? parse_ranges(*online_text, online_path) : Ranges();
        const auto online = [&](unsigned cpu) {
                return !online_text || std::ranges::any_of(ranges, [&](const auto& range) {
                        return cpu >= range.first && cpu <= range.second;
                });
        };

        unsigned cpus = 0;
        bool has_nodes = false;

        for (const auto& node : list_directory(root(node_directory))) {
                if (!numbered(node, "node"))
                        continue;
                has_nodes = true;
                for (const auto& name : list_directory(root(fmt::format("{}/{}", node_directory, node))))
                        if (const auto cpu = numbered(name, "cpu"); cpu && online(*cpu))
                                ++cpus;
        }

        if (!has_nodes) // no NUMA information: count all CPUs
                for (const auto& name : list_directory(root(cpu_directory)))
                        if (numbered(name, "cpu"))
                                ++cpus;

        if (cpus == 0)
                throw Error(failure::file_io, fmt::format("no CPU below '{}'", cpu_directory), see_sysfs);

        return cpus * 1000;
}

} // namespace eks
