// SPDX-License-Identifier: Apache-2.0
#include "config/volume.hpp"

#include <algorithm>
#include <cctype>

#include "base/text.hpp"
#include "config/known_keys.hpp"
#include "document/reader.hpp"

namespace eks {

namespace {

constexpr const char* table = "containerd.volume";
constexpr std::size_t longest_label = 36; // characters, of a GPT partition; ext4 has 16, XFS 12

bool is_volume_id(std::string_view text)
{
        return text.starts_with("vol-") && text.size() >= 12 && text.size() <= 21 &&
               std::ranges::all_of(
                       text.substr(4), [](unsigned char c) { return std::isxdigit(c) && !std::isupper(c); });
}

bool is_device_path(std::string_view text)
{
        return text.starts_with("/dev/") && text.size() > 5 && text.find("..") == text.npos &&
               is_absolute_path(text);
}

} // namespace

std::string mapping_key(std::string_view device)
{
        if (device.starts_with("/dev/"))
                device.remove_prefix(5);

        for (const auto* prefix : {"xvd", "sd"})
                if (device.starts_with(prefix)) {
                        const auto rest = device.substr(std::string_view(prefix).size());
                        const bool fits = !rest.empty() && rest.size() <= 4 &&
                                          std::islower(static_cast<unsigned char>(rest[0])) &&
                                          std::ranges::all_of(rest, [](unsigned char c) {
                                                  return std::islower(c) || std::isdigit(c);
                                          });

                        return fits ? std::string(rest) : std::string();
                }

        return {};
}

std::optional<VolumeSettings> containerd_volume(const Json& tree, const Marks& marks, Problems& problems)
{
        const auto* const settings = find_path(tree, table);
        if (settings == nullptr || !settings->is_object())
                return std::nullopt;

        const TableReader reader(*settings, table, marks, {"configuration"}, problems);
        VolumeSettings volume{.device = settings->value("device", std::string()),
                .label = settings->value("label", std::string()),
                .filesystem = settings->value("filesystem", std::string("xfs")),
                .source = {}};
        const auto* const key = volume.device.empty() ? "label" : "device";
        volume.source = reader.where(key).text();

        if (volume.device.empty() == volume.label.empty())
                problems.add(reader.where("device"), table, "",
                        volume.device.empty() ? "names no volume" : "names two volumes",
                        "Give either device or label");
        else if (volume.device.empty() &&
                 (volume.label.size() > longest_label || has_control_characters(volume.label)))
                reader.wrong(key, "not a valid label",
                        "Give the label of a filesystem or partition, at most 36 characters");
        else if (!volume.device.empty() && volume.device != instance_store && !is_volume_id(volume.device) &&
                 !is_device_path(volume.device) && mapping_key(volume.device).empty())
                reader.wrong(key, "not a valid device",
                        "Give a path in /dev, a name of EC2's block device mapping such as sdf, the id of a "
                        "volume, or instance-store");
        else
                return volume;

        return std::nullopt;
}

} // namespace eks
