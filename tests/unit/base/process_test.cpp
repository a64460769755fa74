// SPDX-License-Identifier: Apache-2.0
#include <csignal>

#include <catch2/catch.hpp>

#include "base/process.hpp"
#include "support.hpp"

using namespace eks;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;

namespace {

constexpr auto plenty = 60s;

ProcessResult shell(const std::string& script, std::chrono::milliseconds deadline = plenty)
{
        return run_program({"/bin/sh", "-c", script}, deadline);
}

} // namespace

TEST_CASE("A program's output is stdout and stderr as written", "[process]")
{
        const auto result = shell("echo one; echo two >&2; printf three");
        CHECK(result.status == 0);
        CHECK(result.output == "one\ntwo\nthree");
        CHECK_FALSE(result.timed_out);
}

TEST_CASE("Arguments arrive as they are, no shell between", "[process]")
{
        CHECK(run_program({"/bin/echo", "a b", "$HOME", "", "'x'"}, plenty).output == "a b $HOME  'x'\n");
}

TEST_CASE("A program's end is its exit status, or 128 and the signal", "[process]")
{
        struct Row {
                const char* script;
                int status;
        };
        const auto row = GENERATE(values<Row>({{"exit 0", 0}, {"exit 1", 1}, {"exit 77", 77},
                {"kill -TERM $$", 128 + SIGTERM}, {"kill -SEGV $$", 128 + SIGSEGV}}));
        CAPTURE(row.script);
        const auto result = shell(row.script);
        CHECK(result.status == row.status);
        CHECK_FALSE(result.timed_out);
}

TEST_CASE(
        "A program that does not end is killed at the deadline, and its output so far is kept", "[process]")
{
        const auto result = shell("echo started; exec sleep 600", 300ms);
        CHECK(result.timed_out);
        CHECK(result.status == 128 + SIGKILL);
        CHECK(result.output == "started\n");
}

TEST_CASE("The deadline holds for a program that has closed its output too", "[process]")
{
        const auto result = shell("exec >&- 2>&-; exec sleep 5", 300ms);
        CHECK(result.timed_out);
        CHECK(result.status == 128 + SIGKILL);
}

TEST_CASE("Output without end is capped", "[process]")
{
        const auto result = shell("head -c 1000000 /dev/zero; exit 3");
        CHECK(result.status == 3);
        CHECK(result.output.size() >= 64U << 10U);
        CHECK(result.output.size() < 128U << 10U);
}

// qemu for user programs runs vfork() as fork(), and posix_spawn() then does not learn of it.
TEST_CASE("A program that cannot be started is an error that names it", "[process][vfork]")
{
        const test::TemporaryDirectory directory;
        directory.write("/no-program", "x", 0644);
        const auto absent = test::refusal([] { run_program({"/nonexistent/program"}, plenty); });
        CHECK(absent.failure == "file-io");
        CHECK(absent.what == "cannot run '/nonexistent/program': No such file or directory");
        CHECK(test::refusal([&] { run_program({directory("/no-program")}, plenty); }).failure == "file-io");
}
