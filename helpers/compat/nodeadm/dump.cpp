// SPDX-License-Identifier: Apache-2.0
#include "compat/nodeadm/dump.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "config/known_keys.hpp"
#include "config/node_config.hpp"
#include "config/sources.hpp"
#include "systemd/systemd_words.hpp"
#include "verbs/config/show_config.hpp"

namespace eks {

namespace {

constexpr std::string_view sandbox_image = "localhost/kubernetes/pause:latest"; // nodeadm's constant

// As Go writes JSON: safe inside of HTML.
std::string go_json(const Json& value)
{
        std::string text;
        const auto plain = value.dump(-1, ' ', false, Json::error_handler_t::replace);
        for (std::size_t i = 0; i < plain.size(); ++i) {
                const auto three = std::string_view(plain).substr(i, 3);
                if (plain[i] == '<' || plain[i] == '>' || plain[i] == '&')
                        text += fmt::format("\\u{:04x}", static_cast<unsigned char>(plain[i]));
                else if (three == "\u2028" || three == "\u2029") {
                        text += three == "\u2028" ? "\\u2028" : "\\u2029";
                        i += 2;
                } else
                        text += plain[i];
        }

        return text;
}

// An object that keeps the order of its keys.
class Object {
public:
        void add(std::string_view key, const std::string& json)
        {
                text_ += fmt::format("{}\"{}\":{}", text_.empty() ? "" : ",", key, json);
        }

        // A value of the tree, unless it is empty: Go's omitempty.
        void add(std::string_view key, const Json& tree, std::string_view path)
        {
                const auto* value = find_path(tree, path);
                if (value == nullptr || value->is_null())
                        return;

                const bool is_empty = value->is_string() ? value->get_ref<const std::string&>().empty()
                                                         : value->is_structured() && value->empty();
                if (!is_empty)
                        add(key, go_json(*value));
        }

        std::string text() const { return "{" + text_ + "}"; }

private:
        std::string text_;
};

void name_own_keys(const Json& tree, std::vector<std::string>& left_out)
{
        for (const auto& entry : schema())
                if (!entry.node_config && find_path(tree, entry.path) != nullptr)
                        left_out.emplace_back(entry.path);
}

} // namespace

std::string dump_spec(const Chain& chain, std::vector<std::string>& left_out)
{
        auto tree = as_one_document(chain.merged().tree);
        name_own_keys(tree, left_out);
        auto flags = Json::array(); // as they were written, before systemd splits them

        for (const auto* layer : chain.layers()) {
                for (const auto& flag : layer->flags_as_given)
                        flags.push_back(flag);
                if (const auto* of_toml = find_path(layer->tree, "kubelet.flags");
                        of_toml != nullptr && layer->flags_as_given.empty())
                        for (const auto& flag : *of_toml)
                                flags.push_back(quote_for_systemd(flag.get_ref<const std::string&>()));
        }

        Object cluster;
        for (const char* key :
                {"name", "apiServerEndpoint", "certificateAuthority", "cidr", "enableOutpost", "id"})
                cluster.add(key, tree, fmt::format("cluster.{}", key));

        Object containerd;
        for (const char* key : {"config", "baseRuntimeSpec"})
                containerd.add(key, tree, fmt::format("containerd.{}", key));
        Object storage;
        for (const char* key : {"strategy", "mountPath", "disabledMounts"})
                storage.add(key, tree, fmt::format("instance.localStorage.{}", key));
        Object network;
        for (const char* key : {"nameservers", "domains"})
                network.add(key, tree, fmt::format("instance.network.{}", key));
        Object instance;
        instance.add("localStorage", storage.text());
        instance.add("environment", tree, "instance.environment");
        instance.add("network", network.text());
        Object kubelet;
        kubelet.add("config", tree, "kubelet.config");

        if (!flags.empty())
                kubelet.add("flags", go_json(flags));
        kubelet.add("maxPodsExpression", tree, "kubelet.maxPodsExpression");
        Object spec;
        spec.add("cluster", cluster.text());
        spec.add("containerd", containerd.text());
        spec.add("instance", instance.text());
        spec.add("kubelet", kubelet.text());
        spec.add("featureGates", tree, "featureGates");

        return spec.text();
}

std::string dump_node_config(const Chain& chain, std::vector<std::string>& left_out)
{
        return fmt::format(
                R"({{"kind":"NodeConfig","apiVersion":"node.eks.aws/v1alpha1","metadata":{{}},"spec":{}}})"
                "\n",
                dump_spec(chain, left_out));
}

std::string dump_cache(const Chain& chain, const Json& facts, const std::string& kubelet_version)
{
        Object instance;
        instance.add("id", facts, "instanceId");
        instance.add("region", facts, "region");
        instance.add("type", facts, "instanceType");
        instance.add("availabilityZone", facts, "availabilityZone");
        instance.add("mac", facts, "mac");
        instance.add("privateDnsName", facts, "localHostname");
        Object status;
        status.add("instance", instance.text());
        status.add("default", fmt::format(R"({{"sandboxImage":"{}"}})", sandbox_image));
        if (!kubelet_version.empty())
                status.add("kubeletVersion", go_json("v" + kubelet_version));
        std::vector<std::string> left_out;
        return fmt::format(R"({{"metadata":{{}},"spec":{},"status":{}}})"
                           "\n",
                dump_spec(chain, left_out), status.text());
}

Chain load_cache(const Root& root, const std::string& path)
{
        auto document = in_context(path, failure::config_syntax,
                [&] { return parse_json(read_file(root(path), config_limit)); });
        if (!document.is_object())
                throw Error(failure::config_syntax, fmt::format("{}: not a JSON object", path));

        document["kind"] = "NodeConfig";
        document["apiVersion"] = "node.eks.aws/v1alpha1";
        document.erase("status");
        Chain chain;
        chain.members.push_back({{"file://" + path, path}, {parse_node_config(document.dump(), path)}});

        return chain;
}

} // namespace eks
