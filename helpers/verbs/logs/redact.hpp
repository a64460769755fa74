// SPDX-License-Identifier: Apache-2.0
// Removes secrets from the text of a foreign file, line by line: logs, command lines, YAML, JSON, TOML, unit
// files. base/secrets.hpp does so for single values, and names the keys.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace eks {

class Redactor {
public:
        // A text whose beginning was cut off may begin inside a private key.
        explicit Redactor(bool is_cut = false) : in_cut_key_(is_cut) {}

        // The next line, without its end. Control characters become '?'.
        std::string line(std::string_view text);

private:
        // Lines that belong to a key which names a secret.
        struct Block {
                enum class End { dedent, bracket, quote } end;
                std::size_t indent;
                std::string close;    // of a quote
                int depth = 0;        // of brackets
                std::size_t left = 0; // lines, at most
        };

        bool is_in_block(std::string_view text);
        std::string without_key(std::string_view text);
        std::string scan(std::string_view text);
        std::size_t hide_value(std::string_view text, std::size_t at, bool begins_line, std::string& out);

        std::optional<Block> block_;
        bool in_cut_key_;
        std::size_t key_lines_ = 0;                 // of a private key in PEM, that may follow
        bool hide_next_ = false;                    // the line before was a flag like --password
        std::optional<std::size_t> secret_section_; // its indent
        bool named_secret_ = false;                 // the last "name:" was that of a secret
};

// A whole text.
std::string redact(std::string_view text, bool is_cut = false);

} // namespace eks
