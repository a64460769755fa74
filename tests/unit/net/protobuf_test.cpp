// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <random>

#include <catch2/catch.hpp>

#include "net/protobuf.hpp"

using namespace eks;
using namespace std::string_literals;
using Fields = std::vector<std::pair<unsigned, std::string>>;

namespace {

// What is in a message; nothing if it is none.
std::optional<Fields> fields_of(std::string_view message)
{
        Fields all;
        const bool well_formed = protobuf::for_each(
                message, [&](unsigned field, std::string_view value) { all.emplace_back(field, value); });
        return well_formed ? std::optional(all) : std::nullopt;
}

} // namespace

TEST_CASE("Fields are written as the wire format says", "[protobuf]")
{
        std::string message;
        protobuf::append(message, 1, "testing");
        CHECK(message == "\x0a\x07testing");

        protobuf::append(message, 2, "");
        CHECK(message == "\x0a\x07testing\x12\x00"s);

        std::string high;
        protobuf::append(high, 16, "x");
        CHECK(high == "\x82\x01\x01x");

        std::string large;
        protobuf::append(large, 1, std::string(300, 'a'));
        CHECK(large == "\x0a\xac\x02" + std::string(300, 'a'));
}

TEST_CASE("What is written is read back in order, doubles and all", "[protobuf]")
{
        for (const std::size_t size : {0U, 1U, 127U, 128U, 16383U, 16384U, 100'000U}) {
                std::string message;
                const std::string value(size, '\xff');
                protobuf::append(message, 1, value);
                protobuf::append(message, 2047, "second");
                protobuf::append(message, 1, "a\0b"s);
                CHECK(fields_of(message) == Fields{{1, value}, {2047, "second"}, {1, "a\0b"s}});
        }
}

TEST_CASE("An empty message is a message", "[protobuf]")
{
        CHECK(fields_of("") == Fields{});
}

TEST_CASE("Numbers are passed over", "[protobuf]")
{
        CHECK(fields_of("\x08\x96\x01\x12\x01x"s) == Fields{{2, "x"}});           // varint 150
        CHECK(fields_of("\x09" + "12345678"s + "\x12\x01x") == Fields{{2, "x"}}); // 64 bits
        CHECK(fields_of("\x0d" + "1234"s + "\x12\x01x") == Fields{{2, "x"}});     // 32 bits
        CHECK(fields_of("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x12\x01x"s) ==
                Fields{{2, "x"}}); // the largest varint
}

TEST_CASE("Bytes that are no message are refused", "[protobuf]")
{
        for (const auto& bytes : {
                     "\x0a"s,                              // no length
                     "\x0a\x05" + "abc"s,                  // shorter than it says
                     "\x80"s,                              // half a key
                     "\x0a\x80"s,                          // half a length
                     "\x08"s, "\x08\x80"s,                 // no number, half a number
                     "\x09" + "1234567"s, "\x0d" + "123"s, // too few bits
                     "\x0b"s, "\x0c"s, "\x0e"s, "\x0f"s,   // groups, and types that do not exist
                     "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s,   // longer than 64 bits
                     "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" + "x"s, // a length of 2^64 - 1
                     "\x0a\x01x\x0a"s,                                      // garbage behind a field
             }) {
                CAPTURE(bytes);
                CHECK_FALSE(fields_of(bytes));
        }
}

TEST_CASE("Any bytes are read within their bounds", "[protobuf]")
{
        std::minstd_rand random(20'240'504);
        for (int round = 0; round < 20'000; ++round) {
                std::string bytes(random() % 24, '\0');
                for (auto& c : bytes)
                        c = static_cast<char>(random() % 3 == 0 ? random() % 24 : random() % 256);
                protobuf::for_each(bytes, [&](unsigned, std::string_view value) {
                        if (value.data() < bytes.data() ||
                                value.data() + value.size() > bytes.data() + bytes.size())
                                FAIL("out of bounds");
                });
        }
}
