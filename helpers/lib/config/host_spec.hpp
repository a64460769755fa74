// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/configured.hpp"
#include "config/mig_profile.hpp"
#include "config/proxy_settings.hpp"
#include "config/service_environment.hpp"
#include "config/swap_settings.hpp"
#include "config/sysctl_settings.hpp"
#include "config/trust_settings.hpp"

namespace eks {

struct HostSpec {
        std::vector<Sysctl> sysctls;                  // of the profile and the configuration
        std::vector<Sysctl> huge_pages;               // by the file in sysfs that has their number
        std::optional<SwapSettings> swap;             // nothing: swap is left alone
        std::string swap_size;                        // swapSize, as given
        std::vector<ServiceEnvironment> environments; // instance.environment
        ProxySettings proxy;
        std::vector<TrustSource> trust;              // trust.certificates
        std::vector<std::string> name_servers;       // instance.network.nameservers
        std::vector<std::string> search_domains;     // instance.network.domains
        std::vector<std::string> managed_interfaces; // instance.network.managedInterfaces
        Sourced docker_runtime;                      // docker.defaultRuntime, may be empty
        std::optional<MigProfile> mig;               // nvidia.mig.profile
};

HostSpec host_spec(const Configured& given, const std::optional<LocalStorage>& storage);

} // namespace eks
