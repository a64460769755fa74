// SPDX-License-Identifier: Apache-2.0
#include "node/error_line.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.hpp"

namespace eks {

namespace {

constexpr std::array<std::string_view, 6> error_prefixes{
        "Error: ", "error: ", "panic: ", "fatal error: ", "containerd: ", "kubelet: "};

// "E1124 21:30:05.123456    1234 run.go:74] …"
bool is_klog(std::string_view line)
{
        return line.size() > 5 && (line[0] == 'E' || line[0] == 'F') &&
               std::all_of(line.begin() + 1, line.begin() + 5, is_digit) && line[5] == ' ';
}

} // namespace

bool is_error(std::string_view line)
{
        if (is_klog(line) || line.find("level=error") != line.npos || line.find("level=fatal") != line.npos)
                return true;
        return std::ranges::any_of(
                error_prefixes, [&](std::string_view begin) { return line.starts_with(begin); });
}

std::string error_text(std::string_view line)
{
        if (is_klog(line) && line.find("] ") != line.npos)
                return std::string(line.substr(line.find("] ") + 2));

        if (const auto message = quoted_value(line, "msg"); !message.empty()) {
                const auto error = quoted_value(line, "error");
                return error.empty() ? message : fmt::format("{}: {}", message, error);
        }

        return std::string(line);
}

} // namespace eks
