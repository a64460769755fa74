// SPDX-License-Identifier: Apache-2.0
// Arithmetic in the Common Expression Language, for maxPods expressions. Source: the CEL language
// definition, github.com/google/cel-spec.
//
// There are int (64 bits), double and bool; + - * / % and unary minus; < <= > >= == !=; && || !; ?:;
// parentheses; int() and double(); math.greatest() and math.least() of CEL's math extension; decimal and
// hexadecimal literals; comments after //. As in CEL nothing is converted silently, the remainder has the
// sign of the dividend, overflow and division of ints by zero are errors, and && and || ignore an error on
// one side if the other decides. Strings, unsigned numbers, lists, maps and macros are not supported, and
// rejected by name. Written here because cel-cpp would bring ANTLR, Abseil and Protocol Buffers for the
// arithmetic of one setting.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace eks {

struct CelNode; // of the syntax tree

class CelExpression {
public:
        static constexpr std::size_t length_limit = 2048; // bytes
        static constexpr unsigned nesting_limit =
                100; // parentheses, calls, branches and signs in each other

        // Check syntax and types. `variables` are the names of ints. Throws Error (config_invalid) that
        // begins with the place: "column 5: …".
        static CelExpression compile(std::string_view text, std::span<const std::string_view> variables);

        // The result, with the variables' values in the same order. A double loses its fraction, as in
        // int(). Throws Error (config_invalid) on overflow and division by zero.
        std::int64_t evaluate(std::span<const std::int64_t> values) const;

private:
        explicit CelExpression(CelNode root);

        std::shared_ptr<const CelNode> root_;
};

} // namespace eks
