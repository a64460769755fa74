// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include "steps/registry-mirrors/registry_mirrors.hpp"

int main(int argc, char** argv)
{
        using namespace eks;
        return run_step({.name = "eks-registry-mirrors",
                                .purpose = "tell containerd the mirrors of registries",
                                .access = registry_mirrors_access()},
                argc, argv, [](Context& context) {
                        const auto plan = plan_registry_mirrors(
                                load_node_inputs(context.root(), ClusterNeed::as_configured));
                        context.apply(plan);

                        // An empty directory would keep the registry from the mirrors of _default.
                        for (const auto& file : plan.files)
                                if (file.kind == File::Kind::absent)
                                        ::rmdir(context.root()(file.path.substr(0, file.path.rfind('/')))
                                                        .c_str());
                });
}
