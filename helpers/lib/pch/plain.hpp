// SPDX-License-Identifier: Apache-2.0
// Precompiled with -Dpch=true, for libraries of many files: the headers that most of them include and that
// take long. Every file still includes what it uses, because it is also compiled without this.
#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
