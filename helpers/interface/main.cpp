// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include "configure_interface.hpp"
#include "offline/verbs.hpp"

int eks::interface_step(int argc, char** argv)
{
        std::optional<Networkd> networkd;
        return run_step(
                {.name = "eks-interface",
                        .purpose = "configure a network interface, or leave it to the CNI plugin",
                        .access = {.reads = {"/run/eks", "/run/udev", "/sys/class/net", "/sys/devices"},
                                .writes = {"/run/systemd/network", "/var/lib/eks"},
                                .internet = true},
                        .connect = [&] { networkd.emplace(); }},
                argc, argv,
                [&](Context& context) { configure_interface(context, networkd ? &*networkd : nullptr); });
}
