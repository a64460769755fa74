// SPDX-License-Identifier: Apache-2.0
#include "config/schema.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.hpp"

namespace eks {

namespace {

constexpr std::array table{
        SchemaKey{"cluster.apiServerEndpoint", ValueKind::text, "https URL of the cluster's API server"},
        SchemaKey{"cluster.certificateAuthority", ValueKind::text,
                "the cluster's CA certificate, PEM in base64"},
        SchemaKey{"cluster.cidr", ValueKind::text, "service CIDR of the cluster, such as 10.100.0.0/16"},
        SchemaKey{"cluster.enableOutpost", ValueKind::boolean, "the cluster is a local one on an Outpost"},
        SchemaKey{"cluster.id", ValueKind::text, "id of a local cluster on an Outpost", "", true, false},
        SchemaKey{"cluster.ipFamily", ValueKind::text,
                "which addresses the node has: without it, the family of cluster.cidr",
                "ipv4|ipv6|dual-stack", false},
        SchemaKey{"cluster.name", ValueKind::text, "name of the EKS cluster"},
        SchemaKey{"cni.customNetworking", ValueKind::toggle,
                "the VPC CNI gives pods no address of the primary interface: one interface less counts for "
                "maxPods",
                "", false},
        SchemaKey{"cni.maxENIs", ValueKind::count,
                "the VPC CNI uses at most so many network interfaces; counts for maxPods", "", false},
        SchemaKey{"cni.prefixDelegation", ValueKind::toggle,
                "the VPC CNI assigns prefixes of 16 addresses; counts for maxPods", "", false},
        SchemaKey{"containerd.baseRuntimeSpec", ValueKind::free_map,
                "merged over the OCI runtime spec that containers begin with; null removes a value"},
        SchemaKey{"containerd.config", ValueKind::toml_text, "TOML, merged over containerd's configuration"},
        SchemaKey{"featureGates", ValueKind::switches,
                "InstanceIdNodeName: the node is named after the instance id"},
        SchemaKey{"instance.environment", ValueKind::environment,
                "environment variables of services; the service 'default' is all of them", "", true, false},
        SchemaKey{"instance.localStorage.disabledMounts", ValueKind::list,
                "directories that stay off the instance store", "Containerd|PodLogs|SOCI", true, false},
        SchemaKey{"instance.localStorage.mountPath", ValueKind::text, "where the instance store is mounted",
                "", true, false},
        SchemaKey{"instance.localStorage.strategy", ValueKind::text, "how instance store disks are used",
                "RAID0|RAID10|Mount", true, false},
        SchemaKey{"instance.network.domains", ValueKind::list, "search domains", "", true, false},
        SchemaKey{"instance.network.nameservers", ValueKind::list, "addresses of name servers", "", true,
                false},
        SchemaKey{"kubeconfig.auth", ValueKind::text, "the program that gives kubelet its token",
                "eksnode|aws|aws-iam-authenticator", false},
        SchemaKey{
                "kubelet.config", ValueKind::free_map, "KubeletConfiguration settings; they win over ours"},
        SchemaKey{"kubelet.configFile", ValueKind::text,
                "a file with a KubeletConfiguration (JSON or YAML), merged below kubelet.config", "", false},
        SchemaKey{"kubelet.configMode", ValueKind::text,
                "merge: kubelet merges your settings over ours; replace: your settings are all there is",
                "merge|replace", false},
        SchemaKey{"kubelet.credentialProviderConfig", ValueKind::free_map,
                "merged over kubelet's CredentialProviderConfig; lists are replaced, null removes a value",
                "", false},
        SchemaKey{"kubelet.flags", ValueKind::flags, "arguments of kubelet, behind ours"},
        SchemaKey{
                "kubelet.maxPodsExpression", ValueKind::text, "CEL expression for maxPods", "", true, false},
        SchemaKey{"kubelet.maxPodsLimit", ValueKind::text,
                "recommended: at most 110 pods up to 30 vCPUs, 250 above", "none|recommended", false},
        SchemaKey{"kubelet.reservations.evictionHard", ValueKind::toggle,
                "whether our eviction thresholds are written", "", false},
        SchemaKey{"kubelet.reservations.memoryLimitPercent", ValueKind::count,
                "kubeReserved keeps at most this share of the machine's memory, in percent", "", false},
        SchemaKey{"kubelet.reservations.policy", ValueKind::text,
                "how kubeReserved is computed; explicit: it is what kubelet.config says",
                "eks|gke|none|explicit", false},
        SchemaKey{"kubelet.reservations.systemReserved", ValueKind::toggle,
                "whether systemReserved is written too", "", false},
        SchemaKey{"node.gpuLabels", ValueKind::toggle,
                "labels of NVIDIA devices, as GPU Feature Discovery names them", "", false},
        SchemaKey{"node.hardwareLabels", ValueKind::toggle,
                "labels of the machine, as Node Feature Discovery names them", "", false},
        SchemaKey{"node.labels", ValueKind::text_map,
                "labels the node registers with; ${imds.KEY} and ${tag.KEY} stand for facts", "", false},
        SchemaKey{"node.taints", ValueKind::list,
                "taints the node registers with: key=value:Effect; ${imds.KEY} and ${tag.KEY} stand for "
                "facts",
                "", false},
        SchemaKey{"profile", ValueKind::text, "a named set of settings, or the path of a file with one", "",
                false},
};

constexpr unsigned max_count = 2147483647; // what kubelet's own numbers hold

bool is_string_list(const Json& value)
{
        return value.is_array() && std::ranges::all_of(value, [](const Json& v) { return v.is_string(); });
}

bool fits(const Json& value, ValueKind kind)
{
        switch (kind) {
        case ValueKind::text:
        case ValueKind::toml_text:
                return value.is_string();
        case ValueKind::boolean:
        case ValueKind::toggle:
                return value.is_boolean();
        case ValueKind::count:
                return value.is_number_integer() && value >= 0 && value <= max_count;
        case ValueKind::list:
        case ValueKind::flags:
                return is_string_list(value);
        case ValueKind::switches:
                return value.is_object() &&
                       std::ranges::all_of(value, [](const Json& v) { return v.is_boolean(); });
        case ValueKind::text_map:
                return value.is_object() &&
                       std::ranges::all_of(value, [](const Json& v) { return v.is_string(); });
        case ValueKind::environment:
                return value.is_object() && std::ranges::all_of(value, [](const Json& service) {
                        return service.is_null() ||
                               (service.is_object() && std::ranges::all_of(service,
                                                               [](const Json& v) { return v.is_string(); }));
                });
        case ValueKind::free_map:
                return value.is_object();
        }
        return false;
}

// The first value that is not among the choices; nothing if all are.
std::optional<std::string> bad_choice(const Json& value, std::string_view choices)
{
        const auto allowed = split(choices, '|');
        const auto bad = [&](const Json& v) {
                const auto& text = v.get_ref<const std::string&>();
                return !text.empty() && std::ranges::find(allowed, text) == allowed.end();
        };
        if (value.is_string() && bad(value))
                return value.get<std::string>();
        if (value.is_array())
                for (const auto& item : value)
                        if (bad(item))
                                return item.get<std::string>();
        return std::nullopt;
}

class Checker {
public:
        Checker(Layer& layer, Dialect dialect) : layer_(&layer), dialect_(dialect) {}

