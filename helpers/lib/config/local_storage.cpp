// SPDX-License-Identifier: Apache-2.0
#include "config/local_storage.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"
#include "config/known_keys.hpp"
#include "config/volume.hpp"
#include "document/reader.hpp"

namespace eks {

namespace {

constexpr const char* storage_table = "instance.localStorage";

bool is_plain_directory(std::string_view path)
{
        const auto parts = split(path.substr(1), '/');
        return path.size() > 1 && !path.ends_with('/') &&
               std::ranges::none_of(parts,
                       [](std::string_view part) { return part.empty() || part == "." || part == ".."; });
}

std::vector<std::string> texts_of(const Json& settings, const char* key)
{
        return settings.value(key, std::vector<std::string>());
}

} // namespace

std::optional<LocalStorage> local_storage(const Json& tree, const Marks& marks, Problems& problems)
{
        const auto* const settings = find_path(tree, storage_table);
        if (settings == nullptr || !settings->is_object())
                return std::nullopt;

        const auto strategy = std::string(trim(settings->value("strategy", std::string())));
        if (strategy.empty() || strategy == "none")
                return std::nullopt;

        const TableReader reader(*settings, storage_table, marks, {"configuration"}, problems);
        LocalStorage storage{.strategy = strategy == "RAID0"    ? LocalStorage::Strategy::raid0
                                         : strategy == "RAID10" ? LocalStorage::Strategy::raid10
                                                                : LocalStorage::Strategy::mount,
                .disabled_mounts = texts_of(*settings, "disabledMounts"),
                .filesystem = settings->value("filesystem", std::string("xfs")),
                .mkfs_options = texts_of(*settings, "mkfsOptions"),
                .encrypt = settings->value("encrypt", false),
                .force = settings->value("force", false),
                .source = reader.where("strategy").text()};

        if (auto path = std::string(trim(settings->value("mountPath", std::string()))); !path.empty()) {
                while (path.size() > 1 && path.ends_with('/'))
                        path.pop_back();
                if (!is_absolute_path(path) || !is_plain_directory(path))
                        reader.wrong("mountPath", "is not the absolute path of a directory",
                                "Give one such as /mnt/k8s-disks, or leave it out");
                else
                        storage.mount_path = path;
        }

        for (const auto directory : {"/var/lib/containerd", "/var/lib/kubelet",
                     "/var/lib/soci-snapshotter-grpc", "/var/log/pods"})
                if ((storage.mount_path + "/").starts_with(std::string(directory) + "/"))
                        reader.wrong("mountPath",
                                fmt::format("is in {}, which is put on the array", directory),
                                "Give a directory outside of it, or leave it out");

        for (const std::string_view directory : {"/proc/", "/sys/"})
                if (storage.mount_path.starts_with(directory))
                        reader.wrong("mountPath",
                                fmt::format("is in {}, where the kernel takes no directory", directory),
                                "Give a directory of the root filesystem, or leave it out");

        // -t and -N, -n, -S: another filesystem than the one configured, or none.
        const auto own = storage.filesystem == "xfs"
                                 ? std::vector<std::string_view>{"-L", "-f", "-N"}
                                 : std::vector<std::string_view>{"-L", "-F", "-t", "-n", "-S"};
        const auto names_file = [&](const std::string& option) {
                return storage.filesystem == "xfs" ? option.find("name=") != std::string::npos
                                                   : option.starts_with("-z");
        };

        for (const auto& option : storage.mkfs_options)
                if (std::ranges::any_of(own, [&](const auto& one) { return option.starts_with(one); }))
                        reader.wrong("mkfsOptions", option, "an option that eks-instance-store sets itself",
                                "Remove it");
                else if (option.starts_with("/dev/") || option.find("=/dev/") != std::string::npos ||
                         names_file(option))
                        reader.wrong("mkfsOptions", option, "an option that names another device or a file",
                                "Remove it");
                else if (option.empty() || has_control_characters(option) ||
                         (option.size() > 2 && (option.starts_with("-q") || option.starts_with("-K"))))
                        reader.wrong("mkfsOptions", option, "not an option of mkfs",
                                "Give one word of mkfs's command line in each item");

        // What has a volume of its own is not put on the array.
        if (find_path(tree, "containerd.volume") != nullptr)
                for (const auto* name : {"Containerd", "SOCI"})
                        storage.disabled_mounts.emplace_back(name);

        const auto* const device = find_path(tree, "containerd.volume.device");
        if (device != nullptr && *device == instance_store)
                problems.add(nearest_place(marks, "containerd.volume.device", {"configuration"}),
                        "containerd.volume.device", std::string(instance_store),
                        "instance.localStorage.strategy uses the same disks", "Remove one of the two");

        return storage;
}

} // namespace eks
