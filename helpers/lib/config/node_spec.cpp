// SPDX-License-Identifier: Apache-2.0
#include "config/node_spec.hpp"

namespace eks {

NodeSpec node_spec(const Json& tree, const Marks& marks, Problems& problems)
{
        const Configured given{tree, marks, problems};
        auto storage = storage_spec(given);
        auto host = host_spec(given, storage.local);

        return {.cluster = cluster_spec(given),
                .kubelet = kubelet_spec(given),
                .containerd = containerd_spec(given),
                .registration = registration_spec(given),
                .storage = std::move(storage),
                .host = std::move(host)};
}

NodeSpec node_spec(const Json& tree, const Marks& marks)
{
        Problems problems;
        auto spec = node_spec(tree, marks, problems);
        problems.throw_if_any(failure::config_invalid);
        return spec;
}

} // namespace eks
