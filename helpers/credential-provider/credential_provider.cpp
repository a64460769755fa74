// SPDX-License-Identifier: Apache-2.0
#include "credential_provider.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "node/kubelet_gates.hpp"

namespace eks {

namespace {

void add(Json& images, std::string_view image)
{
        if (std::ranges::find(images, image) == images.end())
                images.push_back(image);
}

} // namespace

StepPlan plan_credential_provider(const NodeInputs& node)
{
        auto config = in_vendor_file(credential_provider_template, [&] {
                auto document = Json::parse(read_file(node.root(credential_provider_template)));
                auto& provider = document.at("providers").at(0);
                const auto& path = node.credential_provider;
                provider["name"] = path.substr(path.rfind('/') + 1);
                for (const auto& gate : kubelet_gates()) {
                        if (!gate.holds(node.versions.kubelet))
                                continue;
                        if (gate.place == GatePlace::provider)
                                document[Json::json_pointer{std::string(gate.name)}] =
                                        Json::parse(gate.value);
                        if (gate.place == GatePlace::registry)
                                add(provider.at("matchImages"), gate.name);
                }
                return document;
        });
        config.merge_patch(node.spec.credential_provider_config);
        return {.files = {{.path = "/etc/eks/image-credential-provider/config.json",
                        .content = config.dump(2) + "\n"}}};
}

void require_credential_provider(const NodeInputs& node)
{
        if (!exists(node.root(node.credential_provider)))
                throw Error(failure::credential_provider_missing,
                        fmt::format(
                                "the image credential provider '{}' is not there", node.credential_provider),
                        "Install it there, or name its path in ECR_CREDENTIAL_PROVIDER_BIN_PATH with a "
                        "drop-in for "
                        "eks-credential-provider.service and eks-kubelet-args.service");
}

} // namespace eks
