// SPDX-License-Identifier: Apache-2.0
#include "base/command_line.hpp"

#include <algorithm>
#include <array>

#include "base/fs.hpp"
#include "base/text.hpp"

namespace eks {

std::vector<std::string> kernel_command_line(const Root& root, bool in_container)
{
        const auto text =
                read_file_if_exists(root(in_container ? "/proc/1/cmdline" : "/proc/cmdline")).value_or("");
        std::vector<std::string> words;
        std::string word;
        char quote = '\0';
        const auto finish = [&] {
                if (!word.empty())
                        words.push_back(std::move(word));
                word.clear();
        };

        for (const char c : text) {
                const bool separator = in_container ? c == '\0' : c == ' ' || c == '\t' || c == '\n';
                if (quote != '\0' && c == quote)
                        quote = '\0';
                else if (quote == '\0' && separator)
                        finish();
                else if (quote == '\0' && !in_container && (c == '"' || c == '\''))
                        quote = c;
                else
                        word += c;
        }

        finish();
        return words;
}

std::optional<bool> parse_boolean(std::string_view text)
{
        constexpr std::array<std::string_view, 5> trues{"1", "yes", "true", "on", "y"};
        constexpr std::array<std::string_view, 5> falses{"0", "no", "false", "off", "n"};

        if (std::ranges::find(trues, text) != trues.end())
                return true;
        if (std::ranges::find(falses, text) != falses.end())
                return false;

        return std::nullopt;
}

bool fips_kernel(const Root& root)
{
        return trim(read_file_if_exists(root("/proc/sys/crypto/fips_enabled")).value_or("")) == "1";
}

} // namespace eks
