// SPDX-License-Identifier: Apache-2.0
#include "config/storage_spec.hpp"

#include <algorithm>

#include "config/local_storage.hpp"

namespace eks {

namespace {

bool is_on_array(const LocalStorage& storage, const char* name)
{
        return storage.is_array() && std::ranges::count(storage.disabled_mounts, name) == 0;
}

} // namespace

StorageSpec storage_spec(const Configured& given)
{
        StorageSpec spec{.containerd_volume = containerd_volume(given.tree, given.marks, given.problems)};
        const auto storage = local_storage(given.tree, given.marks, given.problems);
        spec.separate_images =
                spec.containerd_volume ||
                (storage && is_on_array(*storage, "Containerd") != is_on_array(*storage, "Kubelet"));
        return spec;
}

} // namespace eks
