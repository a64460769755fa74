// SPDX-License-Identifier: Apache-2.0
// The part of MIME multipart documents that user data for cloud-init and nodeadm needs. Written here because
// GMime would bring GLib into every step, and because nodeadm's rules decide whether a text is a MIME
// document.
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
// Nothing if the text is not such a document: as in nodeadm, it is a message only if it begins with header
// lines and an empty line, and multipart only by its Content-Type. Preamble and epilogue are ignored. A part
// with an unknown Content-Transfer-Encoding is not decoded. Throws Error (config_syntax) with the line for a
// multipart document that is broken or beyond the limits.
std::optional<std::vector<MimePart>> parse_mime(std::string_view text, const std::string& source);

} // namespace eks
