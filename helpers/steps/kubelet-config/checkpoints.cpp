// SPDX-License-Identifier: Apache-2.0
#include "steps/kubelet-config/checkpoints.hpp"

#include <array>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

constexpr std::array checkpoints{
        "/var/lib/kubelet/cpu_manager_state", "/var/lib/kubelet/memory_manager_state"};

} // namespace

void drop_foreign_checkpoints(Context& context, const InstanceFacts& facts)
{
        const auto instance = fmt::format("{} {}", facts.instance_id, facts.instance_type);
        const auto& root = context.root();

        const auto owner = root(checkpoint_owner);
        if (trim(read_file_if_exists(owner).value_or("")) == instance)
                return;

        for (const auto* path : checkpoints)
                if (remove_if_exists(root(path)))
                        context.did(fmt::format("removed '{}' of another instance or type", path), true);

        // Written last, so that a step that was killed starts over.
        write_atomically(owner, instance + "\n", 0644, Durability::synced);
}

} // namespace eks
