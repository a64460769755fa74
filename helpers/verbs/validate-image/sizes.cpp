// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "verbs/validate-image/tree.hpp"
#include "verbs/validate-image/validate_image.hpp"

namespace eks {

namespace {

struct Part {
        std::string_view component;
        std::string_view path; // and everything below it
};

constexpr std::array parts{Part{"boot", "/boot"}, Part{"kernel modules", "/usr/lib/modules"},
        Part{"firmware", "/usr/lib/firmware"}, Part{"kubelet", "/usr/bin/kubelet"},
        Part{"containerd and runc", "/usr/bin/containerd"},
        Part{"containerd and runc", "/usr/bin/containerd-shim"},
        Part{"containerd and runc", "/usr/bin/containerd-shim-runc-v1"},
        Part{"containerd and runc", "/usr/bin/containerd-shim-runc-v2"},
        Part{"containerd and runc", "/usr/bin/ctr"}, Part{"containerd and runc", "/usr/bin/runc"},
        Part{"containerd and runc", "/usr/sbin/runc"}, Part{"nerdctl and soci", "/usr/bin/nerdctl"},
        Part{"nerdctl and soci", "/usr/bin/soci"},
        Part{"nerdctl and soci", "/usr/bin/soci-snapshotter-grpc"}, Part{"CNI plugins", "/opt/cni"},
        Part{"credential provider", "/etc/eks/image-credential-provider"},
        Part{"eksnode", "/usr/libexec/eksnode"}, Part{"eksnode", "/usr/bin/eksnode"},
        Part{"container images", "/var/lib/containerd"}, Part{"container images", "/etc/eks/pause.tar"},
        Part{"CUDA", "/usr/local/cuda"}, Part{"EFA", "/opt/amazon"}, Part{"Neuron", "/opt/aws"},
        Part{"sources", "/usr/src"}, Part{"documentation", "/usr/share/doc"},
        Part{"documentation", "/usr/share/man"}, Part{"languages", "/usr/share/locale"},
        Part{"caches and logs", "/var/cache"}, Part{"caches and logs", "/var/log"},
        Part{"package database", "/var/lib/dpkg"}, Part{"package database", "/var/lib/rpm"},
        Part{"package database", "/usr/lib/sysimage/rpm"}, Part{"SSM agent", "/usr/bin/amazon-ssm-agent"},
        Part{"SSM agent", "/usr/bin/ssm-agent-worker"}, Part{"SSM agent", "/usr/bin/ssm-session-worker"}};

constexpr std::string_view rest = "everything else";
constexpr std::uint64_t block = 512; // bytes; the unit of st_blocks
constexpr std::uint64_t mib = 1U << 20U;

// /usr/local/cuda-12.9 is a part of CUDA, but /usr/bin/kubelet-x is not one of kubelet.
bool is_below(std::string_view path, const Part& part)
{
        if (!path.starts_with(part.path))
                return false;
        const auto tail = path.substr(part.path.size());
        return tail.empty() || tail.starts_with('/') || (part.component == "CUDA" && tail.starts_with('-'));
}

} // namespace

std::vector<Size> component_sizes(const Root& root)
{
        std::vector<std::pair<std::string_view, std::uint64_t>> bytes;
        for (const auto& part : parts)
                if (std::ranges::find(bytes, part.component,
                            &std::pair<std::string_view, std::uint64_t>::first) == bytes.end())
                        bytes.emplace_back(part.component, 0);
        bytes.emplace_back(rest, 0);
        std::uint64_t all = 0;
        std::set<std::pair<dev_t, ino_t>> seen; // files with several names count once
        walk_tree(root, "/", [&](std::string_view path, const struct stat& st) {
                if (!S_ISDIR(st.st_mode) && st.st_nlink > 1 && !seen.emplace(st.st_dev, st.st_ino).second)
                        return;

                const auto part =
                        std::ranges::find_if(parts, [&](const Part& p) { return is_below(path, p); });
                const auto component = part == parts.end() ? rest : part->component;
                const auto used = static_cast<std::uint64_t>(st.st_blocks) * block;
                std::ranges::find(bytes, component, &std::pair<std::string_view, std::uint64_t>::first)
                        ->second += used;
                all += used;
        });

        std::vector<Size> sizes;
        for (const auto& [component, used] : bytes)
                if (used > 0)
                        sizes.push_back({std::string(component), (used + mib - 1) / mib});
        std::ranges::stable_sort(sizes, std::ranges::greater(), &Size::mib);
        sizes.push_back({"all", (all + mib - 1) / mib});

        return sizes;
}

} // namespace eks
