// SPDX-License-Identifier: Apache-2.0
// Reading and replacing whole files. Paths here are real paths: apply a Root first.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace eks {

inline constexpr std::size_t file_limit = 16U << 20U; // bytes; all our files are much smaller

// The content of a file; nothing if there is none. Throws Error (file_io) on any other failure, and when the
// file is larger than `limit` bytes.
std::optional<std::string> read_file_if_exists(const std::string& path, std::size_t limit = file_limit);

// The same, but absence is an Error too.
std::string read_file(const std::string& path, std::size_t limit = file_limit);

bool exists(const std::string& path);

// Names in a directory, sorted bytewise, without "." and ".."; empty if there is no such directory.
std::vector<std::string> list_directory(const std::string& path);

// The directory that a path is in: "/" of "/a", "." of "a".
std::string parent_of(const std::string& path);

// mkdir -p, mode 0755.
void make_directories(const std::string& path);

enum class Durability {
        synced,   // survives a power cut: the file and its directory are synced
        unsynced, // /run, and files that can be computed again
};

// Replace `path` in one step: readers see the old content or the new, never a part. Creates missing
// directories. Throws Error (file_io); then the old file is untouched and no temporary file is left.
void write_atomically(const std::string& path, std::string_view content, mode_t mode, Durability durability);

// The same for a symbolic link.
void link_atomically(const std::string& path, const std::string& target);

// The target of a symbolic link; nothing if `path` is absent or is something else.
std::optional<std::string> read_link_if_exists(const std::string& path);

// unlink(); true if there was something to remove. Synced, it does not come back after a power cut.
bool remove_if_exists(const std::string& path, Durability durability = Durability::unsynced);

} // namespace eks
