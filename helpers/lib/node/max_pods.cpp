// SPDX-License-Identifier: Apache-2.0
#include "node/max_pods.hpp"

#include <string>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"

namespace eks {

std::optional<InstanceType> find_instance_type(const Root& root, std::string_view type)
{
        const auto table = "\n" + read_file(root(instance_types_path));
        const auto at = table.find(fmt::format("\n{}\t", type));
        if (at == std::string::npos)
                return std::nullopt;
        const auto row = std::string_view(table).substr(at + 1, table.find('\n', at + 1) - at - 1);
        const auto columns = split(row, '\t'); // instance_type, max_enis, ipv4_per_eni, …
        const auto enis = columns.size() > 2 ? parse_int<unsigned>(columns[1]) : std::nullopt;
        const auto addresses = columns.size() > 2 ? parse_int<unsigned>(columns[2]) : std::nullopt;
        if (!enis || !addresses || *enis < 1 || *addresses < 1)
                throw Error(failure::vendor_file,
                        fmt::format("'{}' has a malformed row: '{}'", instance_types_path, row),
                        "Reinstall eksnode");
        return InstanceType{*enis, *addresses};
}

} // namespace eks
