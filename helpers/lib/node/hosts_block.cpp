// SPDX-License-Identifier: Apache-2.0
#include "node/hosts_block.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "config/addresses.hpp"

namespace eks {

std::string endpoint_host(std::string_view url)
{
        const auto scheme = url.find("://");
        if (scheme != url.npos)
                url.remove_prefix(scheme + 3);
        url = url.substr(0, url.find('/'));
        if (url.starts_with('['))
                return {}; // an IPv6 address

        std::string host(url.substr(0, url.find(':')));
        return is_address(host) ? std::string() : host;
}

bool names_host(std::string_view text, std::string_view host)
{
        for (const auto line : lines(text)) {
                auto rest = trim(line.substr(0, line.find('#')));
                for (bool address = true; !rest.empty(); address = false) {
                        const auto end = std::min(rest.find_first_of(" \t"), rest.size());
                        if (!address && rest.substr(0, end) == host)
                                return true;
                        rest = trim(rest.substr(end));
                }
        }
        return false;
}

} // namespace eks
