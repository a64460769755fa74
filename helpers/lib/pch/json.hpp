// SPDX-License-Identifier: Apache-2.0
// plain.hpp and the JSON library, which takes two seconds to compile.
#include "base/json.hpp"
#include "plain.hpp"
