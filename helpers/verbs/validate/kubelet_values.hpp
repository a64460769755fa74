// SPDX-License-Identifier: Apache-2.0
// Texts that kubelet parses, as it reads them.
#pragma once

#include <optional>
#include <string_view>

namespace eks {

// Seconds of a duration as Go's time.ParseDuration() reads it: "2m30s", "1.5h", "0".
std::optional<double> go_duration(std::string_view text);

// A quantity of Kubernetes (apimachinery, pkg/api/resource): "100Mi", "70m", "1e3".
std::optional<double> quantity(std::string_view text);

// A list of CPUs as cgroups have it: "0-3,8".
bool is_cpu_set(std::string_view text);

} // namespace eks
