// SPDX-License-Identifier: Apache-2.0
#include "node/cel.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <exception>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

using Value = std::variant<bool, std::int64_t, double>;

enum class Op {
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

constexpr std::int64_t least_int = std::numeric_limits<std::int64_t>::min();

struct Place {
        std::size_t line = 1;
        std::size_t column = 1;
};

} // namespace

struct CelExpression::Node {
        Op op = Op::constant;
        Value value = false; // of a constant; of the others only its type counts
        Place at;            // of the operator, the function's name, the literal
        std::size_t variable = 0;
        std::vector<Node> operands = {};
};

namespace {

using Node = CelExpression::Node;

[[noreturn]] void fail(const Place& at, const std::string& wrong)
{
        const auto line = at.line > 1 ? fmt::format("line {}, ", at.line) : std::string();
        throw Error(failure::config_invalid, fmt::format("{}column {}: {}", line, at.column, wrong));
}

[[noreturn]] void fail(const Node& node, const std::string& wrong)
{
        fail(node.at, wrong);
}

std::string_view type_name(const Value& value)
{
        constexpr std::array names{"bool", "int", "double"};
        return names.at(value.index());
}

bool is_bool(const Value& value)
{
        return std::holds_alternative<bool>(value);
}

struct Token {
        enum class Kind { end, name, integer, real, sign };
        Kind kind = Kind::end;
        std::string_view text;
        Place at;
};

bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}
bool is_hex_digit(char c)
{
        return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool begins_name(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool in_name(char c)
{
        return begins_name(c) || is_digit(c);
}

class Lexer {
public:
        explicit Lexer(std::string_view text) : rest_(text) {}

        Token next()
        {
                skip_blanks();
                const Place at = at_;
                if (rest_.empty())
                        return {Token::Kind::end, "the end", at};
                if (begins_name(rest_.front()))
                        return {Token::Kind::name, take(length_of(in_name)), at};
                if (is_digit(rest_.front()) ||
                        (rest_.front() == '.' && rest_.size() > 1 && is_digit(rest_[1])))
                        return number(at);
                for (const std::string_view sign : {"&&", "||", "<=", ">=", "==", "!=", "<", ">", "!", "+",
                             "-", "*", "/", "%", "?", ":", "(", ")", ",", "."})
                        if (rest_.starts_with(sign))
                                return {Token::Kind::sign, take(sign.size()), at};
                if (rest_.front() == '"' || rest_.front() == '\'')
                        fail(at, "strings are not supported");
                if (rest_.front() == '[' || rest_.front() == '{')
                        fail(at, "lists and maps are not supported");
                fail(at, fmt::format("not part of an expression: {}", shown_character()));
        }

private:
        template <typename Predicate>
        std::size_t length_of(const Predicate& belongs, std::size_t from = 0) const
        {
                while (from < rest_.size() && belongs(rest_[from]))
                        ++from;
                return from;
        }

        std::string_view take(std::size_t length)
        {
                const auto taken = rest_.substr(0, length);
                for (const char c : taken)
                        at_ = c == '\n' ? Place{at_.line + 1, 1} : Place{at_.line, at_.column + 1};
                rest_.remove_prefix(length);
                return taken;
        }

        void skip_blanks()
        {
                for (;;) {
                        take(length_of([](char c) {
                                return std::string_view(" \t\r\n\f").find(c) != std::string_view::npos;
                        }));
                        if (!rest_.starts_with("//"))
                                return;
                        take(length_of([](char c) { return c != '\n'; }));
                }
        }

        Token number(const Place& at)
        {
                if (rest_.starts_with("0x"))
                        return whole_token({Token::Kind::integer, take(length_of(is_hex_digit, 2)), at});
                auto length = length_of(is_digit);
                const auto digits = length;
                if (length + 1 < rest_.size() && rest_[length] == '.' && is_digit(rest_[length + 1]))
                        length = length_of(is_digit, length + 1);
                if (length < rest_.size() && (rest_[length] == 'e' || rest_[length] == 'E')) {
                        const bool has_sign = length + 1 < rest_.size() &&
                                              (rest_[length + 1] == '+' || rest_[length + 1] == '-');
                        const auto exponent = length + (has_sign ? 2 : 1);
                        length = length_of(is_digit, exponent) > exponent ? length_of(is_digit, exponent)
                                                                          : length;
                }
                return whole_token(
                        {length == digits ? Token::Kind::integer : Token::Kind::real, take(length), at});
        }

        // "3u" and "3x" are one bad word, not a number and a name.
        Token whole_token(Token token) const
        {
                if (rest_.starts_with('u') || rest_.starts_with('U'))
                        fail(token.at, "unsigned numbers are not supported");
                if (!rest_.empty() && in_name(rest_.front()))
                        fail(token.at, fmt::format("not a number: '{}{}'", token.text,
                                               rest_.substr(0, length_of(in_name))));
                return token;
        }

        std::string shown_character() const
        {
                const auto byte = static_cast<unsigned char>(rest_.front());
                return byte > ' ' && byte < 0x7f ? fmt::format("'{}'", rest_.front())
                                                 : fmt::format("byte 0x{:02x}", byte);
        }

        std::string_view rest_;
        Place at_;
};

// Recursive descent by CEL's grammar. Every node is checked and gets its type when it is made, so that what
// parse() returns is well typed.
class Parser {
public:
        Parser(std::string_view text, std::span<const std::string_view> variables)
                : lexer_(text), token_(lexer_.next()), variables_(variables)
        {
        }

        Node parse()
        {
                auto root = expression();
                if (token_.kind != Token::Kind::end)
                        unexpected("an operator");
                return root;
        }

private:
        class Nesting {
        public:
                Nesting(unsigned& depth, const Token& token) : depth_(&depth)
                {
                        if (++depth > CelExpression::nesting_limit)
                                fail(token.at, fmt::format("nested more than {} levels deep",
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
                fail(token_.at, fmt::format("'{}' where {} belongs", token_.text, wanted));
        }

        bool at_sign(std::string_view sign) const
        {
                return token_.kind == Token::Kind::sign && token_.text == sign;
        }

        Token advance() { return std::exchange(token_, lexer_.next()); }

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

        static Node make(Op op, const Token& token, Value type, std::vector<Node> operands)
        {
                return {.op = op, .value = type, .at = token.at, .operands = std::move(operands)};
        }

        Node expression()
        {
                const Nesting nesting(depth_, token_);
                auto condition = binary(0);
                if (!at_sign("?"))
                        return condition;
                const auto token = advance();
                if (!is_bool(condition.value))
                        fail(token.at,
                                fmt::format("'?' goes with bool, not with {}", type_name(condition.value)));
                auto yes = binary(0);
                expect(":");
                auto no = expression();
                if (yes.value.index() != no.value.index())
                        fail(token.at, fmt::format("the branches of '?' are {} and {}", type_name(yes.value),
                                               type_name(no.value)));
                const auto type = yes.value;
                std::vector<Node> operands;
                operands.push_back(std::move(condition));
                operands.push_back(std::move(yes));
                operands.push_back(std::move(no));
                return make(Op::choose, token, type, std::move(operands));
        }

        struct Binary {
                std::string_view sign;
                Op op;
                unsigned level; // binds the tighter, the higher
        };
        static constexpr std::array binaries{Binary{"||", Op::either, 0}, Binary{"&&", Op::both, 1},
                Binary{"<", Op::less, 2}, Binary{"<=", Op::less_or_equal, 2}, Binary{">", Op::greater, 2},
                Binary{">=", Op::greater_or_equal, 2}, Binary{"==", Op::equal, 2},
                Binary{"!=", Op::not_equal, 2}, Binary{"+", Op::add, 3}, Binary{"-", Op::subtract, 3},
                Binary{"*", Op::multiply, 4}, Binary{"/", Op::divide, 4}, Binary{"%", Op::remainder, 4}};
        static constexpr unsigned unary_level = 5;

        Node binary(unsigned level)
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
                        std::vector<Node> operands;
                        operands.push_back(std::move(left));
                        operands.push_back(std::move(right));
                        left = make(found->op, token, type, std::move(operands));
                }
        }

        static Value binary_type(
                const Binary& binary, const Token& token, const Value& left, const Value& right)
        {
                const bool same = left.index() == right.index();
                const bool compares = binary.level == 2;
                const bool fits = binary.level < 2 ? is_bool(left) && is_bool(right)
                                  : compares       ? same
                                  : binary.op == Op::remainder
                                          ? same && std::holds_alternative<std::int64_t>(left)
                                          : same && !is_bool(left);
                if (!fits)
                        fail(token.at, fmt::format("'{}' does not go with {} and {}", token.text,
                                               type_name(left), type_name(right)));
                return binary.level <= 2 ? Value(false) : left;
        }

        Node unary()
        {
                if (!at_sign("!") && !at_sign("-"))
                        return primary();
                const Nesting nesting(depth_, token_);
                const auto token = advance();
                const bool inverts = token.text == "!";
                if (!inverts && (token_.kind == Token::Kind::integer || token_.kind == Token::Kind::real))
                        return literal(true); // so that the least int can be written
                std::vector<Node> operand;
                operand.push_back(unary());
                const auto type = operand.front().value;
                if (is_bool(type) != inverts)
                        fail(token.at, fmt::format("'{}' does not go with {}", token.text, type_name(type)));
                return make(inverts ? Op::invert : Op::negate, token, type, std::move(operand));
        }

        Node primary()
        {
                if (token_.kind == Token::Kind::integer || token_.kind == Token::Kind::real)
                        return literal(false);
                if (token_.kind == Token::Kind::name)
                        return name();
                if (!accept("("))
                        unexpected("a value");
                auto inner = expression();
                expect(")");
                return inner;
        }

        Node literal(bool negative)
        {
                const auto token = advance();
                const auto made = [&](Value value) { return make(Op::constant, token, value, {}); };
                if (token.kind == Token::Kind::real) {
                        const auto value = parse_real(token);
                        return made(negative ? -value : value);
                }
                const bool hex = token.text.starts_with("0x");
                const auto value =
                        parse_int<std::uint64_t>(hex ? token.text.substr(2) : token.text, hex ? 16 : 10);
                const auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) +
                                  (negative ? 1 : 0);
                if (!value || *value > most)
                        fail(token.at, fmt::format("'{}' is not a number of 64 bits", token.text));
                return made(static_cast<std::int64_t>(negative ? 0 - *value : *value));
        }

        static double parse_real(const Token& token)
        {
                double value = 0;
                const auto [end, error] =
                        std::from_chars(token.text.data(), token.text.data() + token.text.size(), value);
                if (error != std::errc())
                        fail(token.at, fmt::format("'{}' is not a number of 64 bits", token.text));
                return value;
        }

        Node name()
        {
                const auto token = advance();
                if (token.text == "true" || token.text == "false")
                        return make(Op::constant, token, token.text == "true", {});
                if (token.text == "math") {
                        expect(".");
                        if (token_.text == "greatest" || token_.text == "least") {
                                const auto function = advance();
                                return call(
                                        function.text == "greatest" ? Op::greatest : Op::least, function);
                        }
                        unexpected("'greatest' or 'least'");
                }
                if (at_sign("(")) {
                        if (token.text == "int" || token.text == "double")
                                return call(token.text == "int" ? Op::to_int : Op::to_double, token);
                        fail(token.at, fmt::format("'{}' is not a function; there are int, double, "
                                                   "math.greatest and math.least",
                                               token.text));
                }
                const auto found = std::ranges::find(variables_, token.text);
                if (found == variables_.end())
                        fail(token.at, fmt::format("'{}' is not a name; there are {}", token.text,
                                               fmt::join(variables_, ", ")));
                auto variable = make(Op::variable, token, std::int64_t{}, {});
                variable.variable = static_cast<std::size_t>(found - variables_.begin());
                return variable;
        }

        Node call(Op op, const Token& function)
        {
                expect("(");
                std::vector<Node> operands;
                do
                        operands.push_back(expression());
                while (accept(","));
                expect(")");
                const bool converts = op == Op::to_int || op == Op::to_double;
                if (converts && operands.size() > 1)
                        fail(function.at, fmt::format("'{}' takes one value", function.text));
                const auto type = operands.front().value;
                for (const auto& operand : operands)
                        if (is_bool(operand.value) || operand.value.index() != type.index())
                                fail(operand, fmt::format("'{}' does not go with {}", function.text,
                                                      is_bool(operand.value) ? "bool" : "int and double"));
                return make(op, function,
                        op == Op::to_int      ? Value(std::int64_t{})
                        : op == Op::to_double ? Value(0.0)
                                              : type,
                        std::move(operands));
        }

        Lexer lexer_;
        Token token_;
        std::span<const std::string_view> variables_;
        unsigned depth_ = 0;
};

[[noreturn]] void overflow(const Node& node)
{
        fail(node, "the result does not fit into 64 bits");
}

std::int64_t to_int(const Node& node, const Value& value)
{
        if (const auto* integer = std::get_if<std::int64_t>(&value))
                return *integer;
        constexpr double edge = 9223372036854775808.0; // 2^63
        const double real = std::get<double>(value);
        if (!(real > -edge && real < edge)) // nor is NaN
                fail(node, fmt::format("{} is no int of 64 bits", real));
        return static_cast<std::int64_t>(real);
}

std::int64_t calculate(const Node& node, std::int64_t left, std::int64_t right)
{
        std::int64_t result = 0;
        switch (node.op) {
        case Op::add:
                if (__builtin_add_overflow(left, right, &result))
                        overflow(node);
                return result;
        case Op::negate: // 0 - right
        case Op::subtract:
                if (__builtin_sub_overflow(left, right, &result))
                        overflow(node);
                return result;
        case Op::multiply:
                if (__builtin_mul_overflow(left, right, &result))
                        overflow(node);
                return result;
        default:
                if (right == 0)
                        fail(node, "division by zero");
                if (left == least_int && right == -1)
                        overflow(node);
                return node.op == Op::divide ? left / right : left % right;
        }
}

double calculate(const Node& node, double left, double right)
{
        switch (node.op) {
        case Op::add:
                return left + right;
        case Op::subtract:
                return left - right;
        case Op::multiply:
                return left * right;
        default:
                return left / right; // by IEEE 754, as in CEL
        }
}

Value calculate(const Node& node, const Value& left, const Value& right)
{
        switch (node.op) { // both are of one type: of others a variant's order goes by the type
        case Op::less:
                return left < right;
        case Op::less_or_equal:
                return left <= right;
        case Op::greater:
                return left > right;
        case Op::greater_or_equal:
                return left >= right;
        case Op::equal:
                return left == right;
        case Op::not_equal:
                return left != right;
        case Op::greatest:
                return left < right ? right : left;
        case Op::least:
                return right < left ? right : left;
        default:
                if (const auto* integer = std::get_if<std::int64_t>(&left))
                        return calculate(node, *integer, std::get<std::int64_t>(right));
                return calculate(node, std::get<double>(left), std::get<double>(right));
        }
}

Value negate(const Node& node, const Value& value)
{
        if (const auto* real = std::get_if<double>(&value))
                return -*real;
        return calculate(node, std::int64_t{0}, std::get<std::int64_t>(value));
}

class Evaluator {
public:
        explicit Evaluator(std::span<const std::int64_t> values) : values_(values) {}

        Value evaluate(const Node& node) const
        {
                const auto operand = [&](std::size_t i) { return evaluate(node.operands[i]); };
                switch (node.op) {
                case Op::constant:
                        return node.value;
                case Op::variable:
                        return values_[node.variable];
                case Op::negate:
                        return negate(node, operand(0));
                case Op::invert:
                        return !std::get<bool>(operand(0));
                case Op::either:
                        return decide(node, true);
                case Op::both:
                        return decide(node, false);
                case Op::choose:
                        return std::get<bool>(operand(0)) ? operand(1) : operand(2);
                case Op::to_int:
                        return to_int(node, operand(0));
                case Op::to_double: {
                        const auto value = operand(0);
                        const auto* integer = std::get_if<std::int64_t>(&value);
                        return integer != nullptr ? Value(static_cast<double>(*integer)) : value;
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
        // `decisive` on one side settles it, whatever the other side is, an error included.
        bool decide(const Node& node, bool decisive) const
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
                throw Error(failure::config_invalid, fmt::format("longer than {} bytes", length_limit));
        auto root = Parser(text, variables).parse();
        if (is_bool(root.value))
                fail(root, "the result is a bool, not a number");
        return CelExpression(std::move(root));
}

CelExpression::CelExpression(Node root) : root_(std::make_shared<const Node>(std::move(root))) {}

std::int64_t CelExpression::evaluate(std::span<const std::int64_t> values) const
{
        return to_int(*root_, Evaluator(values).evaluate(*root_));
}

} // namespace eks
