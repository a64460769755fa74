// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"
#include "steps/instance-store/planning.hpp"

namespace eks {

namespace {

Error foreign(const Planning& planning, const Device& device)
{
        return planning.refusal(failure::disk_foreign,
                fmt::format("no disk was written: {} of {} holds {}", device.path,
                        join(device.serials, ", "), device.content->what()),
                "If the data is not needed, set instance.localStorage.force");
}

// A name that no open cipher has. Open ciphers keep theirs, although a disk may have another index by now.
std::string free_cipher(const StorageFacts& facts, unsigned index)
{
        const auto name = [&] { return fmt::format("eks-instance-store-{}", index); };
        const auto is_taken = [&](const auto& opened) { return opened.second.path == cipher_path(name()); };

        while (std::ranges::any_of(facts.opened, is_taken))
                ++index;
        return name();
}

StorageAction next_below_cipher(const Planning& planning, const Device& device, const std::string& cipher)
{
        const auto& content = *device.content;
        // Data that was encrypted with another key is of an unknown kind.
        const bool ours = content.blank() || content.is_unknown() || is_filesystem(content);
        if (!ours && !device.unfinished && !planning.settings.force)
                throw foreign(planning, device);

        return open_cipher(device, cipher);
}

StorageAction next_on_cipher(
        const Planning& planning, const Device& device, const Cipher& cipher, const std::string& where)
{
        const auto& content = cipher.content;
        if (!is_filesystem(content) || content.unfinished)
                return make_filesystem(planning.settings, device, cipher.path, !content.blank());

        return mount_device(device, cipher.path, where, content.type);
}

StorageAction next_without_cipher(const Planning& planning, const Device& device, const std::string& where)
{
        const auto& content = *device.content;
        if (device.unfinished || content.blank())
                return make_filesystem(planning.settings, device, device.path, device.unfinished);

        if (is_filesystem(content))
                return mount_device(device, device.path, where, content.type);

        if (!planning.settings.force)
                throw foreign(planning, device);

        return make_filesystem(planning.settings, device, device.path, true);
}

} // namespace

std::optional<StorageAction> next_on_device(const Planning& planning, const Device& device)
{
        const auto& [settings, facts, notes, disks] = planning;
        const auto where = mount_point(settings, device.index);
        const auto opened = facts.opened.find(device.path);
        const bool is_open = opened != facts.opened.end();
        const auto cipher = free_cipher(facts, device.index);

        const auto path = !settings.encrypt ? device.path
                          : is_open         ? opened->second.path
                                            : cipher_path(cipher);

        // A device that an earlier run mounted without a cipher stays mounted.
        if (const auto mounted = facts.mounted_at(where); mounted == path || mounted == device.path)
                return std::nullopt;

        refuse_mount_point(planning, where, device.serials);

        if (!settings.encrypt)
                return next_without_cipher(planning, device, where);
        if (!is_open)
                return next_below_cipher(planning, device, cipher);

        return next_on_cipher(planning, device, opened->second, where);
}

} // namespace eks
