// SPDX-License-Identifier: Apache-2.0
#include "config/checks.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/text.hpp"
#include "config/fact_template.hpp"
#include "config/kubelet_flags.hpp"
#include "config/labels.hpp"
#include "config/network.hpp"

namespace eks {

namespace {

constexpr std::int64_t most_pods = std::numeric_limits<std::int32_t>::max(); // kubelet's type
constexpr std::int64_t sensible_pods = 250; // what EKS recommends for any instance

const std::array<std::string, 2> known_gates{"FastImagePull", "InstanceIdNodeName"};

// Flags that the steps generate: their value, where every node has the same, and what another one does.
struct OwnFlag {
        std::string_view name;
        std::string_view value;
        std::string_view consequence;
};
constexpr std::array own_flags{
        OwnFlag{"bootstrap-kubeconfig", "", "kubelet takes its first credentials from elsewhere"},
        OwnFlag{"cloud-provider", "external", "the cloud controller does not set up the node"},
        OwnFlag{"config", "/etc/kubernetes/kubelet/config.json",
                "kubelet reads another configuration than ours"},
        OwnFlag{"config-dir", "/etc/kubernetes/kubelet/config.json.d",
                "kubelet does not read kubelet.config"},
        OwnFlag{"container-runtime-endpoint", "unix:///run/containerd/containerd.sock",
                "kubelet talks to another runtime than the containerd set up here"},
        OwnFlag{"hostname-override", "",
                "the cluster knows the node by its EC2 name, and may refuse another"},
        OwnFlag{"image-credential-provider-bin-dir", "", "kubelet may not be able to pull images from ECR"},
        OwnFlag{"image-credential-provider-config", "/etc/eks/image-credential-provider/config.json",
                "kubelet may not be able to pull images from ECR"},
        OwnFlag{"kubeconfig", "/var/lib/kubelet/kubeconfig",
                "kubelet finds neither the cluster nor its credentials"},
        OwnFlag{"node-ip", "", "the address from the instance metadata is not used"},
        OwnFlag{"provider-id", "", "the cloud controller may not find the instance"},
        OwnFlag{"runtime-cgroups", "/runtime.slice/containerd.service",
                "kubelet does not account for containerd"},
};

// kubelet has keys for these too, but means to keep the flags.
constexpr std::array<std::string_view, 3> lasting_flags{"log-flush-frequency", "v", "vmodule"};

// A foreign word, fit for a message.
std::string plain(std::string_view word)
{
        constexpr std::size_t shown = 80; // characters, as of the values that Problems shows
        std::string text(word.substr(0, shown));
        std::ranges::replace_if(
                text, [](char c) { return c < ' ' || c > '~'; }, '?');
        return word.size() > shown ? text + "…" : text;
}

std::string ticked(std::string_view word)
{
        return fmt::format("'{}'", plain(word));
}

// EKS: letters, digits, '-' and '_', starting with a letter or digit, at most 100 characters. What else
// somebody puts here would end in a kubeconfig.
bool is_cluster_name(std::string_view name)
{
        const auto alnum = [](char c) {
                return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        };
        return !name.empty() && name.size() <= 100 && alnum(name.front()) &&
               std::ranges::all_of(name, [&](char c) { return alnum(c) || c == '-' || c == '_'; });
}

// An address range as bits.
struct Range {
        int family;
        std::array<std::uint8_t, sizeof(in6_addr)> address;
        unsigned length;

        unsigned size() const { return family == AF_INET ? 32 : 128; }
        bool bit(unsigned i) const { return ((address[i / 8] >> (7 - i % 8)) & 1U) != 0; }

