// SPDX-License-Identifier: Apache-2.0
#include "checks/check_cluster.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "base/secrets.hpp"
#include "base/text.hpp"
#include "checks/described_cluster.hpp"
#include "config/addresses.hpp"

namespace eks {

namespace {

// EKS: letters, digits, '-' and '_', starting with a letter or digit, at most 100 characters. Other text
// would end up in a kubeconfig.
bool is_cluster_name(std::string_view name)
{
        const auto alnum = [](char c) {
                return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        };
        return !name.empty() && name.size() <= 100 && alnum(name.front()) &&
               std::ranges::all_of(name, [&](char c) { return alnum(c) || c == '-' || c == '_'; });
}

class ClusterChecks {
public:
        ClusterChecks(const Json& tree, const Json& imds, const CheckReport& report)
                : imds_(&imds), report_(&report), cluster_(member(&tree, "cluster")),
                  is_described_(!keys_to_ask_for(tree).empty())
        {
        }

        void run() const
        {
                check_name();
                check_endpoint();
                check_cidr();
                check_family();
                check_id();
                check_outpost();
        }

private:
        // Blanks come from copying, and are hard to see: a message of its own.
        bool has_blanks_around(std::string_view key, const std::string& value) const
        {
                if (trim(value).size() == value.size())
                        return false;
                report_->problem(key, value, "has blanks or line breaks around it",
                        "Remove the blanks around the value");
                return true;
        }

        void check_name() const
        {
                constexpr std::string_view key = "cluster.name";
                const auto* name = text_member(cluster_, "name");
                if (name != nullptr && !has_blanks_around(key, *name) && !is_cluster_name(*name))
                        report_->problem(key, *name, "not a name of an EKS cluster",
                                "Use letters, digits, '-' and '_', at most 100");
        }

        void check_id() const
        {
                constexpr std::string_view key = "cluster.id";
                const auto* id = text_member(cluster_, "id");
                if (id != nullptr && !has_blanks_around(key, *id) && !is_cluster_name(*id))
                        report_->problem(key, *id, "not an id of an EKS cluster",
                                "Use letters, digits, '-' and '_', at most 100");
        }

        // EKS knows the id, if it is asked.
        void check_outpost() const
        {
                const auto* outpost = member(cluster_, "enableOutpost");
                if (outpost != nullptr && *outpost == true && member(cluster_, "id") == nullptr &&
                        !is_described_)
                        report_->problem("cluster.enableOutpost", "true",
                                "cluster.id is missing, which a local cluster needs",
                                "Set cluster.id to what DescribeCluster shows as cluster.id");
        }

        // kubelet accepts more than EKS endpoints: it reads host:port alone as https.
        void check_endpoint() const
        {
                constexpr std::string_view key = "cluster.apiServerEndpoint";
                const auto* endpoint = text_member(cluster_, "apiServerEndpoint");
                if (endpoint == nullptr || is_https_url(*endpoint))
                        return;

                const auto text = trim(*endpoint);
                if (text.size() != endpoint->size()) // as a block of YAML gives it
                        report_->doubt(key, without_secrets(*endpoint),
                                "has blanks or line breaks around it, which are cut off");

                if (is_https_url(std::string(text)))
                        return;

                const auto separator = text.find("://");
                const auto scheme = lower(text.substr(0, separator == text.npos ? 0 : separator));
                const auto begin = separator == text.npos ? 0 : separator + 3;
                const auto host_end = std::min(text.find_first_of("/?#", begin), text.size());
                const auto at = text.substr(begin, host_end - begin).rfind('@');
                const auto host = at == text.npos ? begin : begin + at + 1;
                const auto path_end = std::min(text.find_first_of("?#", host), text.size());
                const auto rest = "https://" + std::string(text.substr(host, path_end - host));
                const bool bare = separator == text.npos;

                const bool known_scheme =
                        scheme == "https" || scheme == "http" ||
                        (bare && (host_end == text.size() || text.substr(host_end) == "/"));
                if (!known_scheme || !is_https_url(rest))
                        report_->problem(key, without_secrets(text), "not an https URL",
                                "Give the cluster's endpoint, https://…, as DescribeCluster shows it");
                else if (scheme == "http")
                        report_->doubt(key, without_secrets(text),
                                "not an https URL: others on the network can read kubelet's token");
                else if (at != text.npos)
                        report_->doubt(key, without_secrets(text), "kubelet sends this user name too");
                else if (path_end != text.size())
                        report_->doubt(key, without_secrets(text), "kubelet drops the query or fragment");
                else
                        report_->doubt(key, without_secrets(text), "read as an https URL; write it as one");
        }

