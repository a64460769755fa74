// SPDX-License-Identifier: Apache-2.0
#include "config/host_spec.hpp"

#include "base/text.hpp"
#include "config/kernel_settings.hpp"
#include "config/known_keys.hpp"

namespace eks {

HostSpec host_spec(const Configured& given)
{
        HostSpec spec{.sysctls = sysctls(given.tree, given.marks, given.problems)};
        spec.huge_pages = huge_pages(given.tree, given.marks, given.problems);
        spec.swap = swap_settings(given.tree, given.marks, given.problems);
        spec.proxy = proxy_settings(given.tree, given.marks, given.problems);
        spec.trust = trust_sources(given.tree, given.marks, given.problems);
        const auto network = given.table("instance").value("network", Json::object());
        spec.name_servers = network.value("nameservers", std::vector<std::string>());
        spec.search_domains = network.value("domains", std::vector<std::string>());
        spec.environments = service_environments(given.tree, given.marks);
        spec.managed_interfaces = network.value("managedInterfaces", std::vector<std::string>());
        spec.docker_runtime = {given.table("docker").value("defaultRuntime", std::string()),
                given.source("docker.defaultRuntime")};
        constexpr const char* mig_key = "nvidia.mig.profile";
        if (const auto* profile = find_path(given.tree, mig_key)) {
                spec.mig_profile = trim(profile->get_ref<const std::string&>());
                spec.mig_source = place_of(given.marks, mig_key, {"configuration"}).text();
        }
        return spec;
}

} // namespace eks
