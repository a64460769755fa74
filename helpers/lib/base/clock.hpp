// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace eks {

// Whether the kernel regards the clock as synchronised, as a time service tells it (adjtimex(2)).
bool clock_is_synchronised();

} // namespace eks
