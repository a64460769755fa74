// SPDX-License-Identifier: Apache-2.0
// kubelet's flags that stand for a field of its configuration. kubelet reads them over its files, and judges
// the result.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "verbs/validate/kubelet_schema.hpp"

namespace eks {

// "" if a flag of this type takes the text.
std::string wrong_flag_value(std::string_view type, const std::string& text);

class FlaggedFields {
public:
        // A flag whose value its type does not take counts as absent, as does one whose field kubelet
        // 1.`minor` lacks; without a version, a field of any version will do.
        FlaggedFields(
                const KubeletSchema& schema, const KubeletSpec& kubelet, std::optional<unsigned> minor = {});

        // The configuration with the flags in it.
        const Json& config() const { return config_; }

        // Gives the findings from `first` on about what a flag sets the place of that flag.
        void move_to_flags(std::vector<KubeletFinding>& findings, std::size_t first) const;

private:
        void set(const std::string& field, std::string_view type, const KubeletFlag& flag, bool again);

        struct Source {
                const KubeletFlag* flag;
                std::size_t field_size; // of its path
        };

        Json config_;
        std::map<std::string, Source, std::less<>> set_; // by field, and by item of a map
};

} // namespace eks
