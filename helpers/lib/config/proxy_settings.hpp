// SPDX-License-Identifier: Apache-2.0
// The proxy of a node: the key `proxy`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "document/layer.hpp"

namespace eks {

struct ProxySettings {
        std::string http; // URLs, "" if there is none
        std::string https;
        std::vector<std::string> no_proxy; // beside what is computed
        std::vector<std::string> services; // that use it
        bool names_services = false;       // or are these the usual ones
        std::string credentials_file;      // a path, or the name of a credential
        std::string source;                // for messages: where the last stands

        bool is_given() const { return !http.empty() || !https.empty(); }
};

// What is wrong is added to the problems, and never with a URL or another value: it may hold a password.
ProxySettings proxy_settings(const Json& tree, const Marks& marks, Problems& problems);

// "http://user:password@proxy:3128/" in parts.
struct ProxyUrl {
        std::string scheme;
        std::string login;     // "user:password", as it stands in the URL
        std::string authority; // "proxy:3128"
};
ProxyUrl split_proxy_url(std::string_view url);

} // namespace eks
