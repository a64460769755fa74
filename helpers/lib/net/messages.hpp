// SPDX-License-Identifier: Apache-2.0
// The messages of what only the network's users throw. The others are in base/messages.hpp, which everything
// includes.
#pragma once

#include "base/messages.hpp"

#include "net_messages.hpp"
