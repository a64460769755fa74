// SPDX-License-Identifier: Apache-2.0
#include "systemd/swaps.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "base/proc_path.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

// The words of a line whose columns are aligned with blanks and tabs.
std::vector<std::string> words(std::string_view line)
{
        std::string plain(line);
        std::ranges::replace(plain, '\t', ' ');

        std::vector<std::string> found;
        for (const auto word : split(plain, ' '))
                if (!word.empty())
                        found.emplace_back(word);
        return found;
}

std::uint64_t bytes(const std::string& kib)
{
        return parse_int<std::uint64_t>(kib).value_or(0) << 10U;
}

} // namespace

std::vector<SwapArea> swap_areas(std::string_view text)
{
        constexpr std::size_t columns = 5; // path, type, size, used, priority
        std::vector<SwapArea> areas;

        for (const auto line : lines(text)) {
                const auto fields = words(line);
                if (!fields.empty() && fields.front() != "Filename")
                        areas.push_back(fields.size() < columns
                                                ? SwapArea{unescaped(fields.front())}
                                                : SwapArea{unescaped(fields[0]), bytes(fields[2]),
                                                          bytes(fields[3])});
        }

        return areas;
}

std::vector<SwapArea> swap_areas(const Root& root)
{
        return swap_areas(read_file_if_exists(root("/proc/swaps")).value_or(""));
}

std::string names_of(const std::vector<SwapArea>& areas)
{
        std::vector<std::string> paths;
        for (const auto& area : areas)
                paths.push_back(area.path);
        return join(paths, ", ");
}

SwapRecord parse_swap_record(std::string_view text)
{
        const auto line = trim(text);
        const auto end = std::min(line.find(' '), line.size());
        return {std::string(line.substr(0, end)), std::string(trim(line.substr(end)))};
}

SwapRecord swap_record(const Root& root)
{
        return parse_swap_record(read_file_if_exists(root(swap_record_path)).value_or(""));
}

std::string swap_on_store(const Root& root)
{
        return std::string(trim(read_file_if_exists(root(swap_on_store_path)).value_or("")));
}

std::string render_swap_record(const SwapRecord& record)
{
        return fmt::format("{}{}{}\n", record.kind, record.path.empty() ? "" : " ", record.path);
}

} // namespace eks
