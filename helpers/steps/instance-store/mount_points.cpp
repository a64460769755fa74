// SPDX-License-Identifier: Apache-2.0
#include "steps/instance-store/planning.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.hpp"
#include "steps/instance-store/instance_store.hpp"

namespace eks {

namespace {

// The modes are those that their daemons give them.
constexpr std::array directories_on_array{BoundDirectory{"Kubelet", "/var/lib/kubelet", "kubelet", 0750},
        BoundDirectory{"Containerd", "/var/lib/containerd", "containerd", 0700},
        BoundDirectory{"SOCI", "/var/lib/soci-snapshotter-grpc", "soci-snapshotter-grpc", 0700},
        BoundDirectory{"PodLogs", "/var/log/pods", "pods", 0755}};

void refuse_unusable(const Planning& planning, const std::string& where)
{
        const auto directory = planning.facts.state_of(where);
        if (!directory.obstacle.empty())
                throw planning.refusal(failure::mount_point_busy,
                        fmt::format("nothing can be mounted at '{}': {}", where, directory.obstacle),
                        "Make it a directory, or configure another one");

        // The manager accepts no transient unit with the name of a unit file.
        if (!directory.unit.empty())
                throw mount_unit_in_the_way(
                        failure::mount_point_busy, planning.settings.source, directory.unit, where);

        if (directory.read_only && !directory.exists)
                throw planning.refusal(failure::volume_failed,
                        fmt::format("'{}' cannot be made: its filesystem is read-only", where),
                        "Make the directory in the image, or configure another one");
}

} // namespace

std::string mount_point(const LocalStorage& settings, unsigned index)
{
        return fmt::format("{}/{}", settings.mount_path, index);
}

void refuse_mount_point(
        const Planning& planning, const std::string& where, const std::vector<std::string>& serials)
{
        if (const auto mounted = planning.facts.mounted_at(where); !mounted.empty())
                throw planning.refusal(failure::mount_point_busy,
                        fmt::format("'{}' is mounted at '{}' already, the place of {}", mounted, where,
                                join(serials, ", ")),
                        "Remove that mount, or name another directory by instance.localStorage.mountPath");

        refuse_unusable(planning, where);
}

void refuse_bound_directories(const Planning& planning)
{
        for (const auto& directory : bound_directories(planning.settings)) {
                const std::string where(directory.path);
                // What is mounted already is left alone.
                if (planning.facts.mounted_at(where).empty())
                        refuse_unusable(planning, where);
        }
}

std::vector<BoundDirectory> bound_directories(const LocalStorage& settings)
{
        std::vector<BoundDirectory> directories;
        if (!settings.is_array())
                return directories;

        const auto is_enabled = [&](const BoundDirectory& directory) {
                return !contains(settings.disabled_mounts, std::string(directory.name));
        };

        std::ranges::copy_if(directories_on_array, std::back_inserter(directories), is_enabled);
        return directories;
}

std::optional<StorageAction> next_directory(const Planning& planning)
{
        const auto& facts = planning.facts;
        const auto array = planning.settings.array_directory();
        const auto device = facts.mounted_at(array);

        for (const auto& [name, path, sub, mode] : bound_directories(planning.settings)) {
                const std::string where(path);
                const auto directory = fmt::format("{}/{}", array, sub);

                const auto mounted = facts.mounted_at(where);
                if (mounted == device)
                        continue;
                if (!mounted.empty()) {
                        planning.note(fmt::format(
                                "'{}' is a mount of {} already and is left alone", where, mounted));
                        continue;
                }

                // It gets its name only when it is complete, so that one that exists can be used.
                if (!facts.state_of(directory).exists)
                        return fill_directory(where, directory, facts.state_of(where).empty);
                return bind_directory(directory, where);
        }

        return std::nullopt;
}

} // namespace eks
