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

// One argument, and the item of kubelet.flags that it stands in.
struct KubeletArgument {
        std::string text;
        std::size_t index;

        bool operator==(const KubeletArgument&) const = default;
};

// The arguments in a list of items. nodeadm joins its items by blanks, so items such as "--v=2
// --node-labels=a=b" and
// "--max-pods 20" exist: they are taken apart in front of each "--", and at a blank that ends a flag's name.
std::vector<KubeletArgument> kubelet_arguments(const std::vector<std::string>& items);

struct KubeletFlag {
        std::string name; // without dashes, '_' as '-'; empty if the argument is no flag
        std::optional<std::string>
                value;     // none: a switch, or a value is missing; no flag: the argument itself
        std::size_t index; // of the item that the name stands in

        bool operator==(const KubeletFlag&) const = default;
};

// "--name=value", "--name value" and "--switch", by pflag's rules: what a flag other than a switch finds
// behind its name is its value, even if it begins with dashes.
std::vector<KubeletFlag> parse_kubelet_flags(const std::vector<std::string>& items);

struct KubeletFlagKey {
        std::string_view flag;
        std::string_view key;   // in KubeletConfiguration: "authentication.anonymous.enabled"
        bool is_switch = false; // stands without a value
};

// Every flag that kubelet's configuration file has a key for, sorted by flag.
std::span<const KubeletFlagKey> kubelet_flag_keys();

// The entry of a flag, or nullptr.
const KubeletFlagKey* find_kubelet_flag_key(std::string_view flag);

// Whether "--flag" alone is complete; nothing if we do not know the flag.
std::optional<bool> is_kubelet_switch(std::string_view flag);

// Whether kubelet adds up several uses of a flag; of all others it takes the last.
bool adds_up(std::string_view flag);

} // namespace eks
