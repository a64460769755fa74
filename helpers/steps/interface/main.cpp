// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include "steps/interface/configure_interface.hpp"

int main(int argc, char** argv)
{
        using namespace eks;
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
