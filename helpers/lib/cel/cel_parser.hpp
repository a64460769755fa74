// SPDX-License-Identifier: Apache-2.0
// The syntax tree of an expression in the Common Expression Language.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "cel/cel_lexer.hpp"

namespace eks {

using CelValue = std::variant<bool, std::int64_t, double>;

enum class CelOp {
        constant,
        variable,
        negate,
        invert,
        either,
        both,
        choose,
        less,
        less_or_equal,
        greater,
        greater_or_equal,
        equal,
        not_equal,
        add,
        subtract,
        multiply,
        divide,
        remainder,
        to_int,
        to_double,
        greatest,
        least,
};

struct CelNode {
        CelOp op = CelOp::constant;
        CelValue value = false; // of a constant; of the others only its type counts
        CelPlace at;            // of the operator, the function's name, the literal
        std::size_t variable = 0;
        std::vector<CelNode> operands = {};
};

// The tree of a whole text, which is well typed; `variables` are the names of ints. Throws Error
// (config_invalid) that begins with the place: "column 5: …".
CelNode parse_cel(std::string_view text, std::span<const std::string_view> variables);

} // namespace eks
