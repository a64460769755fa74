// SPDX-License-Identifier: Apache-2.0
#include "node/iptables.hpp"

#include <unistd.h>

#include "base/fs.hpp"
#include "base/text.hpp"

namespace eks {

Iptables find_iptables(const Root& root)
{
        constexpr int most_links = 8; // update-alternatives makes them
        Iptables found;
        std::string program = "/usr/sbin/iptables";
        found.installed = read_link_if_exists(root(program)) || exists(root(program));

        for (int i = 0; i < most_links; ++i) {
                const auto link = read_link_if_exists(root(program));
                if (!link)
                        break;
                program = link->starts_with('/') ? *link : program.substr(0, program.rfind('/') + 1) + *link;
        }

        found.legacy = program.ends_with("legacy-multi") || program.ends_with("legacy");

        // The kernel lists a table once it is in use.
        const auto names = root("/proc/net/ip_tables_names");
        if (::access(names.c_str(), R_OK) != 0)
                return found;

        const auto text = read_file_if_exists(names).value_or("");
        for (const auto line : lines(text))
                found.old_tables.emplace_back(line);

        return found;
}

} // namespace eks
