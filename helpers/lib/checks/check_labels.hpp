// SPDX-License-Identifier: Apache-2.0
// The checks of the node's labels and taints, from all places.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "checks/check_report.hpp"
#include "config/labels.hpp"
#include "config/node_spec.hpp"

namespace eks {

class LabelChecks {
public:
        // `imds` is the object of /run/eks/imds.json, or null if the facts are unknown. All must outlive it.
        LabelChecks(const NodeSpec& spec, const Json& imds, const CheckReport& report);

        // node.labels. Check them before those of flags, which override them.
        void check_node_labels();

        // node.taints.
        void check_node_taints();

        // kubelet.config.registerWithTaints.
        void check_config_taints();

        // The value of --node-labels or --register-with-taints; `item` is the value of `key`.
        void check_flag_labels(const std::string& key, const std::string& item, std::string_view value);
        void check_flag_taints(const std::string& key, const std::string& item, std::string_view value);

private:
        using TaintNames = std::set<std::pair<std::string, std::string>>; // key and effect
        struct Label {
                std::string value;
                std::string key; // its place
                bool in_flag;
        };

        std::optional<std::string> filled_in(std::string_view key, const std::string& text);
        void check_config_taint(const std::string& key, const Json& given, TaintNames& seen);
        void check_taint_is_new(
                const std::string& key, const std::string& value, const Taint& taint, TaintNames& seen);
        void check_label_is_new(const std::string& key, const std::string& item, const std::string& label,
                const std::string& value);

        const Json* imds_;
        const CheckReport* report_;
        const RegistrationSpec* node_;
        const Json* config_; // kubelet's
        std::map<std::string, Label> labels_;
};

} // namespace eks
