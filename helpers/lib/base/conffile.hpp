// SPDX-License-Identifier: Apache-2.0
// Putting rendered files in place so that nothing a person wrote is lost.
//
// The last rendering of each file is kept below /var/lib/eks/rendered/ under the file's own path, so that
// `diff /var/lib/eks/rendered/PATH PATH` shows what was edited. It is not marked with the instance id,
// because it describes this file system; an image made from a node contains both.
#pragma once

#include <string>
#include <sys/types.h>
#include <vector>

#include "base/root.hpp"

namespace eks {

inline constexpr std::string_view rendered_directory = "/var/lib/eks/rendered";

// One file of a step. Each path belongs to exactly one step.
struct File {
        enum class Kind {
                regular,
                link,   // a symbolic link; content is its target
                absent, // not wanted: an earlier rendering is removed
        };

        std::string path; // absolute, as on a node
        std::string content;
        mode_t mode = 0644;
        Kind kind = Kind::regular;

        // Files of this boot need no record and no sync: they are not edited, and written again after a
        // reboot.
        bool volatile_file() const { return path.starts_with("/run/"); }
};

// Whether the file says which API server kubelet trusts.
bool is_trusted(std::string_view path);

enum class Outcome {
        unchanged,
        written,
        removed,
        edit_stands,     // it was edited, and our rendering is unchanged: left alone
        edit_kept_beside // it was edited, and our rendering changed: the edit is now PATH.user-edited
                         // (or .user-edited.1, … if there is one)
};

// The files that steps have put in place and that stay across boots, as paths of the node, sorted; none if
// this process may not read the record of them.
std::vector<std::string> rendered_files(const Root& root);

// Rendered files that have been changed since, as paths of the node, sorted. Files that this process may not
// read are left out.
std::vector<std::string> edited_files(const Root& root);

// What put_in_place() would do. Throws Error (file_io).
Outcome foresee(const Root& root, const File& file);
// For a file that stays across boots, and our record of it: set our owner, and remove permissions that
// `file.mode` does not have. A stricter mode is kept, like an edit. Returns the repaired property ("mode
// 0666"), empty if nothing was wrong. Throws Error (file_io).
std::string repair_permissions(const Root& root, const File& file);

// Make the file as described. Running it again does nothing and changes no mtime. Throws Error (file_io).
Outcome put_in_place(const Root& root, const File& file);

} // namespace eks
