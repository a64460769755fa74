// SPDX-License-Identifier: Apache-2.0
#include "base/drop_ins.hpp"

#include <algorithm>
#include <map>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <fmt/format.h>

#include "base/fs.hpp"

namespace eks {

namespace {

// A link to /dev/null masks.
bool is_mask(const struct stat& found)
{
        return S_ISCHR(found.st_mode) && found.st_rdev == makedev(1, 3);
}

// A warning if something else is there than a directory or a file.
std::optional<Note> other_than(const Root& root, const std::string& path, bool directory)
{
        struct stat found {};
        std::string what;

        if (::stat(root(path).c_str(), &found) != 0) {
                const auto target = read_link_if_exists(root(path));
                if (!target)
                        return std::nullopt; // absent, or an error that its reader reports
                what = fmt::format("a link to '{}', which does not exist", *target);
        } else if (is_mask(found) || (directory ? S_ISDIR(found.st_mode) : S_ISREG(found.st_mode))) {
                return std::nullopt;
        } else {
                what = directory                ? "not a directory"
                       : S_ISDIR(found.st_mode) ? "a directory, not a file"
                                                : "not a regular file";
        }

        return Note{Level::warning, fmt::format("'{}' is {}, ignoring", path, what), true};
}

} // namespace

std::vector<std::string> drop_ins(const Root& root, const std::vector<std::string>& directories,
        const std::vector<std::string>& suffixes, std::vector<Note>* notes)
{
        std::map<std::string, std::string> by_name;
        const auto add = [&](std::optional<Note> note) {
                if (note && notes != nullptr)
                        notes->push_back(*std::move(note));
        };

        for (const auto& directory : directories) {
                add(other_than(root, directory, true));
                for (const auto& name : list_directory(root(directory)))
                        if (std::ranges::any_of(
                                    suffixes, [&](const auto& s) { return name.ends_with(s); }) &&
                                !name.starts_with('.'))
                                by_name[name] = directory + "/" + name;
        }

        std::vector<std::string> paths;
        for (const auto& [name, path] : by_name) {
                struct stat st {};
                if (::stat(root(path).c_str(), &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
                        paths.push_back(path);
                else
                        add(not_a_file(root, path));
        }

        return paths;
}

std::optional<Note> not_a_file(const Root& root, const std::string& path)
{
        return other_than(root, path, false);
}

} // namespace eks
