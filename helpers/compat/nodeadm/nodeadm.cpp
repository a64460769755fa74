// SPDX-License-Identifier: Apache-2.0
#include "compat/nodeadm/nodeadm.hpp"

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "base/fs.hpp"
#include "compat/nodeadm/dump.hpp"
#include "config/known_keys.hpp"
#include "net/imds.hpp"
#include "verbs/config/show_config.hpp"

namespace eks {

namespace {

using namespace std::chrono_literals;

constexpr auto imds_timeout = 120s; // as eks-imds
constexpr std::string_view nodeadm_drop_ins = "/etc/eks/nodeadm.d";

struct Required {
        const char* key;
        std::string_view message;
};

constexpr std::array required{Required{"cluster.name", "Name is missing in cluster configuration"},
        Required{"cluster.apiServerEndpoint", "Apiserver endpoint is missing in cluster configuration"},
        Required{
                "cluster.certificateAuthority", "Certificate authority is missing in cluster configuration"},
        Required{"cluster.cidr", "CIDR is missing in cluster configuration"}};

bool is_layer_already(const ConfigSource& source)
{
        if (!source.path)
                return true;
        std::string_view path = *source.path;
        while (path.ends_with('/'))
                path.remove_suffix(1);
        return path == nodeadm_drop_ins;
}

std::optional<std::string> fetch_user_data()
{
        ImdsClient imds({.endpoint = imds_endpoint(), .timeout = imds_timeout});
        return imds.wait_for({{"user-data", Absence::soon_answer}}).front();
}

} // namespace

std::optional<std::string> missing_field(const Json& tree)
{
        for (const auto& field : required) {
                const auto* value = find_path(tree, field.key);
                const bool is_given = value != nullptr && value->is_string() &&
                                      (!value->get_ref<const std::string&>().empty() ||
                                              std::string_view(field.key) == "cluster.certificateAuthority");
                if (!is_given)
                        return std::string(field.message);
        }

        const auto* outpost = find_path(tree, "cluster.enableOutpost");
        const auto* id = find_path(tree, "cluster.id");
        if (outpost != nullptr && *outpost == true && (id == nullptr || *id == ""))
                return "cluster ID must be provided for outposts";

        return std::nullopt;
}

Findings check_chain(const Root& root, const Chain& chain)
{
        Resolved resolved;
        for (const auto* layer : chain.layers())
                resolved.layers.push_back(*layer);
        resolved.merged = chain.merged();

        if (const auto missing = missing_field(resolved.merged.tree)) {
                Findings findings{.problems = resolved.merged.problems, .notes = resolved.merged.notes};
                findings.problems.add(*missing, "");
                return findings;
        }

        return check_configuration(root, std::move(resolved), Json(), {});
}

Json layer_of_call(const Chain& chain)
{
        const auto first = std::ranges::find_if_not(
                chain.members, [](const Chain::Member& member) { return is_layer_already(member.source); });
        Chain rest;
        rest.members.assign(first, chain.members.end());
        auto tree = as_one_document(rest.merged().tree);
        return tree.is_null() ? Json::object() : tree;
}

std::vector<std::string> null_keys(const Json& tree)
{
        std::vector<std::string> keys;
        const auto look = [&](const auto& self, const std::string& path, const Json& value) -> void {
                if (value.is_null())
                        keys.push_back(path);
                if (value.is_object())
                        for (const auto& [key, below] : value.items())
                                self(self, key_path(path, key), below);
        };

        if (tree.is_object())
                look(look, "", tree);

        return keys;
}

std::optional<std::string> user_data_of_machine(const Root& root)
{
        try {
                if (auto bytes = read_file_if_exists(root(user_data_path), config_limit))
                        return bytes;
                if (exists(root(imds_path)))
                        return std::nullopt; // eks-imds has looked
        } catch (const Error&) {             // only root may read it
        }
        return fetch_user_data();
}

bool differs_from_cache(const Root& root, const std::string& cache, const Chain& chain)
{
        if (cache.empty() || !exists(root(cache)))
                return false;
        try {
                std::vector<std::string> left_out;
                return dump_spec(load_cache(root, cache), left_out) != dump_spec(chain, left_out);
        } catch (const Error&) { // nodeadm goes on without it, too
                return false;
        }
}

} // namespace eks
