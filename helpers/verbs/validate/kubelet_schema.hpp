// SPDX-License-Identifier: Apache-2.0
// What each version of kubelet accepts: fields and their types, enumerations, ranges, feature gates, flags.
// From /usr/share/eks/kubelet/schema.json, which says where it has that from.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/root.hpp"
#include "config/kubelet_spec.hpp"

namespace eks {

// How the table writes the type of a map's or a list's values: "map[string]quantity", "[]string".
inline constexpr std::string_view map_of = "map[string]";
inline constexpr std::string_view list_of = "[]";

// Something that kubelet would refuse, or ignore.
struct KubeletFinding {
        std::string key;        // "kubelet.config.maxPods", "kubelet.flags[2]"
        std::string value;      // for the message; "" of a map or a list
        std::string wrong;      // "must be a whole number"
        std::string remedy;     // "" if it is ignored
        bool ignored = false;   // kubelet starts, as if it were not set
        bool uncertain = false; // the table may be incomplete here
        std::string item = {};  // of a flag that stands for a field: that, or an item of it

        // The same for what different versions say about the same thing.
        std::string subject() const { return item.empty() ? key : key + "." + item; }

        auto operator<=>(const KubeletFinding&) const = default;
};

class KubeletSchema {
public:
        // Nothing if the file is absent: then more of eksnode is, which the steps say. Throws Error
        // (vendor_file).
        static std::optional<KubeletSchema> of(const Root& root);

        // Names that no version has. `minor` of kubelet 1.N, if that is known: the table has all feature
        // gates of its version only from 1.32 on.
        std::vector<KubeletFinding> unknown_names(
                const KubeletSpec& kubelet, std::optional<unsigned> minor = {}) const;

        // What kubelet 1.`minor` says of the others. Feature gates that a version locks or has removed are
        // not among it, see gate_conflicts().
        std::vector<KubeletFinding> check(const KubeletSpec& kubelet, unsigned minor) const;

        struct Field {
                std::string type;
                unsigned since = 0;           // kubelet 1.N
                std::optional<unsigned> gone; // from kubelet 1.N on

                bool is_in(unsigned minor) const { return minor >= since && (!gone || minor < *gone); }
        };

        // A field of a struct, such as KubeletConfiguration; nothing if no version has it.
        std::optional<Field> field(std::string_view type, std::string_view name) const;
        std::vector<std::string> field_names(std::string_view type) const;
        bool is_struct(std::string_view type) const;

        // Of each field its place in the configuration, "kubelet.config.memorySwap.swapBehavior" of
        // "swapBehavior"; "" if there are several.
        using Places = std::map<std::string, std::string, std::less<>>;
        const Places& places() const { return places_; }

        // Whether kubelet 1.`minor` has the field, "authentication.anonymous.enabled".
        bool has_field(std::string_view path, unsigned minor) const;

        struct Flag {
                std::string type;
                std::string field; // of the configuration, which it stands for; "" if there is none
                Field version;
        };
        std::optional<Flag> flag(std::string_view name) const;

        const Json& table() const { return table_; }

private:
        explicit KubeletSchema(Json table);
        void add_places(std::string_view type, const std::string& path);

        Json table_;
        Places places_;
};

} // namespace eks
