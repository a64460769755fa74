// SPDX-License-Identifier: Apache-2.0
#include "node/version_notes.hpp"

#include <fmt/format.h>

namespace eks {

Note newer_version_note(std::string_view daemon, const Version& found, const Version& newest)
{
        return {Level::notice, fmt::format("{} {} is newer than {}.{}, the newest that eksnode knows: its "
                                           "rules are used",
                                       daemon, found.text(), newest.major, newest.minor)};
}

} // namespace eks
