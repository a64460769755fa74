// SPDX-License-Identifier: Apache-2.0
#include "config/resolve.hpp"

#include <algorithm>
#include <array>
#include <sys/stat.h>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "config/network.hpp"
#include "config/problems.hpp"
#include "config/schema.hpp"

namespace eks {

namespace {

bool is_toml(std::string_view name) { return name.ends_with(".toml"); }
bool is_node_config(std::string_view name)
{
        return name.ends_with(".yaml") || name.ends_with(".yml") || name.ends_with(".json");
}

void add(Resolved& resolved, Layer layer)
{
        resolved.tried.push_back(layer.source);
        merge_layer(resolved.merged, layer);
}

const std::string* text_at(const Resolved& resolved, const char* section, const char* key)
{
        const auto& tree = resolved.merged.tree;
        const auto found = tree.find(section);
        if (found == tree.end() || !found->contains(key))
                return nullptr;
        return found->at(key).get_ptr<const std::string*>();
}

// EKS: letters, digits, '-' and '_', starting with a letter or digit, at most 100 characters. What else somebody
// puts here would end in a kubeconfig.
bool is_cluster_name(std::string_view name)
{
        const auto alnum = [](unsigned char c) {
                return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        };
        return !name.empty() && name.size() <= 100 && alnum(static_cast<unsigned char>(name.front())) &&
               std::ranges::all_of(name, [&](unsigned char c) { return alnum(c) || c == '-' || c == '_'; });
}

} // namespace

Layer parse_user_data(std::string_view bytes, const std::string& source) { return parse_node_config(bytes, source); }

Layer load_config_file(const std::string& path)
{
        const auto text = read_file(path, config_limit);
        if (is_toml(path))
                return parse_node_toml(text, path);
        if (is_node_config(path))
                return parse_node_config(text, path);
        throw Error(failure::usage, fmt::format("'{}' is neither *.toml nor *.yaml, *.yml or *.json", path),
                "Name the file after its format, or give raw user data as user-data:FILE");
}

Resolved resolve_node_layers(const Root& root)
{
        Resolved resolved;
        if (const auto text = read_file_if_exists(root(admin_config_path), config_limit))
                add(resolved, parse_node_toml(*text, std::string(admin_config_path)));
        else
                resolved.tried.push_back(fmt::format("{} (absent)", admin_config_path));
        if (const auto bytes = read_file_if_exists(root(user_data_path), config_limit); bytes && !trim(*bytes).empty())
                add(resolved, parse_user_data(*bytes, "user data"));
        else
                resolved.tried.emplace_back(bytes ? "user data (empty)" : "user data (the instance has none)");
        return resolved;
}

Resolved resolve_sources(const std::vector<std::string>& sources)
{
        constexpr std::string_view user_data = "user-data:";
        Resolved resolved;
        for (const auto& source : sources) {
                if (source.starts_with(user_data)) {
                        const auto bytes = read_file(source.substr(user_data.size()), config_limit);
                        add(resolved, parse_user_data(bytes, source));
                        continue;
                }
                struct stat st {};
                if (::stat(source.c_str(), &st) == 0 && S_ISDIR(st.st_mode)) {
                        for (const auto& name : list_directory(source))
                                if (is_toml(name) || is_node_config(name))
                                        add(resolved, load_config_file(source + "/" + name));
                        continue;
                }
                add(resolved, load_config_file(source));
        }
        return resolved;
}

void validate(const Resolved& resolved)
{
        struct Required {
                const char* key;
                const char* meaning;
        };
        constexpr std::array required{Required{"name", "the name of the EKS cluster"},
                Required{"apiServerEndpoint", "the https URL of its API server"},
                Required{"certificateAuthority", "its CA certificate, PEM in base64"},
                Required{"cidr", "its service CIDR"}};

        const auto sources = join(resolved.tried, ", ");
        if (std::ranges::none_of(required, [&](const Required& r) { return text_at(resolved, "cluster", r.key); }))
                throw Error(failure::config_missing, fmt::format("no configuration for this node in: {}", sources),
                        "Put a NodeConfig into the instance's user data, or configure /etc/eks/node.toml");

        Problems problems;
        for (const auto& [key, meaning] : required)
                if (text_at(resolved, "cluster", key) == nullptr)
                        problems.add({sources}, fmt::format("cluster.{}", key), "", "missing",
                                fmt::format("Set cluster.{} to {}", key, meaning));

        const auto mark = [&](const std::string& key) {
                const auto found = resolved.merged.marks.find(key);
                return found != resolved.merged.marks.end() ? found->second : Where{sources};
        };
        if (const auto* name = text_at(resolved, "cluster", "name"); name != nullptr && !is_cluster_name(*name))
                problems.add(mark("cluster.name"), "cluster.name", *name, "not a name of an EKS cluster",
                        "Use letters, digits, '-' and '_', at most 100");
        if (const auto* endpoint = text_at(resolved, "cluster", "apiServerEndpoint");
                endpoint != nullptr && !is_https_url(*endpoint))
                problems.add(mark("cluster.apiServerEndpoint"), "cluster.apiServerEndpoint", *endpoint,
                        "not an https URL", "Give the cluster's endpoint, https://…, as DescribeCluster shows it");
        if (const auto* cidr = text_at(resolved, "cluster", "cidr"); cidr != nullptr && !parse_cidr(*cidr))
                problems.add(mark("cluster.cidr"), "cluster.cidr", *cidr, "not an address range",
                        "Give the cluster's service CIDR, such as 10.100.0.0/16");

        const auto& tree = resolved.merged.tree;
        if (tree.contains("cluster") && tree["cluster"].value("enableOutpost", false))
                problems.add(mark("cluster.enableOutpost"), "cluster.enableOutpost", "true",
                        "local clusters on Outposts are not supported by this version",
                        "Remove the key, or use an image with a version that does");
        if (tree.contains("kubelet") && tree["kubelet"].contains("flags"))
                for (std::size_t i = 0; i < tree["kubelet"]["flags"].size(); ++i) {
                        const auto key = fmt::format("kubelet.flags[{}]", i);
                        const auto& flag = tree["kubelet"]["flags"][i].get_ref<const std::string&>();
                        if (has_control_characters(flag))
                                problems.add(mark(key), key, flag, "holds a line break or control character",
                                        "Write each flag as one list item on one line");
                        else if (!trim(flag).starts_with('-'))
                                problems.add(mark(key), key, flag, "not a flag", "Write it as --name=value");
                }
        problems.throw_if_any(failure::config_invalid);
}

} // namespace eks