        void check(Json& node, const std::string& path)
        {
                for (auto item = node.begin(); item != node.end();)
                        item = keep(*item, key_path(path, item.key())) ? std::next(item) : node.erase(item);
        }

private:
        bool keep(Json& value, const std::string& key)
        {
                const auto entry = std::ranges::find(table, key, &SchemaKey::path);
                const bool known = entry != table.end() && (dialect_ == Dialect::toml || entry->node_config);
                const bool leads_somewhere = std::ranges::any_of(
                        table, [&](const SchemaKey& k) { return k.path.starts_with(key + "."); });
                if (value.is_null() && (known || leads_somewhere))
                        return false; // YAML's "kubelet:" with nothing below it
                if (!known && !leads_somewhere) {
                        unknown(key);
                        return false;
                }
                if (known)
                        return fits_key(value, key, *entry);
                if (!value.is_object()) {
                        problem(key, value, "must be a map");
                        return false;
                }
                check(value, key);
                return true;
        }

        bool fits_key(const Json& value, const std::string& key, const SchemaKey& entry)
        {
                if (!fits(value, entry.kind)) {
                        problem(key, value, expected(entry.kind));
                        return false;
                }
                if (const auto bad =
                                entry.choices.empty() ? std::nullopt : bad_choice(value, entry.choices)) {
                        problem(key, *bad,
                                fmt::format(
                                        "must be one of {}", fmt::join(split(entry.choices, '|'), ", ")));
                        return false;
                }
                if (!entry.acts)
                        layer_->notes.push_back({Level::warning,
                                fmt::format("{}: {} has no effect in this version of eksnode, ignoring",
                                        where(key).text(), shown(key))});
                return true;
        }

        std::string shown(const std::string& key) const
        {
                return (dialect_ == Dialect::toml ? "" : "spec.") + key;
        }

        Where where(const std::string& key) const { return place_of(layer_->marks, key, {layer_->source}); }

        void problem(const std::string& key, const Json& value, std::string_view wrong)
        {
                layer_->problems.add(where(key), shown(key),
                        value.is_string() ? value.get<std::string>() : value.dump(), wrong,
                        "See eks-node.toml(5) for every key and its type");
        }

        void unknown(const std::string& key)
        {
                const auto hint = nearest_key_hint(key, dialect_ == Dialect::toml ? "" : "spec.");
                if (dialect_ == Dialect::toml)
                        layer_->problems.add(where(key), shown(key), "", "unknown key" + hint,
                                "See eks-node.toml(5) for every key");
                else
                        layer_->notes.push_back({Level::warning,
                                fmt::format("{}: {} is not a field that eksnode knows{}, ignoring",
                                        where(key).text(), shown(key), hint),
                                true});
        }

