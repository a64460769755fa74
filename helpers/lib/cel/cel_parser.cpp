// SPDX-License-Identifier: Apache-2.0
#include "cel/cel_parser.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/text.hpp"
#include "cel/cel.hpp"

namespace eks {

namespace {

std::string_view type_name(const CelValue& value)
{
        constexpr std::array names{"bool", "int", "double"};
        return names.at(value.index());
}

bool is_bool(const CelValue& value)
{
        return std::holds_alternative<bool>(value);
}

// Recursive descent by CEL's grammar. Every node is checked and gets its type when it is made, so that what
// parse() returns is well typed.
class Parser {
public:
        Parser(std::string_view text, std::span<const std::string_view> variables)
                : lexer_(text), token_(lexer_.next()), variables_(variables)
        {
        }

        CelNode parse()
        {
                auto root = expression();
                if (token_.kind != CelToken::Kind::end)
                        unexpected("an operator");
                return root;
        }

private:
        class Nesting {
        public:
                Nesting(unsigned& depth, const CelToken& token) : depth_(&depth)
                {
                        if (++depth > CelExpression::nesting_limit)
                                fail_cel(token.at, fmt::format("nested more than {} levels deep",
                                                           CelExpression::nesting_limit));
                }
                Nesting(const Nesting&) = delete;
                Nesting& operator=(const Nesting&) = delete;
                ~Nesting() { --*depth_; }

        private:
                unsigned* depth_;
        };

        [[noreturn]] void unexpected(std::string_view wanted) const
        {
                fail_cel(token_.at, fmt::format("'{}' where {} belongs", token_.text, wanted));
        }

        bool at_sign(std::string_view sign) const
        {
                return token_.kind == CelToken::Kind::sign && token_.text == sign;
        }

        CelToken advance() { return std::exchange(token_, lexer_.next()); }

        bool accept(std::string_view sign)
        {
                const bool found = at_sign(sign);
                if (found)
                        advance();
                return found;
        }

        void expect(std::string_view sign)
        {
                if (!accept(sign))
                        unexpected(fmt::format("'{}'", sign));
        }

        static CelNode make(CelOp op, const CelToken& token, CelValue type, std::vector<CelNode> operands)
        {
                return {.op = op, .value = type, .at = token.at, .operands = std::move(operands)};
        }

        CelNode expression()
        {
                const Nesting nesting(depth_, token_);
                auto condition = binary(0);
                if (!at_sign("?"))
                        return condition;

                const auto token = advance();
                if (!is_bool(condition.value))
                        fail_cel(token.at,
                                fmt::format("'?' goes with bool, not with {}", type_name(condition.value)));
                auto yes = binary(0);
                expect(":");

                auto no = expression();
                if (yes.value.index() != no.value.index())
                        fail_cel(token.at, fmt::format("the branches of '?' are {} and {}",
                                                   type_name(yes.value), type_name(no.value)));
                const auto type = yes.value;
                std::vector<CelNode> operands;
                operands.push_back(std::move(condition));
                operands.push_back(std::move(yes));
                operands.push_back(std::move(no));

                return make(CelOp::choose, token, type, std::move(operands));
        }

        struct Binary {
                std::string_view sign;
                CelOp op;
                unsigned level; // a higher one binds tighter
        };
        static constexpr std::array binaries{Binary{"||", CelOp::either, 0}, Binary{"&&", CelOp::both, 1},
                Binary{"<", CelOp::less, 2}, Binary{"<=", CelOp::less_or_equal, 2},
                Binary{">", CelOp::greater, 2}, Binary{">=", CelOp::greater_or_equal, 2},
                Binary{"==", CelOp::equal, 2}, Binary{"!=", CelOp::not_equal, 2}, Binary{"+", CelOp::add, 3},
                Binary{"-", CelOp::subtract, 3}, Binary{"*", CelOp::multiply, 4},
                Binary{"/", CelOp::divide, 4}, Binary{"%", CelOp::remainder, 4}};
        static constexpr unsigned unary_level = 5;

        CelNode binary(unsigned level)
        {
                if (level == unary_level)
                        return unary();

                auto left = binary(level + 1);

                for (;;) {
                        const auto found = std::ranges::find_if(binaries,
                                [&](const Binary& b) { return b.level == level && at_sign(b.sign); });
                        if (found == binaries.end())
                                return left;

                        const auto token = advance();
                        auto right = binary(level + 1);
                        const auto type = binary_type(*found, token, left.value, right.value);
                        std::vector<CelNode> operands;
                        operands.push_back(std::move(left));
                        operands.push_back(std::move(right));
                        left = make(found->op, token, type, std::move(operands));
                }
        }

