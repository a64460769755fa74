// SPDX-License-Identifier: Apache-2.0
#include "cel/cel.hpp"

#include <exception>
#include <limits>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include "base/error.hpp"
#include "cel/cel_parser.hpp"

namespace eks {

namespace {

constexpr std::int64_t least_int = std::numeric_limits<std::int64_t>::min();

[[noreturn]] void overflow(const CelNode& node)
{
        fail_cel(node.at, "the result does not fit into 64 bits");
}

std::int64_t to_int(const CelNode& node, const CelValue& value)
{
        if (const auto* integer = std::get_if<std::int64_t>(&value))
                return *integer;

        constexpr double edge = 9223372036854775808.0; // 2^63
        const double real = std::get<double>(value);
        if (!(real > -edge && real < edge)) // false for NaN too
                fail_cel(node.at, fmt::format("{} does not fit into a 64-bit integer", real));
        return static_cast<std::int64_t>(real);
}

std::int64_t calculate(const CelNode& node, std::int64_t left, std::int64_t right)
{
        std::int64_t result = 0;
        switch (node.op) {
        case CelOp::add:
                if (__builtin_add_overflow(left, right, &result))
                        overflow(node);
                return result;
        case CelOp::negate: // 0 - right
        case CelOp::subtract:
                if (__builtin_sub_overflow(left, right, &result))
                        overflow(node);
                return result;
        case CelOp::multiply:
                if (__builtin_mul_overflow(left, right, &result))
                        overflow(node);
                return result;
        default:
                if (right == 0)
                        fail_cel(node.at, "division by zero");
                if (left == least_int && right == -1)
                        overflow(node);
                return node.op == CelOp::divide ? left / right : left % right;
        }
}

double calculate(const CelNode& node, double left, double right)
{
        switch (node.op) {
        case CelOp::add:
                return left + right;
        case CelOp::subtract:
                return left - right;
        case CelOp::multiply:
                return left * right;
        default:
                return left / right; // by IEEE 754, as in CEL
        }
}

CelValue calculate(const CelNode& node, const CelValue& left, const CelValue& right)
{
        switch (node.op) { // both are of one type: of others a variant's order goes by the type
        case CelOp::less:
                return left < right;
        case CelOp::less_or_equal:
                return left <= right;
        case CelOp::greater:
                return left > right;
        case CelOp::greater_or_equal:
                return left >= right;
        case CelOp::equal:
                return left == right;
        case CelOp::not_equal:
                return left != right;
        case CelOp::greatest:
                return left < right ? right : left;
        case CelOp::least:
                return right < left ? right : left;
        default:
                if (const auto* integer = std::get_if<std::int64_t>(&left))
                        return calculate(node, *integer, std::get<std::int64_t>(right));
                return calculate(node, std::get<double>(left), std::get<double>(right));
        }
}

CelValue negate(const CelNode& node, const CelValue& value)
{
        if (const auto* real = std::get_if<double>(&value))
                return -*real;
        return calculate(node, std::int64_t{0}, std::get<std::int64_t>(value));
}

class Evaluator {
public:
        explicit Evaluator(std::span<const std::int64_t> values) : values_(values) {}

        CelValue evaluate(const CelNode& node) const
        {
                const auto operand = [&](std::size_t i) { return evaluate(node.operands[i]); };
                switch (node.op) {
                case CelOp::constant:
                        return node.value;
                case CelOp::variable:
                        return values_[node.variable];
                case CelOp::negate:
                        return negate(node, operand(0));
                case CelOp::invert:
                        return !std::get<bool>(operand(0));
                case CelOp::either:
                        return decide(node, true);
                case CelOp::both:
                        return decide(node, false);
                case CelOp::choose:
                        return std::get<bool>(operand(0)) ? operand(1) : operand(2);
                case CelOp::to_int:
                        return to_int(node, operand(0));
                case CelOp::to_double: {
                        const auto value = operand(0);
                        const auto* integer = std::get_if<std::int64_t>(&value);
                        return integer != nullptr ? CelValue(static_cast<double>(*integer)) : value;
                }
                default: {
                        auto result = operand(0);
                        for (std::size_t i = 1; i < node.operands.size(); ++i)
                                result = calculate(node, result, operand(i));
                        return result;
                }
                }
        }

private:
        // `decisive` on one side decides, even if the other side is an error.
        bool decide(const CelNode& node, bool decisive) const
        {
                std::exception_ptr error;
                for (const auto& side : node.operands) {
                        try {
                                if (std::get<bool>(evaluate(side)) == decisive)
                                        return decisive;
                        } catch (const Error&) {
                                error = error ? error : std::current_exception();
                        }
                }

                if (error)
                        std::rethrow_exception(error);

                return !decisive;
        }

        std::span<const std::int64_t> values_;
};

} // namespace

CelExpression CelExpression::compile(std::string_view text, std::span<const std::string_view> variables)
{
        if (text.size() > length_limit)
                throw Error(failure::config_invalid, fmt::format("longer than {} bytes", length_limit),
                        "Shorten the expression");

        auto root = parse_cel(text, variables);
        if (std::holds_alternative<bool>(root.value))
                fail_cel(root.at, "the result is a bool, not a number");
        return CelExpression(std::move(root));
}

CelExpression::CelExpression(CelNode root) : root_(std::make_shared<const CelNode>(std::move(root))) {}

std::int64_t CelExpression::evaluate(std::span<const std::int64_t> values) const
{
        return to_int(*root_, Evaluator(values).evaluate(*root_));
}

} // namespace eks
