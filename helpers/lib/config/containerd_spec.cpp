// SPDX-License-Identifier: Apache-2.0
#include "config/containerd_spec.hpp"

#include "config/kernel_settings.hpp"
#include "config/known_keys.hpp"

namespace eks {

namespace {

RuntimeSettings runtime_settings(const Configured& given)
{
        RuntimeSettings settings{.descriptors = {.source = "configuration", .marks = given.marks}};
        if (const auto* runtimes = find_path(given.tree, "containerd.runtimes"))
                settings.descriptors.tree = *runtimes;

        if (const auto* name = find_path(given.tree, "containerd.defaultRuntime")) {
                settings.default_name = *name;
                settings.default_source = given.source("containerd.defaultRuntime");
        }

        return settings;
}

} // namespace

ContainerdSpec containerd_spec(const Configured& given)
{
        const auto& containerd = given.table("containerd");
        ContainerdSpec spec{.runtimes = runtime_settings(given),
                .base_runtime_spec = containerd.value("baseRuntimeSpec", Json::object())};
        for (const auto& config : containerd.value("config", Json::array()))
                spec.configs.push_back({config.at("text"), config.at("source")});
        spec.snapshotter = containerd.value("snapshotter", spec.snapshotter);

        const auto& gates = given.table("featureGates");
        if (gates.contains("FastImagePull"))
                spec.fast_image_pull = gates.at("FastImagePull").get<bool>();
        spec.registry_mirrors = registry_mirrors(given.tree, given.marks, given.problems);
        spec.limits = container_limits(given.tree, given.marks, given.problems);

        return spec;
}

} // namespace eks
