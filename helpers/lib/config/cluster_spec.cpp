// SPDX-License-Identifier: Apache-2.0
#include "config/cluster_spec.hpp"

#include "base/text.hpp"
#include "config/known_keys.hpp"

namespace eks {

namespace {

// The family of the cluster's services, by which pods find each other.
bool services_on_ipv6(const ClusterSpec& cluster, const Configured& given)
{
        if (cluster.service_cidr)
                return cluster.service_cidr->ipv6();
        const auto* dns = find_path(given.tree, "kubelet.config.clusterDNS");
        return dns != nullptr && dns->is_array() && !dns->empty() && dns->front().is_string() &&
               is_ipv6_address(dns->front().get_ref<const std::string&>());
}

} // namespace

ClusterSpec cluster_spec(const Configured& given)
{
        const auto& cluster = given.table("cluster"); // a script may name it later
        const auto& cni = given.table("cni");
        ClusterSpec spec{.name = cluster.value("name", std::string()),
                .id = cluster.value("id", std::string()),
                .outpost = cluster.value("enableOutpost", false),
                .endpoint = std::string(trim(cluster.value("apiServerEndpoint", std::string()))),
                .certificate_authority = {cluster.value("certificateAuthority", std::string()),
                        given.source("cluster.certificateAuthority")},
                .service_cidr = parse_cidr(cluster.value("cidr", std::string())),
                .cni = {.prefix_delegation = cni.value("prefixDelegation", false),
                        .custom_networking = cni.value("customNetworking", false),
                        .max_enis = cni.value("maxENIs", 0U)}};
        spec.ipv6_first = services_on_ipv6(spec, given);
        spec.ip_family = parse_ip_family(cluster.value("ipFamily", std::string()))
                                 .value_or(spec.ipv6_first ? IpFamily::ipv6 : IpFamily::ipv4);

        return spec;
}

} // namespace eks
