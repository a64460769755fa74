// SPDX-License-Identifier: Apache-2.0
#include "node/containerd_spec.hpp"

#include "config/kernel_settings.hpp"

namespace eks {

ContainerdSpec containerd_spec(const Configured& given)
{
        const auto& containerd = given.table("containerd");
        ContainerdSpec spec{.runtimes = runtime_settings(given.tree, given.marks),
                .base_runtime_spec = containerd.value("baseRuntimeSpec", Json::object())};
        for (const auto& config : containerd.value("config", Json::array()))
                spec.configs.push_back({config.at("text"), config.at("source")});
        spec.snapshotter = containerd.value("snapshotter", spec.snapshotter);
        const auto& gates = given.table("featureGates");
        if (gates.contains("FastImagePull"))
                spec.fast_image_pull = gates.at("FastImagePull").get<bool>();
        Problems problems;
        spec.registry_mirrors = registry_mirrors(given.tree, given.marks, problems);
        // Under a name that the specification does not have: only who renders the spec knows the vendor's
        // limits.
        if (auto limits = container_limits(given.tree, given.marks, problems); !limits.empty())
                spec.base_runtime_spec["limits"] = std::move(limits);
        given.refuse(problems);
        return spec;
}

} // namespace eks
