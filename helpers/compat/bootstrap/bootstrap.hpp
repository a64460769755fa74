// SPDX-License-Identifier: Apache-2.0
// /etc/eks/bootstrap.sh of Amazon Linux 2, as a program: its arguments become a layer of the configuration,
// and the node is started with it.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "base/fd.hpp"
#include "base/root.hpp"
#include "compat/bootstrap/call.hpp"
#include "config/command_layer.hpp"

namespace eks {

// The id of this instance, from eks-imds, or before that from the firmware or cloud-init. Throws Error
// (facts_missing).
std::string instance_of_machine(const Root& root);

// Its type, from the same places; "" if unknown.
std::string type_of_machine(const Root& root);

// What scripts edited before their call, which overrides it.
inline constexpr std::string_view edits_layer = "/var/lib/eks/commands.d/bootstrap-edits.toml";

// The layer of an earlier call; null if it belongs to another instance or cannot be read.
Json layer_of_instance(const Root& root, std::string_view path, const std::string& instance);

// The destructor syncs the layers, which may take longer than the start of the node.
class SyncLayers {
public:
        explicit SyncLayers(const Root& root) : root_(&root) {}
        SyncLayers(const SyncLayers&) = delete;
        SyncLayers& operator=(const SyncLayers&) = delete;
        ~SyncLayers();

private:
        const Root* root_;
};

// Files as they are before a call, which are put back when the call is refused.
class FilesBefore {
public:
        FilesBefore(const Root& root, const std::vector<std::string_view>& paths);

        // Throws Error (file_io).
        void restore() const;

private:
        struct Backup {
                std::string path;
                std::optional<std::string> link;
                std::optional<std::string> text;
                mode_t mode;
        };
        std::vector<Backup> files_;
};

// Only one call of bootstrap.sh or nodeadm runs at a time, because each reads files that the other writes.
class CallLock {
public:
        // Waits for a running call, and says so. Throws Error: apply_busy after `timeout`, file_io.
        CallLock(const Root& root, std::chrono::milliseconds timeout, const std::function<void()>& say_busy);

private:
        UniqueFd directory_;
};

// The keys that this call sets to other values than an earlier call of any command on this instance did, as
// sentences. For calls of other commands, only keys that both set are compared.
std::vector<std::string> contradictions_with_earlier_calls(const Root& root, const CommandLayer& now);

} // namespace eks
