// SPDX-License-Identifier: Apache-2.0
#include "base/conffile.hpp"

#include <cerrno>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fs.hpp"

namespace eks {

namespace {

// Keep a copy of the present file next to it, with content, owner and mode. An earlier copy is never
// overwritten.
void keep_beside(const std::string& path)
{
        for (int number = 0;; ++number) {
                const auto kept = path + ".user-edited" + (number == 0 ? "" : fmt::format(".{}", number));
                if (::link(path.c_str(), kept.c_str()) == 0)
                        return;
                if (errno != EEXIST)
                        throw io_error("keep a copy of", path, errno);
                if (read_file_if_exists(kept) == read_file_if_exists(path))
                        return;
        }
}

Outcome foresee_link(const std::string& path, const File& file)
{
        const auto target = read_link_if_exists(path);
        if (target == file.content)
                return Outcome::unchanged;
        // A regular file in the place of the link is kept.
        return !target && exists(path) ? Outcome::edit_kept_beside : Outcome::written;
}

Outcome foresee_volatile(const std::string& path, const File& file)
{
        if (file.kind == File::Kind::absent)
                return exists(path) ? Outcome::removed : Outcome::unchanged;
        struct stat st {};
        const bool mode_is_right = ::stat(path.c_str(), &st) == 0 && (st.st_mode & 07777) == file.mode;
        return mode_is_right && read_file_if_exists(path) == file.content ? Outcome::unchanged
                                                                          : Outcome::written;
}

Outcome foresee_absence(const std::string& path, const std::optional<std::string>& ours)
{
        if (!ours) // never ours
                return Outcome::unchanged;
        if (const auto present = read_file_if_exists(path))
                return present != ours ? Outcome::edit_kept_beside : Outcome::removed;
        return read_link_if_exists(path) ? Outcome::removed : Outcome::unchanged;
}

// Files below a directory, as paths relative to it.
void add_files(const std::string& directory, const std::string& below, std::vector<std::string>& files)
{
        for (const auto& name : list_directory(directory + below)) {
                const auto path = below + "/" + name;
                struct stat st {};
                if (::lstat((directory + path).c_str(), &st) != 0)
                        continue;

                if (S_ISDIR(st.st_mode))
                        add_files(directory, path, files);
                else
                        files.push_back(path);
        }
}

std::string memory_of(const Root& root, const File& file)
{
        return root(std::string(rendered_directory) + file.path);
}

// A new file replaces the old one, because without capabilities a process cannot take ownership of a file.
std::string repair(const std::string& path, mode_t mode)
{
        struct stat st {};
        if (::lstat(path.c_str(), &st) < 0 || !S_ISREG(st.st_mode))
                return {};

        const mode_t present = st.st_mode & 07777;
        const auto more = (present & ~mode) != 0 ? fmt::format("mode {:04o}", present) : std::string();
        const auto other = st.st_uid != ::geteuid() ? fmt::format("owner {}", st.st_uid) : std::string();
        if (more.empty() && other.empty())
                return {};

        write_atomically(path, read_file(path), present & mode, Durability::synced);
        return more.empty() || other.empty() ? more + other : more + " and " + other;
}

// The mode of a new version: permissions of the last one that somebody has taken away stay away.
mode_t mode_of_new(const std::string& path, const std::string& memory, mode_t wanted)
{
        struct stat present {};
        struct stat ours {};
        if (::lstat(path.c_str(), &present) != 0 || !S_ISREG(present.st_mode) ||
                ::stat(memory.c_str(), &ours) != 0)
                return wanted;
        return wanted & ~(ours.st_mode & ~present.st_mode & 0777);
}

} // namespace

std::string repair_permissions(const Root& root, const File& file)
{
        if (file.kind != File::Kind::regular || file.volatile_file())
                return {};
        const auto wrong = repair(root(file.path), file.mode);
        repair(root(std::string(rendered_directory) + file.path), file.mode);
        return wrong;
}

bool is_trusted(std::string_view path)
{
        return path == "/etc/kubernetes/pki/ca.crt" || path == "/var/lib/kubelet/kubeconfig" ||
               path == "/var/lib/kubelet/bootstrap-kubeconfig";
}

std::vector<std::string> rendered_files(const Root& root)
{
        std::vector<std::string> rendered;
        try {
                add_files(root(rendered_directory), "", rendered);
        } catch (const Error&) { // a directory for root only
        }
        return rendered;
}

std::vector<std::string> edited_files(const Root& root)
{
        std::vector<std::string> edited;
        const auto memory = root(rendered_directory);
        for (auto& path : rendered_files(root))
                if (::access((memory + path).c_str(), R_OK) == 0 &&
                        (::access(root(path).c_str(), R_OK) == 0 || errno == ENOENT) &&
                        read_file_if_exists(root(path)) != read_file_if_exists(memory + path))
                        edited.push_back(std::move(path));

        return edited;
}

Outcome foresee(const Root& root, const File& file)
{
        const auto path = root(file.path);
        if (file.kind == File::Kind::link)
                return foresee_link(path, file);
        if (file.volatile_file())
                return foresee_volatile(path, file);

        const auto ours = read_file_if_exists(memory_of(root, file));
        if (file.kind == File::Kind::absent)
                return foresee_absence(path, ours);

        const auto present = read_file_if_exists(path);
        if (present == file.content)
                return Outcome::unchanged;
        if (present && ours == file.content)
                return Outcome::edit_stands;

        return present && present != ours ? Outcome::edit_kept_beside : Outcome::written;
}

Outcome put_in_place(const Root& root, const File& file)
{
        const auto path = root(file.path);
        const auto outcome = foresee(root, file);
        if (outcome == Outcome::edit_stands)
                return outcome;

        const auto memory = memory_of(root, file);
        const auto mode = file.volatile_file() ? file.mode : mode_of_new(path, memory, file.mode);

        if (outcome == Outcome::edit_kept_beside)
                keep_beside(path);
        const bool changes = outcome != Outcome::unchanged;

        if (file.kind == File::Kind::link) {
                if (changes)
                        link_atomically(path, file.content);
                return outcome;
        }

        if (file.kind == File::Kind::absent) {
                if (changes)
                        remove_if_exists(path);
                if (!file.volatile_file())
                        remove_if_exists(memory);
                return outcome;
        }

        if (changes)
                write_atomically(path, file.content, mode,
                        file.volatile_file() ? Durability::unsynced : Durability::synced);

        // The record is written after the file. A crash between the two leaves a file that looks edited,
        // which the next run recognises; an old rendering never counts as an edit. For the same reason the
        // record needs no sync of its own.
        if (!file.volatile_file() && read_file_if_exists(memory) != file.content)
                write_atomically(memory, file.content, file.mode, Durability::unsynced);

        return outcome;
}

} // namespace eks