        Layer* layer_;
        Dialect dialect_;
};

Json& make_path(Json& tree, std::string_view path)
{
        Json* node = &tree;
        for (const auto part : split(path, '.'))
                node = &(*node)[std::string(part)];
        return *node;
}

void copy_marks(Layer& under, const Layer& over, const std::string& key)
{
        if (find_path(under.tree, key) == nullptr ||
                !find_path(under.tree, key)->is_object()) // nothing of the old remains
                std::erase_if(under.marks, [&](const auto& mark) {
                        return mark.first.starts_with(key + "[") || mark.first.starts_with(key + ".");
                });
        for (auto mark = over.marks.lower_bound(key); mark != over.marks.end(); ++mark) {
                const auto& name = mark->first;
                if (!name.starts_with(key))
                        break;
                if (name.size() == key.size() || name[key.size()] == '.' || name[key.size()] == '[')
                        under.marks[name] = mark->second;
        }
}

// Lists of flags grow: the marks of what is appended move along.
void append_flags(Layer& under, const Layer& over, const std::string& key, Json& target, const Json& value)
{
        for (std::size_t i = 0; i < value.size(); ++i) {
                if (const auto mark = over.marks.find(fmt::format("{}[{}]", key, i));
                        mark != over.marks.end())
                        under.marks[fmt::format("{}[{}]", key, target.size())] = mark->second;
                target.push_back(value[i]);
        }
        if (const auto mark = over.marks.find(key); mark != over.marks.end())
                under.marks[key] = mark->second;
}

// An empty value of a typed key says nothing; in free maps it does.
bool says_something(const Json& value, ValueKind kind)
{
        switch (kind) {
        case ValueKind::text:
        case ValueKind::toml_text:
                return !trim(value.get_ref<const std::string&>()).empty();
        case ValueKind::list:
                return !value.empty();
        default:
                return true;
        }
}

} // namespace

std::string_view expected(ValueKind kind)
{
        switch (kind) {
        case ValueKind::text:
        case ValueKind::toml_text:
                return "must be a string";
        case ValueKind::boolean:
        case ValueKind::toggle:
                return "must be true or false";
        case ValueKind::count:
                return "must be a whole number, 0 or more";
        case ValueKind::list:
        case ValueKind::flags:
                return "must be a list of strings";
        case ValueKind::switches:
                return "must be a map of names to true or false";
        case ValueKind::text_map:
                return "must be a map of strings";
        case ValueKind::environment:
                return "must be a map of services to maps of variables to strings";
        case ValueKind::free_map:
                return "must be a map";
        }
        return "";
}

std::span<const SchemaKey> schema()
{
        return table;
}

const SchemaKey* find_schema_key(std::string_view path)
{
        for (const auto& entry : table) {
                if (path == entry.path ||
                        (holds_more(entry.kind) && path.starts_with(std::string(entry.path) + ".")))
                        return &entry;
        }
        return nullptr;
}

std::string nearest_key_hint(std::string_view key, std::string_view prefix)
{
        std::vector<std::string> names;
        for (const auto& entry : table)
                names.emplace_back(entry.path);
        const auto near = nearest(key, names);
        return near ? fmt::format("; did you mean '{}{}'?", prefix, *near) : std::string();
}

const Json* find_path(const Json& tree, std::string_view path)
{
        const Json* node = &tree;
        for (const auto part : split(path, '.')) {
                if (!node->is_object())
                        return nullptr;
                const auto child = node->find(part);
                if (child == node->end())
                        return nullptr;
                node = &*child;
        }
        return node;
}

void check_layer(Layer& layer, Dialect dialect)
{
        Checker(layer, dialect).check(layer.tree, "");
}

void deep_merge(Json& under, const Json& over)
{
        if (!under.is_object() || !over.is_object()) {
                under = over;
                return;
        }
        for (const auto& [key, value] : over.items())
                deep_merge(under[key], value);
}

void merge_layer(Layer& under, const Layer& over)
{
        under.notes.insert(under.notes.end(), over.notes.begin(), over.notes.end());
        under.problems.add(over.problems);
        for (const auto& entry : table) {
                const std::string key(entry.path);
                const Json* value = find_path(over.tree, key);
                if (value == nullptr || !says_something(*value, entry.kind))
                        continue;
                const Json* present = find_path(under.tree, key);
                if (entry.kind == ValueKind::boolean && present != nullptr && !value->get<bool>())
                        continue;
                auto& target = make_path(under.tree, key);
                switch (entry.kind) {
                case ValueKind::text:
                case ValueKind::boolean:
                case ValueKind::toggle:
                case ValueKind::count:
                case ValueKind::list:
                        target = *value;
                        break;
                case ValueKind::flags:
                        append_flags(under, over, key, target, *value);
                        continue;
                case ValueKind::switches:
                case ValueKind::text_map:
                case ValueKind::environment:
                case ValueKind::free_map:
                        if (target.is_null())
                                target = Json::object();
                        deep_merge(target, *value);
                        break;
                case ValueKind::toml_text: {
                        const auto source = place_of(over.marks, key, {over.source}).text();
                        target.push_back({{"text", *value}, {"source", source}});
                        break;
                }
                }
                copy_marks(under, over, key);
        }
}

} // namespace eks
