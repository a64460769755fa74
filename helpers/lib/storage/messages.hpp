// SPDX-License-Identifier: Apache-2.0
// The message ids of the steps that make filesystems. The others are in base/messages.hpp, which everything
// includes; the texts are in man/eks-node.catalog.
#pragma once

#include "base/messages.hpp"

namespace eks {

namespace event {
inline constexpr Event disks_late{"disks-late", "5e66ab7356bd4b9b8e8fe6950cf0af80"};
} // namespace event

namespace failure {
inline constexpr Failure disks_too_few{
        "disks-too-few", "50049b5c6e7b46a5865da43df015345e", Errc::bad_config};
inline constexpr Failure disks_missing{
        "disks-missing", "3119566109614260a83e26de22bc89c2", Errc::unreachable};
inline constexpr Failure disk_in_use{"disk-in-use", "eea0d90dde014aab9ab1865701d88757", Errc::failed};
inline constexpr Failure disk_foreign{"disk-foreign", "a7c61d218c3a4776824eb3b78b25a966", Errc::failed};
inline constexpr Failure mount_point_busy{
        "mount-point-busy", "61f06dc3d275484886bc3da971ba35e8", Errc::failed};
inline constexpr Failure array_failed{"array-failed", "cac2cbdbce904d48a485c9e849e287ab", Errc::failed};
inline constexpr Failure cipher_failed{"cipher-failed", "2649b1c17cab4f3195c3320689b3abbd", Errc::failed};
inline constexpr Failure mkfs_failed{"mkfs-failed", "e39878d6c8f24f3687cc120085acd1ca", Errc::failed};
} // namespace failure

} // namespace eks