        std::string text() const
        {
                std::array<char, INET6_ADDRSTRLEN> buffer{};
                ::inet_ntop(family, address.data(), buffer.data(), buffer.size());
                return buffer.data();
        }
};

Range bits_of(const Cidr& cidr)
{
        const auto& text = cidr.text();
        const auto slash = text.find('/');
        Range range{.family = cidr.ipv6() ? AF_INET6 : AF_INET,
                .address = {},
                .length = parse_int<unsigned>(std::string_view(text).substr(slash + 1)).value_or(0)};
        ::inet_pton(range.family, text.substr(0, slash).c_str(), range.address.data());
        return range;
}

Range first_address(Range range)
{
        for (unsigned i = range.length; i < range.size(); ++i)
                range.address[i / 8] &= static_cast<std::uint8_t>(~(1U << (7 - i % 8)));
        return range;
}

bool overlap(const Range& a, const Range& b)
{
        if (a.family != b.family)
                return false;
        for (unsigned i = 0; i < std::min(a.length, b.length); ++i)
                if (a.bit(i) != b.bit(i))
                        return false;
        return true;
}

// Members of JSON that may be of any shape: nullptr or nothing where it is not the expected one.
const Json* member(const Json* object, std::string_view key)
{
        if (object == nullptr || !object->is_object())
                return nullptr;
        const auto found = object->find(key);
        return found != object->end() && !found->is_null() ? &*found : nullptr;
}

const std::string* text_member(const Json* object, std::string_view key)
{
        const auto* found = member(object, key);
        return found != nullptr ? found->get_ptr<const std::string*>() : nullptr;
}

std::vector<std::string> texts(const Json* list)
{
        std::vector<std::string> result;
        if (list != nullptr && list->is_array())
                for (const auto& item : *list)
                        if (item.is_string())
                                result.push_back(item.get<std::string>());
        return result;
}

std::string shown(const Json& value)
{
        return value.is_string() ? value.get<std::string>()
                                 : value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// A URL without what may be a secret in it.
std::string without_secrets(std::string_view url)
{
        const auto scheme = url.find("://");
        const auto begin = scheme == std::string_view::npos ? 0 : scheme + 3;
        const auto end = std::min(url.find_first_of("/?#", begin), url.size());
        const auto at = url.substr(0, end).rfind('@');
        std::string text(url.substr(0, begin));
        text += at != std::string_view::npos && at >= begin ? "…" : "";
        const auto host = at != std::string_view::npos && at >= begin ? at : begin;
        const auto query = std::min(url.find_first_of("?#", host), url.size());
        text += url.substr(host, query - host);
        return query < url.size() ? text + url[query] + "…" : text;
}

class Checks {
public:
        Checks(const Layer& merged, const Json& imds, Problems& problems, std::vector<Note>& notes)
                : marks_(&merged.marks), imds_(&imds), problems_(&problems), notes_(&notes),
                  cluster_(member(&merged.tree, "cluster")), gates_(member(&merged.tree, "featureGates"))
        {
                node_ = member(&merged.tree, "node");
                const auto* kubelet = member(&merged.tree, "kubelet");
                config_ = member(kubelet, "config");
                reservations_ = member(kubelet, "reservations");
                const auto* mode = text_member(kubelet, "configMode");
                const auto* policy = text_member(reservations_, "policy");
                reserves_cpu_ = (mode == nullptr || *mode != "replace") &&
                                (policy == nullptr || (*policy != "none" && *policy != "explicit"));
                items_ = texts(member(kubelet, "flags"));
                flags_ = parse_kubelet_flags(items_);
        }

        void run()
        {
                check_name();
                check_endpoint();
                check_cidr();
                check_family();
                check_gates();
                check_cluster_id();
                check_kubelet_config();
                check_node_labels();
                check_node_taints();
                check_reservations();
                for (std::size_t i = 0; i < flags_.size(); ++i)
                        check_flag(i);
        }

private:
        using TaintNames = std::set<std::pair<std::string, std::string>>; // key and effect

        // The place of a key, or of the nearest thing around it.
        Where where(std::string_view key) const
        {
                while (!key.empty()) {
                        if (const auto mark = marks_->find(std::string(key)); mark != marks_->end())
                                return mark->second;
                        const auto end = key.find_last_of(".[");
                        key = key.substr(0, end == std::string_view::npos ? 0 : end);
                }
                return {"configuration"};
        }

        void problem(
                std::string_view key, std::string_view value, std::string_view wrong, std::string remedy)
        {
                problems_->add(where(key), key, value, wrong, std::move(remedy));
        }

        void note(Level level, std::string_view key, std::string_view value, std::string_view text)
        {
                notes_->push_back({level,
                        fmt::format("{}: {} = \"{}\": {}", where(key).text(), key, plain(value), text)});
        }

        // Blanks come from copying, and are hard to see: a message of its own.
        bool has_blanks_around(std::string_view key, const std::string& value)
        {
                if (trim(value).size() == value.size())
                        return false;
                problem(key, without_secrets(value), "has blanks or line breaks around it",
                        "Remove the blanks around the value");
                return true;
        }

        void check_name()
        {
                constexpr std::string_view key = "cluster.name";
                const auto* name = text_member(cluster_, "name");
                if (name != nullptr && !has_blanks_around(key, *name) && !is_cluster_name(*name))
                        problem(key, *name, "not a name of an EKS cluster",
                                "Use letters, digits, '-' and '_', at most 100");
        }

        void check_cluster_id()
        {
                constexpr std::string_view key = "cluster.id";
                const auto* id = text_member(cluster_, "id");
                if (id != nullptr && !has_blanks_around(key, *id) && !is_cluster_name(*id))
                        problem(key, *id, "not an id of an EKS cluster",
                                "Use letters, digits, '-' and '_', at most 100");
        }

        void check_endpoint()
        {
                constexpr std::string_view key = "cluster.apiServerEndpoint";
                const auto* endpoint = text_member(cluster_, "apiServerEndpoint");
                if (endpoint == nullptr || has_blanks_around(key, *endpoint) || is_https_url(*endpoint))
                        return;
                const auto scheme = endpoint->find("://");
                const auto begin = scheme == std::string::npos ? 0 : scheme + 3;
                const auto host_end = std::min(endpoint->find_first_of("/?#", begin), endpoint->size());
                std::string_view wrong = "not an https URL";
                if (std::string_view(*endpoint).substr(begin, host_end - begin).find('@') !=
                        std::string_view::npos)
                        wrong = "holds a user name, and kubelet must not send one";
                else if (endpoint->find_first_of("?#") != std::string::npos)
                        wrong = "holds a query or fragment, which an API server's URL does not have";
                problem(key, without_secrets(*endpoint), wrong,
                        "Give the cluster's endpoint, https://…, as DescribeCluster shows it");
        }

        void check_cidr()
        {
                constexpr std::string_view key = "cluster.cidr";
                const auto* cidr = text_member(cluster_, "cidr");
                if (cidr == nullptr || has_blanks_around(key, *cidr))
                        return;
                const auto parsed = parse_cidr(*cidr);
                if (!parsed) {
                        problem(key, *cidr, "not an address range",
                                "Give the cluster's service CIDR, such as 10.100.0.0/16");
                        return;
                }
                const auto range = bits_of(*parsed);
                if (const auto first = first_address(range); first.address != range.address)
                        note(Level::warning, key, *cidr,
                                fmt::format("the range begins at {}, so the address of the cluster's DNS "
                                            "service may be wrong ({}), proceeding",
                                        first.text(), parsed->dns_address()));
                check_against_facts(*cidr, range);
        }

        void check_against_facts(const std::string& cidr, const Range& range)
        {
                const auto* interfaces = member(imds_, "interfaces");
                if (interfaces == nullptr || !interfaces->is_array())
                        return;
                const bool ipv6 = range.family == AF_INET6;
                std::vector<std::string> overlapping;
                for (const auto& interface : *interfaces)
                        for (const auto& vpc :
                                texts(member(&interface, ipv6 ? "vpcIpv6Cidrs" : "vpcIpv4Cidrs")))
                                if (const auto other = parse_cidr(vpc);
                                        other && overlap(range, bits_of(*other)))
                                        if (std::ranges::find(overlapping, vpc) == overlapping.end())
                                                overlapping.push_back(vpc);
                if (!overlapping.empty())
                        problem("cluster.cidr", cidr,
                                fmt::format("overlaps {} of the VPC", join(overlapping, ", ")),
                                "Give the cluster's service CIDR, as DescribeCluster shows it");
                if (ipv6 && text_member(cluster_, "ipFamily") == nullptr && lacks_ipv6())
                        problem("cluster.cidr", cidr,
                                "an IPv6 range, but the instance's primary interface has no IPv6 address",
                                "Launch the node with an IPv6 address, or give an IPv4 cluster's CIDR");
        }

        // An interface that the facts do not describe is unknown, not without addresses.
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

        void check_family()
        {
                constexpr std::string_view key = "cluster.ipFamily";
                const auto* text = text_member(cluster_, "ipFamily");
                const auto family = text != nullptr ? parse_ip_family(*text) : std::nullopt;
                if (!family || family == IpFamily::dual_stack) {
                        if (family && lacks_ipv6())
                                problem(key, *text, "the instance's primary interface has no IPv6 address",
                                        "Launch the node with an IPv6 address, or say ipv4");
                        return;
                }
                const bool ipv6 = family == IpFamily::ipv6;
                const auto* cidr = text_member(cluster_, "cidr");
                if (const auto range = parse_cidr(cidr != nullptr ? *cidr : "");
                        range && range->ipv6() != ipv6)
                        problem(key, *text,
                                fmt::format("contradicts cluster.cidr, {}: pods and services would not "
                                            "reach each other",
                                        *cidr),
                                "Leave cluster.ipFamily out, or say dual-stack");
                else if (ipv6 && lacks_ipv6())
                        problem(key, *text, "the instance's primary interface has no IPv6 address",
                                "Launch the node with an IPv6 address, or say ipv4");
        }

        void check_gates()
        {
                if (gates_ == nullptr || !gates_->is_object())
                        return;
                for (const auto& [name, on] : gates_->items()) {
                        if (std::ranges::find(known_gates, name) != known_gates.end())
                                continue;
                        const auto near = nearest(name, known_gates);
                        note(Level::warning, key_path("featureGates", name), shown(on),
                                fmt::format("not a feature gate of this version{}, ignoring",
                                        near ? fmt::format("; did you mean '{}'?", *near) : ""));
                }
        }

        void check_kubelet_config()
        {
                const auto must_be = [&](const char* name, const char* wanted) {
                        const auto* found = member(config_, name);
                        if (found != nullptr && *found != wanted)
                                problem(key_path("kubelet.config", name), shown(*found),
                                        fmt::format("must be '{}'", wanted),
                                        "Remove the key, or give that value");
                };
                must_be("apiVersion", "kubelet.config.k8s.io/v1beta1");
                must_be("kind", "KubeletConfiguration");

                if (const auto* pods = member(config_, "maxPods")) {
                        std::optional<std::int64_t> number;
                        if (pods->is_number_unsigned()) // one above the signed range must not wrap
                                number = static_cast<std::int64_t>(
                                        std::min<std::uint64_t>(pods->get<std::uint64_t>(),
                                                std::numeric_limits<std::int64_t>::max()));
                        else if (pods->is_number_integer())
                                number = pods->get<std::int64_t>();
                        check_max_pods("kubelet.config.maxPods", shown(*pods), number);
                }

                check_cpu_manager();

                const auto* taints = member(config_, "registerWithTaints");
                if (taints == nullptr)
                        return;
                constexpr std::string_view key = "kubelet.config.registerWithTaints";
                if (!taints->is_array()) {
                        problem(key, shown(*taints), "must be a list of taints", taint_in_config);
                        return;
                }
                TaintNames seen;
                for (std::size_t i = 0; i < taints->size(); ++i)
                        check_config_taint(fmt::format("{}[{}]", key, i), taints->at(i), seen);
        }

        void check_reservations()
        {
                if (const auto* percent = member(reservations_, "memoryLimitPercent");
                        percent != nullptr && (*percent < 1 || *percent > 100))
                        problem("kubelet.reservations.memoryLimitPercent", shown(*percent),
                                "not a share from 1 to 100 %",
                                "Give the most that kubeReserved may keep of the machine's memory");
                const auto* policy = text_member(reservations_, "policy");
                const auto* reserved = member(config_, "kubeReserved");
                if (policy != nullptr && *policy == "explicit" &&
                        (reserved == nullptr || !reserved->is_object() || reserved->empty()) &&
                        std::ranges::find(flags_, "kube-reserved", &KubeletFlag::name) == flags_.end())
                        problem("kubelet.reservations.policy", *policy,
                                "kubelet.config.kubeReserved is missing",
                                "Set kubelet.config.kubeReserved, or the policy to 'none'");
        }

        // The policy may be a profile's, and the choice to reserve nothing another layer's.
        void check_cpu_manager()
        {
                const auto* policy = text_member(config_, "cpuManagerPolicy");
                const bool reserved = reserves_cpu_ || member(config_, "reservedSystemCPUs") != nullptr ||
                                      member(member(config_, "kubeReserved"), "cpu") != nullptr ||
                                      member(member(config_, "systemReserved"), "cpu") != nullptr;
                if (policy != nullptr && *policy == "static" && !reserved)
                        problem("kubelet.config.cpuManagerPolicy", *policy,
                                "kubelet does not start with it unless some CPU is reserved",
                                "Set kubelet.config.kubeReserved.cpu, such as 100m, or another policy");
        }

        void check_max_pods(std::string_view key, std::string_view value, std::optional<std::int64_t> pods)
        {
                if (!pods || *pods < 1 || *pods > most_pods)
                        problem(key, value, fmt::format("not a whole number from 1 to {}", most_pods),
                                "Give the number of pods that fit this instance type, or remove it");
                else if (*pods > sensible_pods)
                        note(Level::warning, key, value,
                                fmt::format("EKS recommends at most {} pods on a node, proceeding",
                                        sensible_pods));
        }

        void check_config_taint(const std::string& key, const Json& given, TaintNames& seen)
        {
                Taint taint;
                const auto take = [&](const char* name, std::string& into) {
                        const auto* found = member(&given, name);
                        const auto* text = text_member(&given, name);
                        if (text != nullptr)
                                into = *text;
                        return found == nullptr || text != nullptr;
                };
                const bool texts_only = given.is_object() && take("key", taint.key) &&
                                        take("value", taint.value) && take("effect", taint.effect);
                const auto wrong = texts_only ? wrong_taint(taint) : "must be a map of strings";
                if (!wrong.empty())
                        problem(key, shown(given), fmt::format("not a taint: {}", wrong), taint_in_config);
                else
                        check_taint_is_new(key, shown(given), taint, seen);
        }

        // The API server refuses a node with two taints of one key and effect, whatever their values.
        void check_taint_is_new(
                const std::string& key, const std::string& value, const Taint& taint, TaintNames& seen)
        {
                if (!seen.emplace(taint.key, taint.effect).second)
                        problem(key, value,
                                fmt::format("taint {} is there twice with effect {}", ticked(taint.key),
                                        taint.effect),
                                "Remove one of the two taints");
        }

        // The text with the facts filled in; nothing if that is wrong, which is said, or they are unknown.
        std::optional<std::string> filled_in(std::string_view key, const std::string& text)
        {
                auto expanded = expand_facts(text, *imds_);
                if (!expanded.wrong.empty())
                        problem(key, text, expanded.wrong, std::move(expanded.remedy));
                return expanded.text;
        }

        void check_node_labels()
        {
                const auto* labels = member(node_, "labels");
                if (labels == nullptr || !labels->is_object())
                        return;
                for (const auto& [label, value] : labels->items()) {
                        if (!value.is_string())
                                continue;
                        const auto key = key_path("node.labels", label);
                        const auto& given = value.get_ref<const std::string&>();
                        if (const auto wrong = wrong_label_key(label); !wrong.empty()) {
                                problem(key, given, fmt::format("not a label: {}", wrong), label_form);
                                continue;
                        }
                        if (const auto wrong = refused_to_kubelets(label); !wrong.empty())
                                problem(key, given, wrong, other_domain);
                        const auto text = filled_in(key, given);
                        if (!text)
                                continue;
                        if (const auto wrong = wrong_label_value(*text); !wrong.empty())
                                problem(key, given,
                                        *text == given ? fmt::format("not a label: {}", wrong)
                                                       : fmt::format("not a label: it is {} here, and {}",
                                                                 ticked(*text), wrong),
                                        label_form);
                        labels_.emplace(label, Label{*text, key, false});
                }
        }

        void check_node_taints()
        {
                TaintNames seen;
                const auto taints = texts(member(node_, "taints"));
                for (std::size_t i = 0; i < taints.size(); ++i) {
                        const auto key = fmt::format("node.taints[{}]", i);
                        const auto text = filled_in(key, taints[i]);
                        if (!text)
                                continue;
                        const auto [taint, wrong] = parse_taint(*text);
                        if (!wrong.empty())
                                problem(key, taints[i],
                                        *text == taints[i]
                                                ? fmt::format("not a taint: {}", wrong)
                                                : fmt::format("not a taint: it is {} here, and {}",
                                                          ticked(*text), wrong),
                                        "Write it as key=value:NoSchedule");
                        else
                                check_taint_is_new(key, taints[i], taint, seen);
                }
                if (!taints.empty() && member(config_, "registerWithTaints") != nullptr)
                        note(Level::warning, "kubelet.config.registerWithTaints", "…",
                                fmt::format("it replaces the taints of node.taints ({}), proceeding",
                                        where("node.taints").text()));
        }

        static std::string item_key(const KubeletFlag& flag)
        {
                return fmt::format("kubelet.flags[{}]", flag.index);
        }
        const std::string& item(const KubeletFlag& flag) const { return items_[flag.index]; }

        void check_flag(std::size_t number)
        {
                const auto& flag = flags_[number];
                const auto key = item_key(flag);
                if (flag.name.empty()) {
                        problem(key, item(flag),
                                flag.value == item(flag)
                                        ? "not a flag"
                                        : ticked(flag.value.value_or("")) + " is not a flag",
                                "Write it as --name=value");
                        return;
                }
                if (!flag.value && is_kubelet_switch(flag.name) == false) {
                        problem(key, item(flag), fmt::format("--{} needs a value", flag.name),
                                "Write it as --name=value");
                        return;
                }
                if (flag.name == "node-labels")
                        check_labels(number);
                else if (flag.name == "register-with-taints")
                        check_taints(flag);
                else if (flag.name == "hostname-override")
                        check_hostname(flag);
                else if (flag.name == "max-pods")
                        check_max_pods(key, item(flag), parse_int<std::int64_t>(flag.value.value_or("")));
                note_own_flag_or_key(flag);
                note_repetition(number);
        }

        void check_labels(std::size_t number)
        {
                const auto& flag = flags_[number];
                const auto pairs = flag.value.value_or("");
                for (const auto pair : split(pairs, ',')) {
                        if (pair.empty())
                                continue; // kubelet's leniency
                        const auto equals = pair.find('=');
                        const auto label = trim(pair.substr(0, equals));
                        const auto value = equals == std::string_view::npos ? std::string_view()
                                                                            : trim(pair.substr(equals + 1));
                        auto wrong = wrong_label_key(label);
                        if (wrong.empty())
                                wrong = wrong_label_value(value);
                        if (!wrong.empty()) {
                                problem(item_key(flag), item(flag),
                                        fmt::format("label {}: {}", ticked(pair), wrong),
                                        "Write labels as key=value,key=value, in characters for labels");
                                continue;
                        }
                        if (wrong = refused_to_kubelets(label); !wrong.empty())
                                problem(item_key(flag), item(flag),
                                        fmt::format("label {}: {}", ticked(label), wrong), other_domain);
                        check_label_is_new(number, std::string(label), std::string(value));
                }
        }

        // kubelet takes the last value of a label.
        void check_label_is_new(std::size_t number, const std::string& label, const std::string& value)
        {
                const auto& flag = flags_[number];
                const auto key = item_key(flag);
                const auto [found, is_new] = labels_.try_emplace(label, Label{value, key, true});
                if (is_new || found->second.value == value)
                        return;
                const auto& before = found->second;
                const auto there = where(before.key);
                if (where(key).source == there.source)
                        problem(item_key(flag), item(flag),
                                fmt::format("label {} has the values {} and {}{}", ticked(label),
                                        ticked(before.value), ticked(value),
                                        before.key == key ? ""
                                                          : fmt::format(", the first in {}", before.key)),
                                "Give each label once");
                else if (!before.in_flag) // whatever the order of the layers
                        note(Level::warning, key, item(flag),
                                fmt::format("label {} beats {} of {} ({}), proceeding", ticked(label),
                                        ticked(before.value), before.key, there.text()));
                else
                        note(Level::info, item_key(flag), item(flag),
                                fmt::format("label {} overrides {} of {}", ticked(label),
                                        ticked(found->second.value), there.text()));
                found->second = {value, key, true};
        }

        void check_hostname(const KubeletFlag& flag)
        {
                if (const auto wrong = wrong_node_name(flag.value.value_or("")); !wrong.empty())
                        problem(item_key(flag), item(flag), wrong,
                                "Give a name that the cluster knows the node by, or remove the flag");
        }

        void check_taints(const KubeletFlag& flag)
        {
                TaintNames seen;
                const auto taints = flag.value.value_or("");
                for (const auto text : split(taints, ',')) {
                        const auto [taint, wrong] = parse_taint(text);
                        if (!wrong.empty())
                                problem(item_key(flag), item(flag),
                                        fmt::format("taint {}: {}", ticked(text), wrong),
                                        "Write taints as key=value:NoSchedule,key:NoExecute");
                        else
                                check_taint_is_new(item_key(flag), item(flag), taint, seen);
                }
                if (member(node_, "taints") != nullptr)
                        note(Level::warning, item_key(flag), item(flag),
                                fmt::format("the flag replaces the taints of node.taints ({}), proceeding",
                                        where("node.taints").text()));
        }

        void note_own_flag_or_key(const KubeletFlag& flag)
        {
                const auto* const own = std::ranges::find(own_flags, flag.name, &OwnFlag::name);
                if (own != own_flags.end() && (own->value.empty() || flag.value != own->value)) {
                        note(Level::warning, item_key(flag), item(flag),
                                fmt::format("eksnode sets --{} itself; with this one {}; remove it unless "
                                            "you mean that, proceeding",
                                        flag.name, own->consequence));
                        return;
                }
                const auto* entry = find_kubelet_flag_key(flag.name);
                if (entry == nullptr || std::ranges::find(lasting_flags, flag.name) != lasting_flags.end())
                        return;
                const auto key = fmt::format("kubelet.config.{}", entry->key);
                const bool both = marks_->contains(key);
                note(Level::warning, item_key(flag), item(flag),
                        fmt::format("--{} has the key {}; kubelet gives the flag up one day{}, proceeding",
                                flag.name, key,
                                both ? fmt::format(", and it beats the key in {}", where(key).text()) : ""));
        }

        void note_repetition(std::size_t number)
        {
                const auto& flag = flags_[number];
                if (adds_up(flag.name))
                        return;
                const auto [found, is_new] = last_.try_emplace(flag.name, number);
                if (is_new)
                        return;
                const auto& before = flags_[std::exchange(found->second, number)];
                const auto there = where(item_key(before));
                if (flag.name == "register-with-taints") // labels add up: who expects that taints do not?
                        note(Level::warning, item_key(flag), item(flag),
                                fmt::format("kubelet takes the last --register-with-taints alone; the "
                                            "taints in {} ({}) are lost, proceeding",
                                        item_key(before), there.text()));
                else if (where(item_key(flag)).source == there.source)
                        note(Level::warning, item_key(flag), item(flag),
                                fmt::format(
                                        "--{} is there twice ({} too), kubelet takes the last, proceeding",
                                        plain(flag.name), item_key(before)));
                else
                        note(Level::info, item_key(flag), item(flag),
                                fmt::format("--{} overrides {} of {}", plain(flag.name),
                                        ticked(item(before)), there.text()));
        }

        struct Label {
                std::string value;
                std::string key; // where it stands
                bool in_flag;
        };

        static constexpr const char* label_form =
                "Use at most 63 letters, digits, '-', '_' and '.', beginning and ending with a letter or "
                "digit";
        static constexpr const char* other_domain =
                "Use a domain of your own or node.kubernetes.io, or label the node with kubectl once it is "
                "there";

        static constexpr const char* taint_in_config =
                "Write each as {key: …, value: …, effect: NoSchedule}";

        const Marks* marks_;
        const Json* imds_;
        Problems* problems_;
        std::vector<Note>* notes_;
        const Json* cluster_;
        const Json* gates_;
        const Json* node_ = nullptr;
        const Json* config_ = nullptr;
        const Json* reservations_ = nullptr;
        bool reserves_cpu_ = true; // what eksnode itself sets
        std::vector<std::string> items_;
        std::vector<KubeletFlag> flags_;
        std::map<std::string, Label> labels_;
        std::map<std::string, std::size_t> last_; // flag name to its last use
};

} // namespace

void check_values(const Layer& merged, const Json& imds, Problems& problems, std::vector<Note>& notes)
{
        Checks(merged, imds, problems, notes).run();
}

} // namespace eks
