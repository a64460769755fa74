// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "node/node.hpp"

namespace eks {

// Whether the API server has private addresses, for plan_environment(): the file node/proxy.hpp names. It is
// looked up with the machine's resolver, for some seconds at most. Without an answer what is known from an
// earlier one stands, or nothing is known and a note says so. The file is absent if there is no proxy, or
// the endpoint is an address.
StepPlan look_api_server_up(const NodeInputs& node);

} // namespace eks