        void check_cidr() const
        {
                constexpr std::string_view key = "cluster.cidr";
                const auto* cidr = text_member(cluster_, "cidr");
                if (cidr == nullptr || has_blanks_around(key, *cidr))
                        return;

                const auto parsed = parse_cidr(*cidr);
                if (!parsed) {
                        report_->problem(key, *cidr, "not an address range",
                                "Give the cluster's service CIDR, such as 10.100.0.0/16");
                        return;
                }

                if (!parsed->aligned())
                        report_->note(Level::warning, key, *cidr,
                                fmt::format("the range begins at {}, so the address of the cluster's DNS "
                                            "service may be wrong ({}), proceeding",
                                        parsed->first_address(), parsed->dns_address()));
                check_against_facts(*parsed);
        }

        void check_against_facts(const Cidr& range) const
        {
                const auto* interfaces = member(imds_, "interfaces");
                if (interfaces == nullptr || !interfaces->is_array())
                        return;

                std::vector<std::string> overlapping;
                for (const auto& interface : *interfaces)
                        for (const auto& vpc :
                                texts(member(&interface, range.ipv6() ? "vpcIpv6Cidrs" : "vpcIpv4Cidrs")))
                                if (const auto other = parse_cidr(vpc); other && overlap(range, *other))
                                        if (std::ranges::find(overlapping, vpc) == overlapping.end())
                                                overlapping.push_back(vpc);

                if (!overlapping.empty())
                        report_->doubt("cluster.cidr", range.text(),
                                fmt::format("overlaps {} of the VPC; DescribeCluster shows the cluster's "
                                            "service CIDR",
                                        join(overlapping, ", ")));

                if (range.ipv6() && text_member(cluster_, "ipFamily") == nullptr && lacks_ipv6())
                        report_->problem("cluster.cidr", range.text(),
                                "an IPv6 range, but the instance's primary interface has no IPv6 address",
                                "Launch the node with an IPv6 address, or give an IPv4 cluster's CIDR");
        }

        // An interface that the facts lack is unknown, which differs from one without addresses.
        bool lacks_ipv6() const
        {
                const auto* interfaces = member(imds_, "interfaces");
                const auto* mac = text_member(imds_, "mac");
                if (interfaces == nullptr || !interfaces->is_array() || mac == nullptr)
                        return false;

                return std::ranges::any_of(*interfaces, [&](const Json& interface) {
                        const auto* own = text_member(&interface, "mac");
                        return own != nullptr && *mac == *own &&
                               reachable_ipv6(texts(member(&interface, "ipv6s"))).empty();
                });
        }

        void check_family() const
        {
                constexpr std::string_view key = "cluster.ipFamily";
                const auto* text = text_member(cluster_, "ipFamily");

                const auto family = text != nullptr ? parse_ip_family(*text) : std::nullopt;
                if (!family || family == IpFamily::dual_stack) {
                        if (family && lacks_ipv6())
                                report_->problem(key, *text,
                                        "the instance's primary interface has no IPv6 address",
                                        "Launch the node with an IPv6 address, or set ipv4");
                        return;
                }

                const bool ipv6 = family == IpFamily::ipv6;
                const auto* cidr = text_member(cluster_, "cidr");
                if (const auto range = parse_cidr(cidr != nullptr ? *cidr : "");
                        range && range->ipv6() != ipv6)
                        report_->problem(key, *text,
                                fmt::format("contradicts cluster.cidr, {}: pods and services would not "
                                            "reach each other",
                                        *cidr),
                                "Leave cluster.ipFamily out, or set dual-stack");
                else if (ipv6 && lacks_ipv6())
                        report_->problem(key, *text, "the instance's primary interface has no IPv6 address",
                                "Launch the node with an IPv6 address, or set ipv4");
        }

        const Json* imds_;
        const CheckReport* report_;
        const Json* cluster_;
        bool is_described_; // EKS is asked for the rest of it
};

} // namespace

void check_cluster(const Json& tree, const Json& imds, const CheckReport& report)
{
        ClusterChecks(tree, imds, report).run();
}

} // namespace eks
