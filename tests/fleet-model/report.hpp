// SPDX-License-Identifier: Apache-2.0
// What the simulation prints: a table, JSON, a chart.
#pragma once

#include <string>
#include <vector>

#include "fleet.hpp"

namespace fleet {

std::string render_table(const std::vector<Result>& results);
std::string render_json(const std::vector<Result>& results);

// SVG: for each case the nodes that have joined over time, one line for each client.
std::string render_chart(const std::vector<Result>& results);

} // namespace fleet
