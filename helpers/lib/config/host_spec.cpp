// SPDX-License-Identifier: Apache-2.0
#include "config/host_spec.hpp"

#include "config/kernel_settings.hpp"

namespace eks {

HostSpec host_spec(const Configured& given, const std::optional<LocalStorage>& storage)
{
        HostSpec spec{.sysctls = sysctls(given.tree, given.marks, given.problems)};
        spec.huge_pages = huge_pages(given.tree, given.marks, given.problems);
        spec.swap = swap_settings(given.tree, given.marks, storage, given.problems);
        spec.swap_size = given.tree.value("swapSize", std::string());
        spec.proxy = proxy_settings(given.tree, given.marks, given.problems);
        spec.trust = trust_sources(given.tree, given.marks, given.problems);
        const auto network = given.table("instance").value("network", Json::object());
        spec.name_servers = network.value("nameservers", std::vector<std::string>());
        spec.search_domains = network.value("domains", std::vector<std::string>());
        spec.environments = service_environments(given.tree, given.marks);
        spec.managed_interfaces = network.value("managedInterfaces", std::vector<std::string>());
        spec.docker_runtime = {given.table("docker").value("defaultRuntime", std::string()),
                given.source("docker.defaultRuntime")};
        spec.mig = mig_profile(given.tree, given.marks, given.problems);

        return spec;
}

} // namespace eks
