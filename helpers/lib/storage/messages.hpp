// SPDX-License-Identifier: Apache-2.0
// The messages of the steps that make filesystems. The others are in base/messages.hpp, which everything
// includes.
#pragma once

#include "base/messages.hpp"

#include "storage_messages.hpp"
