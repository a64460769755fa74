// SPDX-License-Identifier: Apache-2.0
#include "steps/instance-store/action.hpp"

#include <array>

#include <fmt/format.h>

#include "base/text.hpp"
#include "steps/instance-store/actions.hpp"

namespace eks {

using Kind = StorageAction::Kind;

std::string_view name_of(Kind kind)
{
        constexpr std::array<std::string_view, 11> names{"stop-array", "wipe", "create-array",
                "assemble-array", "add-to-array", "encrypt", "format", "mount", "copy", "make-directory",
                "bind"};
        return names.at(static_cast<std::size_t>(kind));
}

std::string text_of(const StorageAction& action)
{
        switch (action.kind) {
        case Kind::mount:
                return fmt::format("mount {} ({}) at {}", action.what, action.type, action.where);
        case Kind::copy:
                return fmt::format("copy {} to {}", action.what, action.where);
        case Kind::prepare:
                return fmt::format("make {}", action.where);
        case Kind::bind:
                return fmt::format("bind {} to {}", action.what, action.where);
        default:
                const auto disks = join(action.serials, ", ");
                return fmt::format("{}{}{}: {}", name_of(action.kind), disks.empty() ? "" : " ", disks,
                        join(action.command, " "));
        }
}

StorageAction command_on(
        Kind kind, const std::vector<std::string>& serials, const std::string& device, Words command)
{
        return {.kind = kind,
                .serials = serials,
                .command = {command.begin(), command.end()},
                .what = device};
}

void foresee(StorageFacts& facts, const LocalStorage& settings, const StorageAction& action)
{
        switch (action.kind) {
        case Kind::stop:
                return foresee_stop(facts, action);
        case Kind::wipe:
                return foresee_wipe(facts, action);
        case Kind::create:
                return foresee_create(facts, settings, action);
        case Kind::assemble:
                return foresee_assemble(facts, settings, action);
        case Kind::add:
                return foresee_add(facts, settings, action);
        case Kind::encrypt:
                return foresee_encrypt(facts, action);
        case Kind::format:
                return foresee_format(facts, settings, action);
        case Kind::mount:
                return foresee_mount(facts, settings, action);
        case Kind::copy:
        case Kind::prepare:
                return foresee_directory(facts, action);
        case Kind::bind:
                return foresee_bind(facts, settings, action);
        }
}

const Failure& failure_of(Kind kind)
{
        switch (kind) {
        case Kind::stop:
        case Kind::create:
        case Kind::assemble:
        case Kind::add:
                return failure::array_failed;
        case Kind::encrypt:
                return failure::cipher_failed;
        case Kind::format:
                return failure::mkfs_failed;
        default:
                return failure::volume_failed;
        }
}

bool needs_look(Kind kind)
{
        return kind == Kind::stop || kind == Kind::create || kind == Kind::assemble || kind == Kind::add;
}

} // namespace eks
