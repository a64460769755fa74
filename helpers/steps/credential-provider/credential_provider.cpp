// SPDX-License-Identifier: Apache-2.0
#include "steps/credential-provider/credential_provider.hpp"

#include <algorithm>
#include <unistd.h>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "node/credential_providers.hpp"
#include "node/kubelet_gates.hpp"

namespace eks {

namespace {

void add(Json& images, std::string_view image)
{
        if (std::ranges::none_of(images, [&](const Json& listed) { return listed == image; }))
                images.push_back(image);
}

// A provider with the vendor's name replaces the vendor's.
void add_provider(Json& providers, const Json& provider)
{
        const auto same = std::ranges::find_if(
                providers, [&](const Json& p) { return p.at("name") == provider.at("name"); });
        if (same != providers.end())
                *same = provider;
        else
                providers.push_back(provider);
}

// The result of the user's settings.
void check(const Json& config, const Version& kubelet)
{
        Layer layer{.source = "kubelet.credentialProviderConfig"};
        Problems problems;

        const auto list = config.value("providers", Json());
        if (!list.is_array() || list.empty())
                problems.add({layer.source}, "providers", "", "must be a list of at least one provider",
                        "Give one, or leave the key out");
        else
                for (std::size_t i = 0; i < list.size(); ++i) {
                        const auto key = fmt::format("providers[{}]", i);
                        check_provider(list[i], key, layer, kubelet, problems);
                        const auto same = [&](const Json& other) {
                                return other.is_object() && list[i].is_object() &&
                                       other.value("name", Json()) == list[i].value("name", Json());
                        };

                        if (std::find_if(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(i),
                                    same) != list.begin() + static_cast<std::ptrdiff_t>(i))
                                problems.add({layer.source}, key, "", "has the name of one before it",
                                        "Keep one of them");
                }

        problems.throw_if_any(failure::config_invalid);
}

} // namespace

StepPlan plan_credential_provider(const NodeInputs& node)
{
        auto config = in_vendor_file(credential_provider_template, [&] {
                auto document = parse_json(read_file(node.root(credential_provider_template)));
                auto& provider = document.at("providers").at(0);
                const auto& path = node.credential_provider;
                provider["name"] = path.substr(path.rfind('/') + 1);

                for (const auto& gate : kubelet_gates()) {
                        if (!gate.holds(node.versions.kubelet))
                                continue;

                        if (gate.place == GatePlace::provider)
                                document[Json::json_pointer{std::string(gate.name)}] =
                                        parse_json(gate.value);

                        if (gate.place == GatePlace::registry)
                                add(provider.at("matchImages"), gate.name);
                }

                return document;
        });

        StepPlan plan;

        const auto more = provider_drop_ins(node.root, node.versions.kubelet, plan.notes);
        for (const auto& provider : more)
                add_provider(config["providers"], provider);

        if (const auto& own = node.spec.kubelet.credential_provider_config; !own.empty()) {
                config.merge_patch(own);
                check(config, node.versions.kubelet);

                if (own.contains("providers") && !more.empty())
                        plan.notes.push_back({Level::warning,
                                fmt::format(
                                        "kubelet.credentialProviderConfig replaces the providers of {} and {}, ignoring",
                                        vendor_providers, admin_providers)});
        }

        plan.decisions.push_back(fmt::format("the provider is '{}'; {} more from drop-ins; "
                                             "kubelet.credentialProviderConfig is {}",
                node.credential_provider, more.size(),
                node.spec.kubelet.credential_provider_config.empty() ? "not set" : "merged into it"));

        // The environment and the arguments of a provider that a user gave may hold a secret.
        const bool is_ours = more.empty() && node.spec.kubelet.credential_provider_config.empty();
        plan.files.push_back({.path = "/etc/eks/image-credential-provider/config.json",
                .content = config.dump(2) + "\n",
                .mode = static_cast<mode_t>(is_ours ? 0644 : 0600)});

        return plan;
}

void require_credential_providers(const NodeInputs& node, const StepPlan& plan)
{
        const auto directory = node.credential_provider.substr(0, node.credential_provider.rfind('/') + 1);
        std::vector<std::string> missing;

        const auto config = parse_json(plan.files.front().content);
        for (const auto& provider : config.at("providers")) {
                const auto path = directory + provider.at("name").get<std::string>();
                if (::access(node.root(path).c_str(), X_OK) != 0)
                        missing.push_back(fmt::format("'{}'", path));
        }

        if (!missing.empty())
                throw Error(failure::credential_provider_missing,
                        fmt::format(
                                "no program is at {}, where kubelet's image credential provider should be",
                                join(missing, ", ")),
                        "Install it there; all providers lie in one directory, that of "
                        "ECR_CREDENTIAL_PROVIDER_BIN_PATH if a drop-in for eks-credential-provider.service "
                        "and eks-kubelet-args.service sets it");
}

Access credential_provider_access()
{
        return {.reads = {"/etc/eks/credential-providers.d", "/run/eks", "/usr/lib/eks", "/usr/share/eks"},
                .writes = {"/etc/eks/image-credential-provider", "/var/lib/eks"}};
}

} // namespace eks
