// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "document/layer.hpp"

namespace eks {

// What a person should do about a certificate, by what read_certificates() says of it.
std::string certificate_remedy(std::string_view wrong);

// trust.certificates: items of no known form, and PEM texts that cannot be read. Files are not looked at.
void check_trust(const Json& tree, const Marks& marks, Problems& problems);

} // namespace eks
