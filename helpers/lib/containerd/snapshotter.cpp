// SPDX-License-Identifier: Apache-2.0
#include "containerd/snapshotter.hpp"

#include <fmt/format.h>

#include "base/fs.hpp"
#include "containerd/image_settings.hpp"
#include "node/cpu.hpp"
#include "node/memory.hpp"

namespace eks {

namespace {

// Below that, unpacking many layers at once slows down the pods. The thresholds of nodeadm.
constexpr unsigned least_millicpus = 4000;
constexpr unsigned least_memory_mib = 7 * 1024;

// Why this machine is too small; "" if it is large enough.
std::string shortage(const Root& root)
{
        if (const auto millicpus = online_millicpus(root); millicpus < least_millicpus)
                return fmt::format(
                        "it needs {} CPUs, this machine has {}", least_millicpus / 1000, millicpus / 1000);
        if (!has_memory_mib(root, least_memory_mib))
                return fmt::format("it needs {} GiB of memory", least_memory_mib / 1024);
        return {};
}

} // namespace

bool choose_soci(const NodeInputs& node, std::vector<Note>& notes)
{
        const auto& spec = node.spec;
        const bool forced = spec.containerd.snapshotter == "soci";
        if (spec.containerd.snapshotter == "overlayfs" ||
                (!forced && spec.containerd.fast_image_pull == false))
                return false;

        const auto* const asked = forced                                    ? "containerd.snapshotter"
                                  : spec.containerd.fast_image_pull == true ? "featureGates.FastImagePull"
                                                                            : nullptr;
        const auto refuse = [&](std::string_view why) {
                if (asked != nullptr)
                        notes.push_back({Level::notice,
                                fmt::format("{}: soci-snapshotter does not unpack images: {}", asked, why)});
                return false;
        };

        if (!exists(node.root(soci_program)))
                return refuse(fmt::format("'{}' is not installed", soci_program));
        if (const auto name = user_snapshotter(node); !name.empty())
                return refuse(fmt::format("containerd.config names '{}'", name));
        if (forced)
                return true;

        try {
                if (const auto why = shortage(node.root); !why.empty())
                        return refuse(why);
        } catch (const Error& e) {
                return refuse(e.what());
        }

        notes.push_back(
                {Level::info, "images are unpacked by soci-snapshotter: it is installed, and the machine "
                              "is large enough"});

        return true;
}

} // namespace eks
