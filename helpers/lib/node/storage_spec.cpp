// SPDX-License-Identifier: Apache-2.0
#include "node/storage_spec.hpp"

namespace eks {

StorageSpec storage_spec(const Configured& given)
{
        Problems problems;
        StorageSpec spec{.containerd_volume = containerd_volume(given.tree, given.marks, problems)};
        problems.throw_if_any(failure::config_invalid);
        return spec;
}

} // namespace eks