        static CelValue binary_type(
                const Binary& binary, const CelToken& token, const CelValue& left, const CelValue& right)
        {
                const bool same = left.index() == right.index();
                const bool compares = binary.level == 2;

                const bool fits = binary.level < 2 ? is_bool(left) && is_bool(right)
                                  : compares       ? same
                                  : binary.op == CelOp::remainder
                                          ? same && std::holds_alternative<std::int64_t>(left)
                                          : same && !is_bool(left);
                if (!fits)
                        fail_cel(token.at, fmt::format("'{}' cannot be used with {} and {}", token.text,
                                                   type_name(left), type_name(right)));

                return binary.level <= 2 ? CelValue(false) : left;
        }

        CelNode unary()
        {
                if (!at_sign("!") && !at_sign("-"))
                        return primary();

                const Nesting nesting(depth_, token_);
                const auto token = advance();

                const bool inverts = token.text == "!";
                if (!inverts &&
                        (token_.kind == CelToken::Kind::integer || token_.kind == CelToken::Kind::real))
                        return literal(true); // so that the least int can be written

                std::vector<CelNode> operand;
                operand.push_back(unary());

                const auto type = operand.front().value;
                if (is_bool(type) != inverts)
                        fail_cel(token.at,
                                fmt::format("'{}' cannot be used with {}", token.text, type_name(type)));

                return make(inverts ? CelOp::invert : CelOp::negate, token, type, std::move(operand));
        }

        CelNode primary()
        {
                if (token_.kind == CelToken::Kind::integer || token_.kind == CelToken::Kind::real)
                        return literal(false);
                if (token_.kind == CelToken::Kind::name)
                        return name();

                if (!accept("("))
                        unexpected("a value");
                auto inner = expression();
                expect(")");

                return inner;
        }

        CelNode literal(bool negative)
        {
                const auto token = advance();
                const auto made = [&](CelValue value) { return make(CelOp::constant, token, value, {}); };

                if (token.kind == CelToken::Kind::real) {
                        const auto value = parse_real(token);
                        return made(negative ? -value : value);
                }

                const bool hex = token.text.starts_with("0x");
                const auto value =
                        parse_int<std::uint64_t>(hex ? token.text.substr(2) : token.text, hex ? 16 : 10);
                const auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) +
                                  (negative ? 1 : 0);
                if (!value || *value > most)
                        fail_cel(token.at, fmt::format("'{}' is not a number of 64 bits", token.text));

                return made(static_cast<std::int64_t>(negative ? 0 - *value : *value));
        }

        static double parse_real(const CelToken& token)
        {
                double value = 0;
                const auto [end, error] =
                        std::from_chars(token.text.data(), token.text.data() + token.text.size(), value);
                if (error != std::errc())
                        fail_cel(token.at, fmt::format("'{}' is not a number of 64 bits", token.text));
                return value;
        }

        CelNode name()
        {
                const auto token = advance();
                if (token.text == "true" || token.text == "false")
                        return make(CelOp::constant, token, token.text == "true", {});

                if (token.text == "math") {
                        expect(".");
                        if (token_.text == "greatest" || token_.text == "least") {
                                const auto function = advance();
                                return call(function.text == "greatest" ? CelOp::greatest : CelOp::least,
                                        function);
                        }

                        unexpected("'greatest' or 'least'");
                }

                if (at_sign("(")) {
                        if (token.text == "int" || token.text == "double")
                                return call(token.text == "int" ? CelOp::to_int : CelOp::to_double, token);
                        fail_cel(token.at, fmt::format("'{}' is not a function; there are int, double, "
                                                       "math.greatest and math.least",
                                                   token.text));
                }

                const auto found = std::ranges::find(variables_, token.text);
                if (found == variables_.end())
                        fail_cel(token.at, fmt::format("'{}' is not a name; there are {}", token.text,
                                                   fmt::join(variables_, ", ")));
                auto variable = make(CelOp::variable, token, std::int64_t{}, {});
                variable.variable = static_cast<std::size_t>(found - variables_.begin());

                return variable;
        }

        CelNode call(CelOp op, const CelToken& function)
        {
                expect("(");
                std::vector<CelNode> operands;
                do
                        operands.push_back(expression());
                while (accept(","));
                expect(")");

                const bool converts = op == CelOp::to_int || op == CelOp::to_double;
                if (converts && operands.size() > 1)
                        fail_cel(function.at, fmt::format("'{}' takes one value", function.text));

                const auto type = operands.front().value;
                for (const auto& operand : operands)
                        if (is_bool(operand.value) || operand.value.index() != type.index())
                                fail_cel(operand.at,
                                        fmt::format("'{}' cannot be used with {}", function.text,
                                                is_bool(operand.value) ? "bool" : "int and double"));

                return make(op, function,
                        op == CelOp::to_int      ? CelValue(std::int64_t{})
                        : op == CelOp::to_double ? CelValue(0.0)
                                                 : type,
                        std::move(operands));
        }

        CelLexer lexer_;
        CelToken token_;
        std::span<const std::string_view> variables_;
        unsigned depth_ = 0;
};

} // namespace

CelNode parse_cel(std::string_view text, std::span<const std::string_view> variables)
{
        return Parser(text, variables).parse();
}

} // namespace eks
