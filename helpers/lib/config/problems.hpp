// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/layer.hpp"

namespace eks {

// All that is wrong with a configuration, so that its author mends it in one go.
class Problems {
public:
        // "<where>: <key> = <value>: <what is wrong>"; an empty value is left out.
        void add(const Where& where, std::string_view key, std::string_view value, std::string_view wrong,
                std::string remedy);

        bool empty() const { return texts_.empty(); }

        // Throws Error (`failure`) if there are any.
        void throw_if_any(const Failure& failure) const;

private:
        std::vector<std::string> texts_;
        std::vector<std::string> remedies_;
};

} // namespace eks
