// SPDX-License-Identifier: Apache-2.0
// Precompiled with -Dpch=true, as helpers/lib/pch/.
#include "../../../helpers/lib/pch/json.hpp"

#include <catch2/catch.hpp>
