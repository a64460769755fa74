// SPDX-License-Identifier: Apache-2.0
// registry.mirrors: the servers that containerd asks for the images of a registry before the registry
// itself.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "document/layer.hpp"

namespace eks {

struct RegistryMirror {
        std::string registry; // host and perhaps port, as in the names of images; "_default" is all others
        std::vector<std::string> endpoints;    // URLs, asked in this order; scheme and host in lower case
        std::string server;                    // URL of the registry itself; "" is https://REGISTRY
        std::vector<std::string> capabilities; // of pull, resolve, push; empty is containerd's default
        std::string ca;                        // paths of files on the node, "" is none
        std::string client_certificate;
        std::string client_key;
        std::string headers_file; // "Name: value" lines, sent to the endpoints
        bool override_path = false;
        bool insecure = false; // plain http, and untrusted certificates
        std::string source;    // for messages: "/etc/eks/node.toml, line 3, column 1"
};

// Whether two such URLs are the same: slashes at the end do not count.
bool is_same_endpoint(std::string_view one, std::string_view other);

// Sorted by registry. Invalid values are added to `problems`, and left out.
std::vector<RegistryMirror> registry_mirrors(const Json& tree, const Marks& marks, Problems& problems);

} // namespace eks
