// SPDX-License-Identifier: Apache-2.0
// An action on the instance store, and what is known of each kind.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "steps/instance-store/state.hpp"

namespace eks {

struct StorageAction {
        // In the order in which a plan for separate disks does them.
        enum class Kind { stop, wipe, create, assemble, add, encrypt, format, mount, copy, prepare, bind };

        Kind kind;
        std::vector<std::string> serials = {}; // of the disks that it concerns
        std::vector<std::string> command = {}; // of the program that performs it
        std::string what = {};                 // device or directory
        std::string where = {};                // directory
        std::string type = {};                 // filesystem
        std::string lower = {};                // device below the cipher
};

// "wipe AWS1: /usr/sbin/wipefs --all /dev/nvme1n1"
std::string text_of(const StorageAction& action);
std::string_view name_of(StorageAction::Kind kind);

// The state after an action.
void foresee(StorageFacts& facts, const LocalStorage& settings, const StorageAction& action);

// The failure that is reported if an action fails.
const Failure& failure_of(StorageAction::Kind kind);

// Whether the effect of an action is known only after the machine was examined again.
bool needs_look(StorageAction::Kind kind);

} // namespace eks
