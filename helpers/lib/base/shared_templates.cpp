// SPDX-License-Identifier: Apache-2.0
#include "base/shared_templates.hpp"

template class std::basic_string<char>;
template class std::vector<std::string>;
