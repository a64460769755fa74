// SPDX-License-Identifier: Apache-2.0
#include "base/environment.hpp"
#include "node/node.hpp"
#include "steps/containerd-volume/disks.hpp"
#include "storage/nvme.hpp"
#include "systemd/manager.hpp"
#include "systemd/step.hpp"

namespace {

using namespace eks;

constexpr std::chrono::seconds default_timeout{30};
constexpr std::chrono::seconds unit_margin{200}; // for formatting and mounting

void mount_volume(Context& context)
{
        const auto node = load_node_inputs(context.root(), ClusterNeed::as_configured);
        if (!node.spec.storage.containerd_volume) {
                context.did("containerd has no volume of its own", false);
                return;
        }

        auto limit = environment_seconds("EKS_VOLUME_TIMEOUT", default_timeout);
        notify_extend_timeout(static_cast<unsigned>((limit + unit_margin).count()));
        const bool store = node.spec.storage.containerd_volume->device == instance_store;
        context.wait_until(
                limit, store ? "the step goes on with the disks that are there" : "the step fails");
        context.awaiting("Waiting for the volume " + node.spec.storage.containerd_volume->name());

        if (store)
                // A blank disk is only used if none that is still to come has the data.
                if (const auto late = wait_for_disks(limit).text; !late.empty()) {
                        context.log().write(Level::warning, late + ", proceeding without the others",
                                event::disks_late.id);
                        limit = {}; // has passed
                }

        const auto result = ensure_volume(*node.spec.storage.containerd_volume,
                real_disks(context.root(), node.facts.instance_id), limit);

        if (node.decided.soci) // also where the volume was mounted before that was chosen
                mount_soci_data();
        context.did(result.remark, result.changed);
}

} // namespace

int main(int argc, char** argv)
{
        return run_step(
                {.name = "eks-containerd-volume",
                        .purpose = "format and mount the disk that containerd has for itself",
                        .access = {.reads = {"/etc/mke2fs.conf", "/etc/mtab", "/run/eks", "/run/udev"},
                                .writes = {"/var/lib/eks"},
                                .devices = {"/dev"},
                                .asks_manager = true,
                                .administers = true,
                                .runs_programs = true},
                        .connect = connect_to_manager},
                argc, argv, mount_volume);
}
