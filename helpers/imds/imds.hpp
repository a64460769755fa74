// SPDX-License-Identifier: Apache-2.0
// eks-imds: all instance metadata and the user data, fetched together.
// Reads: the metadata service. Writes: /run/eks/imds.json, /run/eks/user-data. Again: the same answers, the
// same files.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/step.hpp"
#include "net/imds.hpp"

namespace eks {

// Answers for paths below /latest/, in order; nothing for a 404 that is an answer.
using ImdsFetch = std::function<std::vector<std::optional<std::string>>(const std::vector<ImdsItem>&)>;

// Ask for everything in two rounds (what exists, then what is below it) and render both files. A third round
// asks for what the first two imply and lacked: an instance with an IPv4 address has a subnet with a range,
// one without any address does not exist. Throws Error (imds_answer) when an answer is not what it should
// be: an error page must not become a fact.
StepPlan plan_imds(const ImdsFetch& fetch);

} // namespace eks
