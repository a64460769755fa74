// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <limits>
#include <string>

#include <catch2/catch.hpp>

#include "cel/cel.hpp"
#include "support.hpp"

using namespace eks;

namespace {

constexpr std::array<std::string_view, 2> names{"a", "b"};

std::int64_t result(const std::string& text, std::int64_t a = 0, std::int64_t b = 0)
{
        return CelExpression::compile(text, names).evaluate(std::array{a, b});
}

std::string wrong(const std::string& text, std::int64_t a = 0, std::int64_t b = 0)
{
        const auto refused = test::refusal([&] { result(text, a, b); });
        CHECK(refused.failure == "config-invalid");
        return refused.what;
}

std::string repeated(const std::string& text, std::size_t times)
{
        std::string all;
        for (std::size_t i = 0; i < times; ++i)
                all += text;
        return all;
}

} // namespace

TEST_CASE("An expression has CEL's value", "[cel]")
{
        struct Row {
                const char* text;
                std::int64_t value;
        };
        for (const auto& row : {Row{"417", 417}, Row{" 1+2 * 3 ", 7}, Row{"(1+2)*3", 9}, Row{"10-3-2", 5},
                     Row{"100/7/2", 7}, Row{"-7/2", -3}, Row{"-7%3", -1}, Row{"7%-3", 1}, Row{"2*3%4", 2},
                     Row{"0x1F", 31}, Row{"-0x10", -16}, Row{"007", 7}, Row{"1 - -1", 2}, Row{"--5", 5},
                     Row{"-(-5)", 5}, Row{"9223372036854775807", std::numeric_limits<std::int64_t>::max()},
                     Row{"-9223372036854775808", std::numeric_limits<std::int64_t>::min()}, Row{"a", 20},
                     Row{"a/b", 6}, Row{"-a", -20}, Row{"a+b // and no more", 23}, Row{"a\n+\nb", 23},
                     Row{"a < b ? 1 : 2", 2}, Row{"a > b ? 1 : 2", 1}, Row{"a <= 20 ? 1 : 2", 1},
                     Row{"a >= 21 ? 1 : 2", 2}, Row{"a == 20 ? 1 : 2", 1}, Row{"a != 20 ? 1 : 2", 2},
                     Row{"true == false ? 1 : 2", 2}, Row{"false < true ? 1 : 2", 1},
                     Row{"true ? 1 : false ? 2 : 3", 1}, Row{"false ? 1 : false ? 2 : 3", 3},
                     Row{"(true ? false : true) ? 1 : 2", 2}, Row{"!true || true && false ? 1 : 2", 2},
                     Row{"true || true && false ? 1 : 2", 1}, Row{"!!true ? 1 : 2", 1},
                     Row{"!(a < b) ? 1 : 2", 1}, Row{"1 + 1 == 2 && 2 * 2 > 3 ? 1 : 2", 1},
                     Row{"math.greatest(1, a, b)", 20}, Row{"math.least(5, a, b)", 3},
                     Row{"math . least(7)", 7}, Row{"math.greatest(-1, -2)", -1}, Row{"int(5)", 5},
                     Row{"int(2.9)", 2}, Row{"int(-2.9)", -2}, Row{"2.9", 2}, Row{"1e3", 1000},
                     Row{"25.5e-1", 2}, Row{".5 + .5", 1}, Row{"int(double(a) * 0.8)", 16},
                     Row{"double(a) / 3.0", 6}, Row{"int(math.least(1.5, 2.5) * 2.0)", 3},
                     Row{"1.5 < 2.5 ? 1 : 2", 1}, Row{"-1.5 < 0.0 ? 1 : 2", 1},
                     Row{"double(2.5) - 0.5", 2}}) {
                CAPTURE(row.text);
                CHECK(result(row.text, 20, 3) == row.value);
        }
}

TEST_CASE("What a side or branch would do wrong does not matter once the other decides", "[cel]")
{
        CHECK(result("true || 1 / a > 0 ? 1 : 2") == 1);
        CHECK(result("1 / a > 0 || true ? 1 : 2") == 1);
        CHECK(result("false && 1 / a > 0 ? 1 : 2") == 2);
        CHECK(result("1 / a > 0 && false ? 1 : 2") == 2);
        CHECK(result("true ? 1 : 1 / a") == 1);
        CHECK(result("a == 0 ? 5 : 10 / a") == 5);

        for (const auto* text : {"false || 1 / a > 0 ? 1 : 2", "1 / a > 0 || false ? 1 : 2",
                     "true && 1 / a > 0 ? 1 : 2", "1 / a > 0 && true ? 1 : 2", "1 / a > 0 ? 1 : 2",
                     "false ? 1 : 1 / a", "!(1 / a > 0) ? 1 : 2"}) {
                CAPTURE(text);
                CHECK(wrong(text).ends_with("division by zero"));
        }

        CHECK(wrong("1 / a > 0 || 1 % a > 0 ? 1 : 2") == "column 3: division by zero"); // the first of two
}

