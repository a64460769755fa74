// SPDX-License-Identifier: Apache-2.0
// The one file that owns Catch's main(): it takes long to compile, so every test executable links it.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
