// SPDX-License-Identifier: Apache-2.0
// User data in every form that is in use on EC2: base64, gzip, MIME multipart, or one plain document.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/step_plan.hpp"

namespace eks {

// Bytes after base64, and again after decompression; EC2 user data ends at 16 KiB. Parts that are compressed
// share it.
inline constexpr std::size_t user_data_limit = 1U << 20U;

// A decoded part that configures the node.
struct UserDataDocument {
        enum class Form { node_config, toml };
        Form form = Form::node_config;
        std::string text;
        std::string source;        // "user data, MIME part 2"
        bool nested = false;       // in a multipart inside the document: nodeadm does not read it
        bool below_header = false; // of a mail, which nodeadm takes for the beginning of the NodeConfig
        bool unnamed = false;      // nothing says that it is a NodeConfig; any other text comes here, too
};

struct UserData {
        std::vector<UserDataDocument> documents; // in order of appearance
        bool has_scripts = false;                // it contains parts that cloud-init runs or acts on
        bool names_bootstrap = false;            // and it holds the text "/etc/eks/bootstrap.sh"
        bool names_call = false;                 // or the word "nodeadm"
        // A description of each part, of the first ones if there are very many: "user data, MIME part 2:
        // text/x-shellscript, which cloud-init runs on the node".
        std::vector<std::string> held;
        std::vector<Note> notes; // what was left to cloud-init, or ignored, because of an error
};

// `source` names it in messages; parts are "<source>, MIME part N", counted from 1, and their lines from the
// first of their body. User data without configuration is not an error, and the errors of a MIME document
// without configuration are notes: cloud-init reads it, with other rules. Throws Error (config_syntax,
// config_invalid) for a MIME document with configuration that nodeadm rejects, and for a NodeConfig or TOML
// in it that cannot be decoded.
UserData read_user_data(std::string_view bytes, const std::string& source);

// The line of "#!" if nothing but blanks and comments is before it; 0 if there is none.
int line_of_interpreter(std::string_view text);

// Whether cloud-init would act on the text, by its beginning.
bool begins_as_cloud_init_form(std::string_view text);

// The note for user data without configuration, with which something else is wrong.
Note left_to_cloud_init(std::string_view why);

// The note for an error in a document that is `nested`.
Note ignored_document(const Error& error);

} // namespace eks
