// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/fs.hpp"
#include "steps/swap/areas.hpp"
#include "systemd/swaps.hpp"

namespace eks {

namespace {

using Kind = SwapSettings::Kind;

constexpr auto partial_name = ".eks-swap.partial"; // no other program uses this name

std::string partial_of(const std::string& path)
{
        return path.substr(0, path.rfind('/') + 1) + partial_name;
}

void check_directory(const Root& root, const SwapCalls& calls, const SwapSettings& settings)
{
        const auto& directory = settings.directory;
        if (directory.empty() || (settings.kind == Kind::store && !calls.is_mount_point(root(directory))))
                throw swap_refusal(settings,
                        directory.empty()
                                ? "instance.localStorage.strategy is not set"
                                : fmt::format("no disk of the instance store is mounted at '{}'", directory),
                        "Use an instance type with local disks and set instance.localStorage.strategy, or set "
                        "swap to 'zram' or 'file'");

        const auto filesystem = calls.filesystem(root(directory));
        if (filesystem == "ext4" || filesystem == "xfs")
                return;

        throw swap_refusal(settings,
                filesystem == "btrfs"
                        ? fmt::format(
                                  "'{}' is on btrfs, whose copies on write are no place for swap", directory)
                        : fmt::format("'{}' is neither on ext4 nor on XFS", directory),
                "Set swap to 'zram', or mount ext4 or XFS there");
}

// kubelet evicts pods when a tenth is left.
void check_space(const Root& root, const SwapSettings& settings, std::uint64_t size)
{
        struct statvfs status {};
        if (::statvfs(root(settings.directory).c_str(), &status) != 0)
                return;

        const auto free = std::uint64_t{status.f_bavail} * status.f_frsize;
        const auto kept = std::uint64_t{status.f_blocks} * status.f_frsize / 10;
        if (free < size + kept)
                throw swap_refusal(settings,
                        fmt::format("{} do not fit into '{}', which has {} free, of which {} stay free",
                                in_gibibytes(size), settings.directory, in_gibibytes(free),
                                in_gibibytes(kept)),
                        "Set swapSize to less, or use a larger disk");
}

// The kernel uses no file with holes. The file of an image may have come without its blocks.
bool is_complete(const std::string& path, std::uint64_t size)
{
        constexpr std::uint64_t block = 512;
        struct stat status {};
        return ::lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
               (status.st_mode & 0777U) == 0600 && static_cast<std::uint64_t>(status.st_size) == size &&
               static_cast<std::uint64_t>(status.st_blocks) * block >= size;
}

// errno, or 0. The file has its name only when it is complete.
int write_file(const std::string& partial, const std::string& path, std::uint64_t size)
{
        remove_if_exists(partial);
        const UniqueFd fd(
                ::open(partial.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (!fd || ::fallocate(fd.get(), 0, 0, static_cast<off_t>(size)) != 0)
                return errno;

        if (const int error = write_swap_header(fd.get(), size); error != 0)
                return error;

        return ::rename(partial.c_str(), path.c_str()) == 0 ? 0 : errno;
}

} // namespace

std::string swap_file_in(const SwapSettings& settings)
{
        return settings.directory + "/swap";
}

bool has_swap_file(
        const Root& root, const SwapCalls& calls, const SwapSettings& settings, std::uint64_t size)
{
        check_directory(root, calls, settings);
        const auto path = swap_file_in(settings);
        if (!exists(root(path)))
                return false;

        const auto ours = size_of_our_swap_at(root(path));
        if (!ours)
                throw swap_refusal(settings,
                        fmt::format("'{}' is there and is not a swap file of eks-swap", path),
                        "Move it away");

        return *ours == size && is_complete(root(path), size);
}

void make_swap_file(const Root& root, const SwapSettings& settings, std::uint64_t size)
{
        check_space(root, settings, size);
        const auto path = swap_file_in(settings);

        // Recorded first: the configuration of a later boot may not name the file.
        if (settings.kind == Kind::store)
                write_atomically(root(swap_on_store_path), path + "\n", 0644, Durability::synced);

        const auto partial = partial_of(path);
        if (const int error = write_file(root(partial), root(path), size); error != 0) {
                remove_if_exists(root(partial));
                throw swap_refusal(settings,
                        fmt::format("cannot write '{}': {}", partial, ::strerror(error)),
                        "See `journalctl -k` for errors of the disk");
        }
}

void remove_partial_file(const Root& root, const std::string& path)
{
        remove_if_exists(root(partial_of(path)));
}

} // namespace eks
