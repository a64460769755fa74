// SPDX-License-Identifier: Apache-2.0
#include "compat/bootstrap/call.hpp"

#include <map>
#include <utility>

#include <fmt/format.h>

#include "base/text.hpp"
#include "compat/bootstrap/edits.hpp"
#include "compat/bootstrap/options.hpp"
#include "config/addresses.hpp"
#include "document/problems.hpp"
#include "systemd/systemd_words.hpp"
#include "userdata/base64.hpp"

namespace eks {

namespace {

constexpr int default_max_pods = 110; // kubelet's default

// Without a table, the number is kubelet's flag or its default.
int max_pods(const Json& flags)
{
        constexpr std::string_view flag = "--max-pods=";
        int number = default_max_pods;

        for (const auto& entry : flags) {
                const std::string_view text = entry.get_ref<const std::string&>();
                if (text.starts_with(flag))
                        number = parse_int<int>(text.substr(flag.size())).value_or(number);
        }

        return number;
}

// From a call to the keys of a layer.
class Translator {
public:
        explicit Translator(const BootstrapCall& call)
                : call_(&call), options_(call, problems_, layer_.notes)
        {
                layer_.source = bootstrap_name;
        }
        Translator(const Translator&) = delete; // options_ points to what is here
        Translator& operator=(const Translator&) = delete;
        ~Translator() = default;

        // Nothing if the call asks for --help only.
        std::optional<Layer> translate()
        {
                if (!options_.read())
                        return std::nullopt;

                cluster();
                network();
                kubelet();
                instance();
                containerd();
                options_.note_obsolete();
                problems_.throw_if_any(failure::config_invalid);

                return std::move(layer_);
        }

private:
        void set(const char* part, const char* key, Json value)
        {
                layer_.tree[part][key] = std::move(value);
        }

        void problem(const GivenOption& given, std::string_view wrong, std::string remedy)
        {
                options_.problem(given, wrong, std::move(remedy));
        }

        // For bootstrap.sh only the word "true" was true.
        bool is_true(const GivenOption& given)
        {
                if (given.value != "true" && given.value != "false")
                        options_.warn(
                                given.name, fmt::format("{} is neither true nor false, and counts as false",
                                                    shown_value(given.value)));
                return given.value == "true";
        }

        void cluster()
        {
                if (const auto* name = options_.cluster_name())
                        set("cluster", "name", *name);
                if (const auto* endpoint = options_.find("--apiserver-endpoint"))
                        set("cluster", "apiServerEndpoint", endpoint->value);

                if (const auto* ca = options_.find("--b64-cluster-ca")) {
                        if (!decode_base64(ca->value))
                                problem(*ca, "not base64",
                                        "Give certificateAuthority.data as DescribeCluster shows it");
                        set("cluster", "certificateAuthority", ca->value);
                }

                if (const auto* id = options_.find("--cluster-id"))
                        set("cluster", "id", id->value);
                if (const auto* outpost = options_.find("--enable-local-outpost"))
                        set("cluster", "enableOutpost", is_true(*outpost));
        }

        // The range, if it is valid and of that family.
        std::optional<Cidr> range(const GivenOption* given, bool ipv6)
        {
                if (given == nullptr ||
                        given->value == "None") // what the AWS CLI prints for an absent value
                        return std::nullopt;

                auto cidr = parse_cidr(given->value);
                if (cidr && cidr->ipv6() == ipv6)
                        return cidr;

                problem(*given, fmt::format("not an address range of {}", ipv6 ? "IPv6" : "IPv4"),
                        fmt::format("Give the cluster's service CIDR, such as {}",
                                ipv6 ? "fd00:1234::/108" : "10.100.0.0/16"));

                return std::nullopt;
        }

