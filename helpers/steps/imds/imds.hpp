// SPDX-License-Identifier: Apache-2.0
// eks-imds: all instance metadata and the user data, fetched together.
// Reads: the metadata service. Writes: /run/eks/imds.json, /run/eks/user-data. Again: the same answers, the
// same files.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "net/imds.hpp"
#include "systemd/step.hpp"

namespace eks {

// Answers for paths below /latest/, in order; nothing for a 404 that counts as an answer.
using ImdsFetch = std::function<std::vector<std::optional<std::string>>(const std::vector<ImdsItem>&)>;

// Request everything in two rounds (first the listings, then the items below them) and render both files. A
// third round requests items that the first two imply but lack: an instance with an IPv4 address has a
// subnet with a range, and every instance has an address. Throws Error (imds_answer) for an unexpected
// answer, so that an error page never becomes a fact.
StepPlan plan_imds(const ImdsFetch& fetch);

} // namespace eks
