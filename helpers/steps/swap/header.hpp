// SPDX-License-Identifier: Apache-2.0
// The first page of a swap area.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace eks {

// The first page of a swap area of so many bytes. Source: union swap_header of the kernel's linux/swap.h.
using Uuid = std::array<unsigned char, 16>;
std::string swap_header(std::uint64_t size, std::size_t page, const Uuid& uuid);

// The size in such a page; nothing if eks-swap did not write it.
std::optional<std::uint64_t> size_of_our_swap(std::string_view page);

// The size of the area that eks-swap made at a path.
std::optional<std::uint64_t> size_of_our_swap_at(const std::string& path);

std::uint64_t whole_pages(std::uint64_t size);

// Write the first page and sync it. Returns errno, or 0.
int write_swap_header(int fd, std::uint64_t size);

} // namespace eks