        void network()
        {
                const auto* family = options_.find("--ip-family");
                const auto wanted = family != nullptr ? lower(family->value) : std::string();
                if (family != nullptr && wanted != "ipv4" && wanted != "ipv6")
                        problem(*family, "must be ipv4 or ipv6", "Write ipv4 or ipv6");

                const auto* ipv4 = options_.find("--service-ipv4-cidr");
                const auto* ipv6 = options_.find("--service-ipv6-cidr");
                const auto* dns = options_.find("--dns-cluster-ip");
                const auto range4 = range(ipv4, false);

                // An address instead of a range is used for the DNS service only; see below.
                const bool has_address6 = ipv6 != nullptr && is_ipv6_address(ipv6->value);
                const auto range6 = has_address6 ? std::nullopt : range(ipv6, true);
                const bool is_ipv6 = range6 || has_address6 || wanted == "ipv6";

                if (ipv6 != nullptr && wanted == "ipv4")
                        problem(*ipv6, fmt::format("contradicts {} ipv4", family->name),
                                "Give one of the two");

                // DescribeCluster returns the range, and is called unless both of these are given.
                const bool described = options_.find("--apiserver-endpoint") == nullptr ||
                                       options_.find("--b64-cluster-ca") == nullptr;
                if (wanted == "ipv6" && !described && ipv6 == nullptr && dns == nullptr)
                        problem(*family, "needs --service-ipv6-cidr or --dns-cluster-ip",
                                "Give the cluster's IPv6 service CIDR");

                if (range6)
                        set("cluster", "cidr", range6->text());
                else if (range4 && !is_ipv6)
                        set("cluster", "cidr", range4->text());
                else if (wanted == "ipv4" || wanted == "ipv6") // no range shows it
                        set("cluster", "ipFamily", wanted);

                if (range4 && is_ipv6)
                        options_.note(ipv4->name, "the cluster is IPv6");
                if (described)
                        options_.warn_of_query();

                if (dns != nullptr)
                        cluster_dns(*dns);
                else if (has_address6) // bootstrap.sh appended the same to the text before a slash
                        cluster_dns({ipv6->name, ipv6->value + "a"});
        }

        void cluster_dns(const GivenOption& dns)
        {
                auto addresses = Json::array();
                for (const auto part : split(dns.value, ',')) {
                        if (!is_address(part))
                                problem(dns, "not an IP address, or several with commas between",
                                        "Give the address of the cluster's DNS service");
                        addresses.push_back(part);
                }

                layer_.tree["kubelet"]["config"]["clusterDNS"] = std::move(addresses);
        }

        void kubelet()
        {
                auto flags = Json::array();
                if (const auto* extra = options_.find_in_lines("--kubelet-extra-args"))
                        flags = kubelet_flags(*extra);
                const auto* use_max_pods = options_.find("--use-max-pods");

                // Not kubelet.config.maxPods, because another layer or an edited file overrides that.
                if (use_max_pods != nullptr && !is_true(*use_max_pods))
                        layer_.tree["kubelet"]["maxPodsExpression"] = fmt::format("{}", max_pods(flags));
        }

        Json kubelet_flags(const GivenOption& given)
        {
                constexpr auto remedy = "Write flags as --name=value, with blanks between";
                auto flags = Json::array();

                const auto split = split_as_systemd(given.value);
                if (split.open) {
                        problems_.add({bootstrap_name}, given.name, "", "it has an unclosed quote", remedy);
                        return flags;
                }

                std::vector<std::string> others;
                flags = join_flags(split.words, others);

                for (std::size_t i = 0; i < others.size(); ++i)
                        problems_.add({bootstrap_name}, given.name, "", "an item is not a flag", remedy);
                if (!flags.empty())
                        set("kubelet", "flags", flags);

                return flags;
        }

        void instance()
        {
                if (const auto* runtime = options_.find("--container-runtime");
                        runtime != nullptr && runtime->value != "containerd")
                        problem(*runtime, "must be containerd",
                                "Leave it out: there is no other container runtime");

                const auto* disks = options_.find("--local-disks");
                if (disks == nullptr)
                        return;

                static const std::map<std::string, std::string, std::less<>> strategies{
                        {"mount", "Mount"}, {"none", "none"}, {"raid0", "RAID0"}, {"raid10", "RAID10"}};
                if (const auto strategy = strategies.find(lower(disks->value)); strategy != strategies.end())
                        layer_.tree["instance"]["localStorage"]["strategy"] = strategy->second;
                else
                        problem(*disks, "must be mount, raid0, raid10 or none", "Write one of them");
        }

        void containerd()
        {
                const auto* file = options_.find("--containerd-config-file");
                if (file == nullptr)
                        return;

                if (!call_->read) {
                        options_.warn(
                                file->name, "the text of the file becomes containerd.config on the node");
                        return;
                }

                std::string text;
                try {
                        text = call_->read(file->value);
                } catch (const Error& e) {
                        problem(*file, e.what(), "Name a file that is there");
                        return;
                }

                layer_.tree["containerd"]["config"] = without_sandbox_image(text);
        }

        const BootstrapCall* call_;
        Layer layer_;
        Problems problems_;
        BootstrapOptions options_;
};

} // namespace

std::vector<std::string> join_flags(const std::vector<std::string>& words, std::vector<std::string>& others)
{
        std::vector<std::string> flags;
        bool takes_value = false;

        for (const auto& word : words) {
                if (word.starts_with('-')) {
                        takes_value = word.find('=') == std::string::npos;
                        flags.push_back(word);
                } else if (takes_value) {
                        takes_value = false;
                        flags.back() += "=" + word;
                } else {
                        others.push_back(word);
                }
        }

        return flags;
}

std::optional<Layer> parse_bootstrap_call(const BootstrapCall& call)
{
        return Translator(call).translate();
}

} // namespace eks
