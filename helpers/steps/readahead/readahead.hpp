// SPDX-License-Identifier: Apache-2.0
// eks-readahead: what the chain is about to read, in parallel, at the first boot of an instance.
// Reads: the lists in /usr/share/eks/readahead.d and /etc/eks/readahead.d, the files that they name, DMI.
// Writes: /var/lib/eks/readahead. Again: nothing is read on the same instance.
//
// Everything that this program reads of itself delays it. So it has no library but libc, which the manager
// has loaded: no libstdc++, no exceptions, no allocation by operator new.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace eks {

// What tells one instance from another before the network is up.
using Identity = std::array<char, 128>; // ends with '\0'; empty if there is none
Identity instance_identity(const char* root);

// Whether this instance has read ahead before, and the note that it has.
bool has_read_before(const char* root, const Identity& identity);
void remember_reading(const char* root, const Identity& identity);

// One line of a list: a pattern of glob(7), and perhaps the largest size of a file, as 512K or 4M.
struct ListLine {
        std::string_view pattern; // empty if the line has none, or is wrong
        std::uint64_t most = 0;   // 0: any size
};
ListLine parse_list_line(std::string_view line);

struct Reading {
        unsigned files = 0;
        std::uint64_t bytes = 0;
        bool complete = true; // false if the time ended first
};
// Read all that the lists name, or one list, for at most so many seconds and bytes. Files that do not exist
// are no error.
Reading read_ahead(
        const char* root, unsigned seconds, std::uint64_t most_bytes, const char* only_list = nullptr);

// For the generator, at the first boot of an instance: the list 00-manager.list, for some seconds. The
// manager loads hundreds of units, one after another, and waits for each from a disk that answers late.
void read_manager_list(const char* root);

} // namespace eks
