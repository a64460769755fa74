// SPDX-License-Identifier: Apache-2.0
// The areas that eks-swap makes: a zram device, or a file.
#pragma once

#include "steps/swap/swap.hpp"

namespace eks {

// swap_failed: the area that the configuration asks for cannot be made or used.
Error swap_refusal(const SwapSettings& settings, std::string_view why, const char* remedy);

std::string in_gibibytes(std::uint64_t bytes);

// ---- zram.cpp

// Make a device of this size, with its first page. Returns its path. Throws Error: swap_failed,
// manager_unreachable.
std::string make_zram(
        Context& context, const StartUnit& start, const SwapSettings& settings, std::uint64_t size);

bool is_zram(std::string_view path);
// Release the memory of a device, so that the next run can use it.
void reset_zram(const Root& root, const std::string& path);

// ---- file.cpp

std::string swap_file_in(const SwapSettings& settings);

// Whether a file of this size can be used; one that cannot be has to be removed. Throws Error: swap_failed
// if the directory has no place for swap or another file has its name.
bool has_swap_file(
        const Root& root, const SwapCalls& calls, const SwapSettings& settings, std::uint64_t size);

// Make it. Throws Error: swap_failed.
void make_swap_file(const Root& root, const SwapSettings& settings, std::uint64_t size);

// Remove what a run that was killed has left beside a file.
void remove_partial_file(const Root& root, const std::string& path);

} // namespace eks
