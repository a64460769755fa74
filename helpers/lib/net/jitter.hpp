// SPDX-License-Identifier: Apache-2.0
// Many nodes start at once and fail at once: without jitter they would try again at once as well.
#pragma once

#include <chrono>
#include <random>

namespace eks {

// A random time between half of `delay` and all of it.
inline std::chrono::milliseconds jittered(std::chrono::milliseconds delay)
{
        std::random_device random;
        std::uniform_int_distribution<std::chrono::milliseconds::rep> time(delay.count() / 2, delay.count());
        return std::chrono::milliseconds(time(random));
}

} // namespace eks
