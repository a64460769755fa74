// SPDX-License-Identifier: Apache-2.0
// MIME multipart documents, as far as cloud-init's and nodeadm's user data need them. Written here because
// GMime would bring GLib into every step, and because nodeadm's rules decide what is a MIME document.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eks {

inline constexpr std::size_t mime_part_limit = 100; // parts of one document, multiparts within it included
inline constexpr std::size_t mime_depth_limit = 4;  // multiparts in each other; one is usual

struct MimePart {
        std::string content_type; // lower case, without parameters; empty if the part does not say
        std::string body;         // without its Content-Transfer-Encoding
        int line = 0;             // of the body's first line in the document; from 1
};

// The parts of a multipart document in order of appearance, those of a multipart inside it in its place.
// Nothing if the text is something else: as for nodeadm, it is a message only if it begins with header lines
// and an empty line, and multipart only by its Content-Type. Preamble and epilogue are ignored. A
// Content-Transfer-Encoding that is not known leaves the part as it stands. Throws Error (config_syntax)
// with the line for a multipart document that is broken or beyond the limits.
std::optional<std::vector<MimePart>> parse_mime(std::string_view text, const std::string& source);

} // namespace eks
