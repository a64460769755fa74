// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

namespace eks {

std::string_view trim(std::string_view text)
{
        constexpr std::string_view blanks = " \t\r\n";
        const auto first = text.find_first_not_of(blanks);
        if (first == std::string_view::npos)
                return {};
        return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::vector<std::string_view> split(std::string_view text, char separator)
{
        std::vector<std::string_view> parts;
        while (!text.empty()) {
                const auto end = text.find(separator);
                parts.push_back(text.substr(0, end));

                if (end == std::string_view::npos)
                        break;

                text.remove_prefix(end + 1);
                if (text.empty())
                        parts.emplace_back();
        }

        return parts;
}

std::vector<std::string_view> lines(std::string_view text)
{
        auto parts = split(text, '\n');
        if (!parts.empty() && parts.back().empty())
                parts.pop_back();

        for (auto& line : parts)
                if (line.ends_with('\r'))
                        line.remove_suffix(1);
        return parts;
}

std::string join(std::span<const std::string> parts, std::string_view separator)
{
        std::string result;
        for (std::size_t i = 0; i < parts.size(); ++i) {
                if (i > 0)
                        result += separator;
                result += parts[i];
        }

        return result;
}

std::string lower(std::string_view text)
{
        std::string result(text);
        for (auto& c : result)
                if (c >= 'A' && c <= 'Z')
                        c = static_cast<char>(c - 'A' + 'a');
        return result;
}

bool has_control_characters(std::string_view text)
{
        return std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

bool is_absolute_path(std::string_view text)
{
        return text.starts_with('/') && !has_control_characters(text);
}

bool is_dns_label(std::string_view text)
{
        return !text.empty() && text.size() <= 63 && text.front() != '-' && text.back() != '-' &&
               std::ranges::all_of(text,
                       [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

namespace {

// The edit distance of two words, if it is below the limit; else any number from the limit on.
std::size_t edit_distance(
        std::string_view a, std::string_view b, std::size_t limit, std::vector<std::size_t>& row)
{
        const auto longer = std::max(a.size(), b.size()) - std::min(a.size(), b.size());
        if (longer >= limit)
                return longer;

        row.resize(b.size() + 1);
        std::iota(row.begin(), row.end(), std::size_t{0});

        for (std::size_t i = 1; i <= a.size(); ++i) {
                std::size_t diagonal = row[0];
                row[0] = i;

                for (std::size_t j = 1; j <= b.size(); ++j) {
                        const std::size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
                        diagonal = row[j];
                        row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
                }

                if (const auto least = *std::ranges::min_element(row); least >= limit)
                        return least;
        }

        return row.back();
}

// The longer of what follows the names between dots that both words begin with. If all of it differs,
// nothing is alike: "cluster.aa" is not a slip for "cluster.id".
std::size_t longest_own_part(std::string_view a, std::string_view b)
{
        const auto alike = static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
        const auto dot = a.substr(0, alike).rfind('.');
        const auto shared = dot == a.npos ? 0 : dot + 1;
        return std::max({a.size() - shared, b.size() - shared, std::size_t{1}});
}

} // namespace

std::string quoted_value(std::string_view line, std::string_view name)
{
        const auto at = line.find(fmt::format("{}=\"", name));
        if (at == line.npos)
                return {};

        std::string value;
        for (auto i = at + name.size() + 2; i < line.size() && line[i] != '"'; ++i) {
                if (line[i] == '\\' && i + 1 < line.size())
                        ++i;
                value += line[i];
        }

        return value;
}

std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates)
{
        constexpr std::size_t longest = 128; // more is not a typing slip, and the cost is quadratic
        if (word.size() > longest)
                return std::nullopt;

        std::optional<std::string> best;
        std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
        std::vector<std::size_t> row; // shared, because an allocation costs more than most comparisons

        for (const auto& candidate : candidates)
                if (const auto distance = edit_distance(word, candidate, best_distance, row);
                        distance < best_distance && distance < longest_own_part(word, candidate)) {
                        best_distance = distance;
                        best = candidate;
                }

        return best;
}

std::string did_you_mean(
        std::string_view word, std::span<const std::string> candidates, std::string_view prefix)
{
        const auto near = nearest(word, candidates);
        return near ? fmt::format("; did you mean '{}{}'?", prefix, *near) : std::string();
}

std::string wrapped(
        std::string first, const std::vector<std::string>& words, std::string_view indent, std::size_t width)
{
        auto column = first.size();
        for (const auto& word : words) {
                if (column + 1 + word.size() > width) {
                        first.append("\n").append(indent);
                        column = indent.size();
                }
                first.append(" ").append(word);
                column += 1 + word.size();
        }

        return first;
}

} // namespace eks
