// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/fs.hpp"
#include "containerd_config.hpp"
#include "image_settings.hpp"
#include "net/containerd.hpp"
#include "sandbox_image.hpp"

namespace {

using namespace eks;
using namespace std::chrono_literals;

constexpr auto unit_margin = 30s; // that the manager waits longer than we do

void ensure(Context& context)
{
        const auto config = context.root()(containerd_config_path);
        const auto text = read_file(config);
        const auto image = sandbox_image_in(text, config);
        const auto snapshotter = snapshotter_in(text, config);
        if (!keeps_sandbox_image(context.root(), image)) {
                context.did(fmt::format("containerd pulls '{}' when it is needed", image), false);
                return;
        }
        ContainerdClient containerd(containerd_options(context.root(), snapshotter, 30s));
        const auto say = [&](const std::string& what) { context.awaiting(what); };
        const ImageStore store{.labels =
                                       [&](const std::string& name) {
                                               const auto found = containerd.image(name);
                                               return found ? std::optional(found->labels) : std::nullopt;
                                       },
                .label = [&](const std::string& name, const std::string& key,
                                 const std::string& value) { containerd.label_image(name, key, value); },
                .unpacked =
                        [&](const std::string& name) {
                                if (snapshotter.empty() || snapshotter == "overlayfs") // containerd's own
                                        return true;
                                const auto found = containerd.image(name);
                                return found && containerd.is_unpacked(*found, snapshotter);
                        },
                .import_archive =
                        [&](const std::string& archive) {
                                say("Importing " + archive);
                                import_archive(archive, snapshotter);
                        },
                .pull =
                        [&](const std::string& name) {
                                notify_extend_timeout(
                                        static_cast<unsigned>((pull_timeout() + unit_margin).count()));
                                pull_sandbox_image(containerd, name, say);
                        }};
        const auto result = ensure_sandbox_image(context.root(), image, store);
        context.did(result.remark, result.changed);
}

} // namespace

int main(int argc, char** argv)
{
        return run_step(
                {.name = "eks-sandbox-image",
                        .purpose = "make sure that the pause image is in containerd and stays there",
                        .access = {.reads = {"/etc/containerd", "/etc/eks", "/etc/gai.conf",
                                           "/etc/host.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/pki",
                                           "/etc/resolv.conf", "/etc/ssl", "/run/systemd/resolve"},
                                .runs_programs = true}},
                argc, argv, ensure);
}