TEST_CASE("Nothing wraps around", "[cel]")
{
        const auto most = std::numeric_limits<std::int64_t>::max();
        const auto least = std::numeric_limits<std::int64_t>::min();

        for (const auto* text : {"a + 1", "a * 2", "-b", "b - 1", "b / -1", "b % -1", "b * -1", "0 - b",
                     "-2 - a", "double(a) * 2.0", "int(1e19)", "int(-9.3e18)", "int(0.0 / 0.0)", "1.0 / 0.0",
                     "int(double(a))", "double(b)"}) {
                CAPTURE(text);
                const auto reported = wrong(text, most, least);
                CHECK((reported.ends_with("the result does not fit into 64 bits") ||
                        reported.ends_with("does not fit into a 64-bit integer")));
        }

        CHECK(result("a - 1 + 1", most) == most);
        CHECK(result("b + 1 - 1", 0, least) == least);
        CHECK(result("a / -1", most) == -most);
}

TEST_CASE("A wrong expression is refused before it is evaluated, with its place", "[cel]")
{
        struct Row {
                const char* text;
                const char* wrong;
        };
        for (const auto& row : {Row{"", "column 1: 'the end' where a value belongs"},
                     Row{"1 +", "column 4: 'the end' where a value belongs"},
                     Row{"1 2", "column 3: '2' where an operator belongs"},
                     Row{"(1", "column 3: 'the end' where ')' belongs"},
                     Row{"1)", "column 2: ')' where an operator belongs"},
                     Row{"a +\n  c", "line 2, column 3: 'c' is not a name; there are a, b"},
                     Row{"a + fake", "column 5: 'fake' is not a name; there are a, b"},
                     Row{"true ? 1 : fake", "column 12: 'fake'"},
                     Row{"1 + true", "column 3: '+' cannot be used with int and bool"},
                     Row{"1 + 1.0", "column 3: '+' cannot be used with int and double"},
                     Row{"1.0 % 2.0", "column 5: '%' cannot be used with double and double"},
                     Row{"true - false", "column 6: '-' cannot be used"},
                     Row{"1 < 2 < 3 ? 1 : 2", "column 7: '<' cannot be used with bool and int"},
                     Row{"1 == 1.0 ? 1 : 2", "column 3: '=='"},
                     Row{"1 && true ? 1 : 2", "column 3: '&&' cannot be used with int and bool"},
                     Row{"true || 0 ? 1 : 2", "column 6: '||'"},
                     Row{"!1 ? 1 : 2", "column 1: '!' cannot be used with int"},
                     Row{"-true ? 1 : 2", "column 1: '-' cannot be used with bool"},
                     Row{"1 ? 2 : 3", "column 3: '?' goes with bool, not with int"},
                     Row{"true ? 1 : false", "column 6: the branches of '?' are int and bool"},
                     Row{"true ? 1", "column 9: 'the end' where ':' belongs"},
                     Row{"true", "column 1: the result is a bool, not a number"},
                     Row{"1 < 2", "column 3: the result is a bool"},
                     Row{"9223372036854775808",
                             "column 1: '9223372036854775808' is not a number of 64 bits"},
                     Row{"-9223372036854775809", "column 2: '9223372036854775809' is not"},
                     Row{"0xFFFFFFFFFFFFFFFFF", "column 1: '0xFFFFFFFFFFFFFFFFF' is not"},
                     Row{"0x", "column 1: '0x' is not"}, Row{"1e999", "column 1: '1e999' is not"},
                     Row{"3u", "column 1: unsigned numbers are not supported"},
                     Row{"3x", "column 1: not a number: '3x'"}, Row{"1e", "column 1: not a number: '1e'"},
                     Row{"5.", "column 2: '.' where an operator belongs"},
                     Row{"'a'", "column 1: strings are not supported"},
                     Row{"size(\"a\")", "column 1: 'size' is not a function"},
                     Row{"[1][0]", "column 1: lists and maps are not supported"},
                     Row{"min(1, 2)", "column 1: 'min' is not a function; there are int, double, "
                                      "math.greatest and math.least"},
                     Row{"math.max(1)", "column 6: 'max' where 'greatest' or 'least' belongs"},
                     Row{"math", "column 5: 'the end' where '.' belongs"},
                     Row{"math.least()", "column 12: ')' where a value belongs"},
                     Row{"int(1, 2)", "column 1: 'int' takes one value"},
                     Row{"int(true)", "column 5: 'int' cannot be used with bool"},
                     Row{"math.least(1, 2.0)", "column 15: 'least' cannot be used with int and double"},
                     Row{"null", "column 1: 'null' is not a name"},
                     Row{"a = 1", "column 3: not part of an expression: '='"},
                     Row{"a & b", "column 3: not part of an expression: '&'"},
                     Row{"\x01", "column 1: not part of an expression: byte 0x01"},
                     Row{"a.b", "column 2: '.' where an operator belongs"},
                     Row{"a(1)", "column 1: 'a' is not a function"}}) {
                CAPTURE(row.text);
                CHECK(wrong(row.text).starts_with(row.wrong));
        }
}

TEST_CASE("Length and depth have an end", "[cel]")
{
        CHECK(result(repeated("(", 99) + "1" + repeated(")", 99)) == 1);
        CHECK(wrong(repeated("(", 100) + "1" + repeated(")", 100))
                        .ends_with("nested more than 100 levels deep"));
        CHECK(wrong(repeated("- ", 500) + "a").ends_with("nested more than 100 levels deep"));
        CHECK(wrong(repeated("true ? 1 : ", 150) + "1").ends_with("nested more than 100 levels deep"));
        CHECK(result("1" + repeated("+1", 1023)) == 1024);
        CHECK(wrong("1" + repeated("+1", 1024)) == "longer than 2048 bytes");
}
