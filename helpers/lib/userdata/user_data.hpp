// SPDX-License-Identifier: Apache-2.0
// User data in every form that EC2 users give it: base64, gzip, MIME multipart, or one plain document.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace eks {

// Bytes after base64, and again after decompression; EC2 user data ends at 16 KiB. Parts that are compressed
// share it.
inline constexpr std::size_t user_data_limit = 1U << 20U;

// A part that configures the node, out of its wrapping.
struct UserDataDocument {
        enum class Form { node_config, toml };
        Form form;
        std::string text;
        std::string source; // "user data, MIME part 2"
};

struct UserData {
        std::vector<UserDataDocument> documents; // in order of appearance
        bool has_scripts = false;                // something that cloud-init runs or acts on
        bool names_bootstrap = false;            // and it holds the text "/etc/eks/bootstrap.sh"
        // What each part is: "user data, MIME part 2: text/x-shellscript, which cloud-init runs on the
        // node".
        std::vector<std::string> held;
};

// `source` names it in messages; parts are "<source>, MIME part N", counted from 1, and their lines from the
// first of their body. User data without configuration is no error. What nodeadm would read over, because it
// cannot be decoded, is an Error (config_syntax, config_invalid): its author meant something by it.
UserData read_user_data(std::string_view bytes, const std::string& source);

} // namespace eks
