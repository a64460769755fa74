// SPDX-License-Identifier: Apache-2.0
// plain.hpp, and the JSON library, which alone takes two seconds.
#include "plain.hpp"

#include <nlohmann/json.hpp>
