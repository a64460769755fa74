// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/fs.hpp"
#include "containerd/files.hpp"
#include "containerd/image_settings.hpp"
#include "net/containerd.hpp"
#include "node/proxy.hpp"
#include "steps/sandbox-image/sandbox_image.hpp"

namespace {

using namespace eks;
using namespace std::chrono_literals;

constexpr auto unit_margin = 30s; // that the manager waits longer than we do

void ensure(Context& context)
{
        use_missing_no_proxy();
        const auto config = context.root()(containerd_config_path);
        const auto text = read_file(config);
        const auto name = sandbox_image_in(text, config);
        const auto snapshotter = snapshotter_in(text, config);

        context.log().debug(fmt::format("{}: image '{}', snapshotter '{}'", config, name, snapshotter));
        if (!keeps_sandbox_image(context.root(), name))
                return context.did(fmt::format("containerd pulls '{}' when it is needed", name), false);

        ContainerdClient containerd(containerd_options(context.root(), snapshotter, 30s));
        const auto say = [&](const std::string& what) { context.awaiting(what); };
        const ImageStore store{.find = [&](const std::string& wanted) { return containerd.image(wanted); },
                .label = [&](const ContainerdImage& image, const std::string& key,
                                 const std::string& value) { containerd.label_image(image, key, value); },
                .unpacked =
                        [&](const ContainerdImage& image) {
                                return snapshotter.empty() || snapshotter == "overlayfs" || // its own
                                       containerd.is_unpacked(image, snapshotter);
                        },
                .import_archive =
                        [&](const std::string& archive) {
                                context.wait_until(import_timeout, "the step pulls the image, or fails");
                                context.awaiting("Importing " + archive);
                                import_archive(archive, snapshotter);
                        },
                .pull =
                        [&](const std::string& wanted) {
                                context.wait_until(pull_timeout(),
                                        "kubelet starts without the image, and eks-retry.timer tries it again");
                                notify_extend_timeout(
                                        static_cast<unsigned>((pull_timeout() + unit_margin).count()));
                                pull_sandbox_image(containerd, wanted, say);
                        }};

        const auto result = ensure_sandbox_image(context.root(), name, store);
        context.did(result.remark, result.changed);
}

} // namespace

int main(int argc, char** argv)
{
        const Access access{.reads = {"/etc/containerd", "/etc/eks", "/etc/gai.conf", "/etc/host.conf",
                                    "/etc/hosts", "/etc/nsswitch.conf", "/etc/pki", "/etc/resolv.conf",
                                    "/etc/ssl", "/run/systemd/resolve"},
                .runs_programs = true,
                .internet = true,
                .connects = true};
        return run_step({.name = "eks-sandbox-image",
                                .purpose = "keep the pause image in containerd",
                                .access = access},
                argc, argv, ensure);
}
