// SPDX-License-Identifier: Apache-2.0
#include "config/storage_spec.hpp"

#include <algorithm>

namespace eks {

namespace {

bool is_on_array(const LocalStorage& storage, const char* name)
{
        return storage.is_array() && std::ranges::count(storage.disabled_mounts, name) == 0;
}

} // namespace

StorageSpec storage_spec(const Configured& given)
{
        StorageSpec spec;
        spec.containerd_volume = containerd_volume(given.tree, given.marks, given.problems);
        spec.local = local_storage(given.tree, given.marks, given.problems);
        spec.separate_images =
                spec.containerd_volume || (spec.local && is_on_array(*spec.local, "Containerd") !=
                                                                 is_on_array(*spec.local, "Kubelet"));
        return spec;
}

} // namespace eks
