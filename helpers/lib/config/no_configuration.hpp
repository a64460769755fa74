// SPDX-License-Identifier: Apache-2.0
// What user data is that is no configuration of this node. cloud-init warns of it and goes on.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace eks {

class NoConfiguration : public Error {
public:
        using Error::Error;
};

// Why a document that was refused as a NodeConfig is none, and was hardly meant as one: its place, what it
// looks like, and a remedy. Nothing if it has apiVersion, kind, spec or a map such as cluster. `refusal` is
// the Error of parse_node_config(). Throws nothing.
std::optional<NoConfiguration> no_configuration(
        std::string_view text, const std::string& source, const Error& refusal);

} // namespace eks
