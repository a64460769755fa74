// SPDX-License-Identifier: Apache-2.0
// vercmp. The order is that of GNU sort's -V, which Debian's versions have too: runs of digits count as
// numbers, '~' sorts before the end of the text, letters sort before all other signs.
#include <algorithm>
#include <cstdio>
#include <cstring>

#include <fmt/format.h>

#include "base/environment.hpp"
#include "base/text.hpp"
#include "compat/commands/commands.hpp"
#include "compat/commands/compat.hpp"

namespace eks {

namespace {

bool is_letter(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// The rank of a character that is not a digit; the end of the text, or of the run, is 0.
int rank(std::string_view text, std::size_t at)
{
        if (at >= text.size() || is_digit(text[at]))
                return at >= text.size() ? -1 : 0;
        if (text[at] == '~')
                return -2;
        const int value = static_cast<unsigned char>(text[at]);
        return is_letter(text[at]) ? value : value + 256;
}

std::size_t run_of_digits(std::string_view text, std::size_t at)
{
        const auto* end = std::find_if_not(text.begin() + at, text.end(), is_digit);
        return static_cast<std::size_t>(end - text.begin()) - at;
}

int order_of_runs(std::string_view left, std::string_view right)
{
        std::size_t l = 0;
        std::size_t r = 0;
        while (l < left.size() || r < right.size()) {
                const auto is_sign = [](std::string_view text, std::size_t at) {
                        return at < text.size() && !is_digit(text[at]);
                };

                for (; is_sign(left, l) || is_sign(right, r); ++l, ++r)
                        if (const int difference = rank(left, l) - rank(right, r); difference != 0)
                                return difference;
                const auto number = [](std::string_view text, std::size_t& at) {
                        while (at < text.size() && text[at] == '0')
                                ++at;
                        const auto length = at < text.size() ? run_of_digits(text, at) : 0;
                        at += length;
                        return text.substr(std::min(at, text.size()) - length, length);
                };

                const auto a = number(left, l);
                const auto b = number(right, r);
                if (a.size() != b.size())
                        return a.size() < b.size() ? -1 : 1;
                if (const int difference = a.compare(b); difference != 0)
                        return difference;
        }

        return 0;
}

// Without what sort treats as file suffixes: (\.[A-Za-z~][A-Za-z0-9~]*)* at the end.
std::string_view without_suffixes(std::string_view text)
{
        auto kept = text;
        for (;;) {
                const auto dot = kept.rfind('.');
                if (dot == kept.npos || dot == 0 || dot + 1 == kept.size())
                        return kept;

                const auto suffix = kept.substr(dot + 1);
                const bool fits = !is_digit(suffix.front()) && std::ranges::all_of(suffix, [](char c) {
                        return is_letter(c) || is_digit(c) || c == '~';
                });

                if (!fits)
                        return kept;

                kept = kept.substr(0, dot);
        }
}

std::string_view without_v(std::string_view version)
{
        return version.starts_with('v') ? version.substr(1) : version;
}

constexpr auto usage =
        "usage: vercmp VERSION_A OPERATOR VERSION_B\n"
        "\n"
        "Compare two versions in the order of `sort -V`; OPERATOR is lt, lteq, eq, gteq or gt.\n"
        "Prints true or false, unless VERCMP_QUIET is true. See vercmp(1).\n";

} // namespace

int version_order(std::string_view left, std::string_view right)
{
        if (const int order = order_of_runs(without_suffixes(left), without_suffixes(right)); order != 0)
                return order;
        if (const int order = order_of_runs(left, right); order != 0)
                return order;
        return left.compare(right); // sort's last resort
}

std::optional<bool> compare_versions(
        std::string_view left, std::string_view operation, std::string_view right)
{
        const int order = version_order(without_v(left), without_v(right));
        if (operation == "lt")
                return order < 0;
        if (operation == "lteq")
                return order <= 0;
        if (operation == "eq")
                return order == 0;
        if (operation == "gteq")
                return order >= 0;
        if (operation == "gt")
                return order > 0;

        return std::nullopt;
}

int vercmp_command(int argc, char** argv)
{
        if (argc == 2 && std::strcmp(argv[1], "--help") == 0) {
                fmt::print("{}", usage);
                return 0;
        }

        std::optional<bool> result;
        if (argc == 4)
                result = compare_versions(argv[1], argv[2], argv[3]);

        if (!result) {
                fmt::print(stderr, "{}", usage);
                return 1;
        }

        if (environment("VERCMP_QUIET") != "true")
                fmt::print("{}\n", *result);

        return *result ? 0 : 1;
}

} // namespace eks
