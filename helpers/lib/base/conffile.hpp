// SPDX-License-Identifier: Apache-2.0
// Putting rendered files in place so that nothing a person wrote is lost.
//
// What we rendered last is remembered below /var/lib/eks/rendered/ under the file's own path: as text, so
// that `diff /var/lib/eks/rendered/PATH PATH` shows an admin what was edited. The memory is not stamped with
// the instance id: it describes the file system it lies on, and an image made from a node carries both
// along.
#pragma once

#include <string>
#include <sys/types.h>
#include <vector>

#include "base/root.hpp"

namespace eks {

inline constexpr std::string_view rendered_directory = "/var/lib/eks/rendered";

// One file that a step answers for; exactly one step names any path.
struct File {
        enum class Kind {
                regular,
                link,   // a symbolic link; content is its target
                absent, // not wanted: what we rendered there before is taken away
        };

        std::string path; // absolute, as on a node
        std::string content;
        mode_t mode = 0644;
        Kind kind = Kind::regular;

        // Files of this boot need no memory and no sync: nobody edits them, and a reboot writes them again.
        bool volatile_file() const { return path.starts_with("/run/"); }
};

// Whether the file says which API server kubelet trusts.
bool is_trusted(std::string_view path);

enum class Outcome {
        unchanged,
        written,
        removed,
        edit_stands,     // a person edited it, our rendering is as before: left alone
        edit_kept_beside // a person edited it and our rendering changed: theirs is now PATH.user-edited
                         // (or .user-edited.1, … if there is one)
};

// Rendered files that are not as we left them, as paths of the node, sorted. What this process may not read
// is left out.
std::vector<std::string> edited_files(const Root& root);

// What put_in_place() would do. Throws Error (file_io).
Outcome foresee(const Root& root, const File& file);
// A file that stays across boots, and our memory of it, are nobody else's to write: what is there gets our
// owner and loses the permissions that `file.mode` does not give. A stricter mode stands, as an edit does.
// Returns what was wrong ("mode 0666"), empty if nothing was. Throws Error (file_io).
std::string repair_permissions(const Root& root, const File& file);

// Make the file as described. Running it again does nothing and changes no mtime. Throws Error (file_io).
Outcome put_in_place(const Root& root, const File& file);

} // namespace eks
