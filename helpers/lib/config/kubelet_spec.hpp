// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/configured.hpp"
#include "config/kubelet_flags.hpp"

namespace eks {

// kubelet.reservations
struct ReservationSettings {
        std::string policy = "eks"; // eks, gke, none, explicit
        std::optional<unsigned> memory_limit_percent;
        bool system_reserved = false;
        bool eviction_hard = true;
};

struct KubeletSpec {
        Json config = Json::object();
        bool config_replaces = false; // kubelet.configMode = "replace"
        KubeletFlags flags;
        Marks places; // of the flags and of config.featureGates
        Json credential_provider_config = Json::object();
        Sourced max_pods_expression; // empty: none
        std::string max_pods_limit;  // none, recommended; empty: recommended with prefixes, else none
        ReservationSettings reservations;
};

KubeletSpec kubelet_spec(const Configured& given);

} // namespace eks
