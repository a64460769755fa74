// SPDX-License-Identifier: Apache-2.0
// kubelet's command line as kubelet reads it.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace eks {

struct KubeletFlag {
        std::string name; // without dashes, '_' as '-'; empty if the argument is no flag
        std::optional<std::string>
                value; // nothing for a switch or a missing value; the argument itself if it is not a flag
        std::size_t index; // of the argument that has the name

        bool operator==(const KubeletFlag&) const = default;
};

struct KubeletFlags {
        std::vector<std::string> arguments;
        std::vector<KubeletFlag> parsed;

        // The last flag of a name, or nullptr.
        const KubeletFlag* last(std::string_view name) const;
};

// "--name=value", "--name value" and "--switch", by pflag's rules: the word after a flag that is not a
// switch is its value, even if it begins with dashes. Empty arguments count as absent.
KubeletFlags parse_kubelet_flags(std::vector<std::string> arguments);

struct KubeletFlagKey {
        std::string_view flag;
        std::string_view key;   // in KubeletConfiguration: "authentication.anonymous.enabled"
        bool is_switch = false; // has no value
};

// Every flag that kubelet's configuration file has a key for, sorted by flag.
std::span<const KubeletFlagKey> kubelet_flag_keys();

// The entry of a flag, or nullptr.
const KubeletFlagKey* find_kubelet_flag_key(std::string_view flag);

// Whether "--flag" alone is complete; nothing if we do not know the flag.
std::optional<bool> is_kubelet_switch(std::string_view flag);

// The part of a word in the place of a flag that a message may show: a flag, or one without its dashes. Any
// other word may be cut off by a misplaced quote and be part of a secret: empty.
std::string_view shown_word(std::string_view word);

// As Go reads the value of a switch: 1, t, T, TRUE, true, True and their opposites; nothing for other words.
std::optional<bool> go_boolean(std::string_view text);

// Whether kubelet adds up several uses of a flag. Of other flags it uses the last.
bool adds_up(std::string_view flag);

} // namespace eks
