// SPDX-License-Identifier: Apache-2.0
#include "base/clock.hpp"

#include <sys/timex.h>

namespace eks {

bool clock_is_synchronised()
{
        timex state{};
        return ::adjtimex(&state) != TIME_ERROR;
}

} // namespace eks
