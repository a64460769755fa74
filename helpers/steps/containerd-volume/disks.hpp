// SPDX-License-Identifier: Apache-2.0
// The machine's disks: their content by libblkid, their EC2 names by NVMe, mkfs, and the service manager.
#pragma once

#include "steps/containerd-volume/containerd_volume.hpp"

namespace eks {

// Names the disk that is being formatted, until the disk is mounted.
inline constexpr std::string_view formatting_mark = "/var/lib/eks/containerd-volume.formatting";

// A disk that this step has half formatted on this instance counts as blank.
Disks real_disks(const Root& root, const std::string& instance);

// The text of volume_record, and the disk in such a text: "" if it is of another instance, as in an image
// made from a node, or of other settings.
std::string volume_record_of(
        const std::string& instance, const VolumeSettings& volume, const std::string& known_as);
std::string recorded_disk(
        std::string_view record, const std::string& instance, const VolumeSettings& volume);

// Put soci-snapshotter's data on the volume too, unless they are there. Throws Error: manager_unreachable,
// volume_failed.
void mount_soci_data();

// The name in EC2's block device mapping, from the 4096 bytes that an EBS volume answers to NVMe's Identify
// Controller: Amazon keeps it in the vendor's part, from byte 3072 on. "" if it is not such an answer.
std::string mapping_name_in(std::string_view identification);

} // namespace eks
