// SPDX-License-Identifier: Apache-2.0
#include "base/error.hpp"

#include <cstring>

#include <fmt/format.h>

#include "base/secrets.hpp"

namespace eks {

Error::Error(const Failure& failure, const std::string& what, const std::string& remedy)
        : std::runtime_error(hide_secrets(what)), failure_(&failure), remedy_(hide_secrets(remedy))
{
}

std::string Error::full_text() const
{
        const std::string_view cause = what();
        if (remedy_.empty())
                return std::string(cause);
        return fmt::format("{}{} {}", cause, cause.ends_with('?') ? "" : ".", remedy_);
}

Error io_error(std::string_view verb, std::string_view path, int errno_value)
{
        return {failure::file_io, fmt::format("cannot {} '{}': {}", verb, path, ::strerror(errno_value))};
}

} // namespace eks
