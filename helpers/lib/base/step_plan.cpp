// SPDX-License-Identifier: Apache-2.0
#include "base/step_plan.hpp"

template class std::vector<eks::Note>;
template class std::vector<eks::File>;
