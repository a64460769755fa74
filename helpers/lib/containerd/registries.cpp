// SPDX-License-Identifier: Apache-2.0
#include "containerd/registries.hpp"

#include <fmt/format.h>

#include "base/conffile.hpp"
#include "base/fs.hpp"
#include "containerd/files.hpp"

namespace eks {

std::string hosts_file(const std::string& registry)
{
        return fmt::format("{}/{}/hosts.toml", registries_directory, registry);
}

std::vector<std::string> rendered_registries(const Root& root)
{
        std::vector<std::string> registries;
        const auto memory = std::string(rendered_directory);
        for (const auto& name : list_directory(root(memory + std::string(registries_directory))))
                if (exists(root(memory + hosts_file(name))))
                        registries.push_back(name);
        return registries;
}

bool needs_registry_mirrors(const NodeInputs& node)
{
        return !node.spec.containerd.registry_mirrors.empty() || !rendered_registries(node.root).empty();
}

} // namespace eks
