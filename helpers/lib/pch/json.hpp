// SPDX-License-Identifier: Apache-2.0
// plain.hpp and the JSON library, which takes two seconds to compile.
#include "plain.hpp"

#include <nlohmann/json.hpp>
