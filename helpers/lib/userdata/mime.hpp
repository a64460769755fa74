// SPDX-License-Identifier: Apache-2.0
// The part of MIME multipart documents that user data for cloud-init and nodeadm needs. Written here because
// GMime would bring GLib into every step, and because two programs with different rules read these
// documents: nodeadm, whose rules decide about a NodeConfig, and cloud-init, which runs the scripts in
// almost any document.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace eks {

inline constexpr std::size_t mime_depth_limit = 4;  // multiparts in each other; one is usual
inline constexpr std::size_t mime_error_limit = 10; // errors of multiparts inside the document that are told

struct MimePart {
        std::string content_type; // lower case, without parameters; empty if the part does not say
        std::string body;         // without its Content-Transfer-Encoding, unless it does not have that
        int line = 0;             // of the body's first line in the document; from 1
        bool nested = false;      // in a multipart inside the document, which nodeadm does not read
        bool in_broken = false;   // and that multipart has an error
};

struct MimeDocument {
        // In order of appearance, those of a multipart inside the document in its place. If the document has
        // an error, the parts that cloud-init finds.
        std::vector<MimePart> parts;
        // The first error, with its line, for which nodeadm rejects the document, or beyond the limits.
        std::optional<Error> error;
        std::vector<std::string> nested_errors; // of multiparts inside the document, the first ones

        // What is behind the closing delimiter, which everyone ignores, and its first line.
        std::string_view epilogue = {};
        int epilogue_line = 0;
};

// Nothing if the text is not a multipart document: it must begin with header lines, and be multipart by its
// Content-Type. The text must outlive it.
std::optional<MimeDocument> parse_mime(std::string_view text, const std::string& source);

// A message with a header that is not multipart, as cloud-init reads it: one part. Nothing if cloud-init
// does not take the text for MIME.
std::optional<MimePart> parse_mime_message(std::string_view text);

// Whether the text begins with a header that has a Content-Type.
bool begins_with_content_type(std::string_view text);

} // namespace eks
