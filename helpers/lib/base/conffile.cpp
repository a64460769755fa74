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

// Keep what is there beside its place, as it is: content, owner and mode. An earlier one is never
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

Outcome put_link(const std::string& path, const File& file)
{
        if (read_link_if_exists(path) == file.content)
                return Outcome::unchanged;
        Outcome outcome = Outcome::written;
        if (exists(path) && !read_link_if_exists(path)) { // a regular file where the link belongs
                keep_beside(path);
                outcome = Outcome::edit_kept_beside;
        }
        link_atomically(path, file.content);
        return outcome;
}

Outcome take_away(const std::string& path, const std::string& memory)
{
        const auto ours = read_file_if_exists(memory);
        if (!ours)
                return Outcome::unchanged; // never ours
        const auto present = read_file_if_exists(path);
        if (present && *present != *ours) {
                keep_beside(path);
                remove_if_exists(path);
                remove_if_exists(memory);
                return Outcome::edit_kept_beside;
        }
        const bool was_there = remove_if_exists(path);
        remove_if_exists(memory);
        return was_there ? Outcome::removed : Outcome::unchanged;
}

// A new file takes the old one's place: without capabilities, nobody can give a file of others to himself.
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

} // namespace

std::string repair_permissions(const Root& root, const File& file)
{
        if (file.kind != File::Kind::regular || file.volatile_file())
                return {};
        const auto wrong = repair(root(file.path), file.mode);
        repair(root(std::string(rendered_directory) + file.path), file.mode);
        return wrong;
}

Outcome put_in_place(const Root& root, const File& file)
{
        const auto path = root(file.path);
        if (file.kind == File::Kind::link)
                return put_link(path, file);

        if (file.volatile_file()) {
                if (file.kind == File::Kind::absent)
                        return remove_if_exists(path) ? Outcome::removed : Outcome::unchanged;
                struct stat st {};
                const bool mode_is_right =
                        ::stat(path.c_str(), &st) == 0 && (st.st_mode & 07777) == file.mode;
                if (mode_is_right && read_file_if_exists(path) == file.content)
                        return Outcome::unchanged;
                write_atomically(path, file.content, file.mode, Durability::unsynced);
                return Outcome::written;
        }

        const auto memory = root(std::string(rendered_directory) + file.path);
        if (file.kind == File::Kind::absent)
                return take_away(path, memory);

        const auto present = read_file_if_exists(path);
        const auto ours = read_file_if_exists(memory);
        // The memory is written after the file: a crash between the two leaves at worst a file that looks
        // edited, which the next lines recognise, and never an old rendering that is taken for a person's
        // wish. For the same reason the memory needs no sync of its own.
        const auto remember = [&] {
                write_atomically(memory, file.content, file.mode, Durability::unsynced);
        };

        if (present == file.content) {
                if (ours != file.content)
                        remember();
                return Outcome::unchanged;
        }
        if (present && ours == file.content)
                return Outcome::edit_stands;

        Outcome outcome = Outcome::written;
        if (present && present != ours) {
                keep_beside(path);
                outcome = Outcome::edit_kept_beside;
        }
        write_atomically(path, file.content, file.mode, Durability::synced);
        remember();
        return outcome;
}

} // namespace eks
