// SPDX-License-Identifier: Apache-2.0
// Templates of the standard library that every program uses: their code is in libeksnode-base once. In
// C++20, g++ compiles std::string into each program, although libstdc++ contains it.
#pragma once

#include <string>
#include <vector>

extern template class std::basic_string<char>;
extern template class std::vector<std::string>;
