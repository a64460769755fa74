// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <chrono>
#include <cstdlib>
#include <regex>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <thread>

#include <catch2/catch.hpp>

#include "base/fd.hpp"
#include "base/fs.hpp"
#include "support.hpp"
#include "systemd/step.hpp"
#include "version.hpp"

using namespace eks;
using test::ChildResult;
using test::TemporaryDirectory;
using Body = std::function<void(Context&)>;

namespace {

// run_step() confines the process it runs in, so it always runs in a child.
ChildResult run(std::vector<std::string> arguments, const Body& body, const Access& access = {})
{
        return test::captured_child([&] {
                ::unsetenv("JOURNAL_STREAM");
                ::unsetenv("NOTIFY_SOCKET");

                std::vector<char*> argv{const_cast<char*>("eks-test")}; // NOLINT: main's signature
                for (auto& argument : arguments)
                        argv.push_back(argument.data());
                return run_step({.name = "eks-test", .purpose = "try things", .access = access},
                        static_cast<int>(argv.size()), argv.data(), body);
        });
}

ChildResult run_in(const TemporaryDirectory& node, const Body& body)
{
        return run({"--root", node.path()}, body, {.writes = {"/etc/thing", "/var/lib/eks", "/run/eks"}});
}

void nothing(Context&) {}

} // namespace

TEST_CASE("A step that writes says what it wrote, the next time that nothing changed", "[step]")
{
        const TemporaryDirectory node;
        const auto body = [](Context& context) {
                context.apply({.files = {{.path = "/etc/thing/a", .content = "1"},
                                       {.path = "/etc/thing/b", .content = "2"}}});
        };

        const auto first = run_in(node, body);
        CHECK(first.status == 0);
        CHECK(first.err == "<5>eks-test: wrote /etc/thing/a /etc/thing/b\n");
        CHECK(first.out.empty());
        CHECK(node.read("/etc/thing/a") == "1");

        const auto second = run_in(node, body);
        CHECK(second.status == 0);
        CHECK(second.err == "<6>eks-test: 2 files unchanged\n");
}

TEST_CASE("A step with nothing to do says so", "[step]")
{
        const TemporaryDirectory node;
        CHECK(run_in(node, nothing).err == "<6>eks-test: nothing to do\n");
        CHECK(run_in(node, [](Context& context) {
                context.apply(
                        {.files = {{.path = "/etc/thing/a", .content = {}, .kind = File::Kind::absent}}});
        }).err == "<6>eks-test: nothing to do\n");

        CHECK(run_in(node, [](Context& context) { context.did("image is pinned", true); }).err ==
                "<5>eks-test: image is pinned\n");
        CHECK(run_in(node, [](Context& context) { context.did("image is there", false); }).err ==
                "<6>eks-test: image is there\n");
}

TEST_CASE("A step's notes are logged, and a user's edit is not reported as a conflict", "[step]")
{
        const TemporaryDirectory node;
        const auto body = [](const std::string& content) {
                return [content](Context& context) {
                        context.apply({.files = {{.path = "/etc/thing/a", .content = content}},
                                .notes = {
                                        {Level::warning, "odd key, ignoring"}, {Level::debug, "a detail"}}});
                };
        };

        CHECK(run_in(node, body("one")).err ==
                "<4>eks-test: odd key, ignoring\n<5>eks-test: wrote /etc/thing/a\n");

        node.write("/etc/thing/a", "theirs");
        const auto stands = run_in(node, body("one"));
        CHECK(stands.status == 0);
        CHECK(stands.err ==
                "<4>eks-test: odd key, ignoring\n"
                "<5>eks-test: '/etc/thing/a' was edited by hand and stays as it is; our version is "
                "'/var/lib/eks/rendered/etc/thing/a'\n"
                "<6>eks-test: 1 file unchanged\n");

        const auto beside = run_in(node, body("two"));
        CHECK(beside.status == 0);
        CHECK(beside.err.find("<4>eks-test: '/etc/thing/a' was changed by something else") !=
                std::string::npos);
        CHECK(beside.err.find("'/etc/thing/a.user-edited' (numbered if there was one), proceeding") !=
                std::string::npos);
        CHECK(node.read("/etc/thing/a.user-edited") == "theirs");
}

TEST_CASE("A failure becomes one line with cause and remedy, and its exit status", "[step]")
{
        const TemporaryDirectory node;
        struct Row {
                std::function<void()> thrower;
                int status;
                std::string text;
        };

        const std::vector<Row> rows{
                {[] { throw Error(failure::config_invalid, "it is wrong", "Mend it"); }, 78,
                        "it is wrong. Mend it"},
                {[] { throw Error(failure::imds_unreachable, "no answer"); }, 69, "no answer"},
                {[] { throw Error(failure::file_io, "cannot"); }, 1, "cannot"},
                {[] { throw std::bad_alloc(); }, 1, "out of memory"},
        };

        for (const auto& row : rows) {
                const auto result = run_in(node, [&](Context&) { row.thrower(); });
                CHECK(result.status == row.status);
                // The unit's name once as the log's identifier, and once in the text that reaches the
                // console.
                CHECK(result.err == "<3>eks-test: eks-test failed: " + row.text + "\n");
        }

        const auto foreign = run_in(node, [](Context&) { throw std::logic_error("oops"); });
        CHECK(foreign.status == 1);
        CHECK(foreign.err.find("eks-test failed: oops. This is a fault in eksnode") != std::string::npos);
}

TEST_CASE("Arguments: --help and --version answer, anything unknown is a usage error", "[step]")
{
        const auto help = run({"--help"}, nothing);
        CHECK(help.status == 0);
        CHECK(help.out.find("eks-test: try things\n") == 0);
        CHECK(help.out.find("--root DIR") != std::string::npos);
        CHECK(help.err.empty());

        const auto shown_version = run({"--version"}, nothing);
        CHECK(shown_version.status == 0);
        CHECK(shown_version.out == std::string("eksnode ") + std::string(version) + "\n");

        for (const auto* argument : {"--rot=/x", "--root", "extra", "", "-h"}) {
                CAPTURE(argument);
                const auto result =
                        run({argument}, [](Context&) { throw std::logic_error("must not run"); });
                CHECK(result.status == 2);
                CHECK(result.err.find(std::string("unknown argument '") + argument + "'. See --help") !=
                        std::string::npos);
        }
}

TEST_CASE("The root comes from the argument, else from the environment", "[step]")
{
        const TemporaryDirectory node;
        const TemporaryDirectory other;
        const auto body = [&](const std::string& wanted) {
                return [wanted](Context& context) {
                        if (context.root().prefix() != wanted)
                                throw Error(failure::internal, "root is " + context.root().prefix());
                };
        };

        ::setenv("EKS_ROOT", other.path().c_str(), 1);
        CHECK(run({}, body(other.path())).status == 0);
        CHECK(run({"--root=" + node.path()}, body(node.path())).status == 0);
        CHECK(run({"--root", node.path()}, body(node.path())).status == 0);

        ::unsetenv("EKS_ROOT");
}

TEST_CASE("Debug messages are shown on request only", "[step]")
{
        const TemporaryDirectory node;
        const auto body = [](Context& context) {
                context.apply({.files = {{.path = "/run/eks/a", .content = "1"}}});
        };

        const Access access{.writes = {"/run/eks"}};
        CHECK(run({"--root", node.path()}, body, access).err.find("<7>") == std::string::npos);
        CHECK(run({"--debug", "--root", node.path()}, body, access)
                        .err.find("<7>eks-test: '/run/eks/a' is unchanged\n") != std::string::npos);

        ::setenv("EKS_LOG_LEVEL", "debug", 1);
        CHECK(run({"--root", node.path()}, body, access).err.find("<7>") != std::string::npos);

        ::unsetenv("EKS_LOG_LEVEL");
}

TEST_CASE("A wait says since when, until when, and what then; after some time once in the journal", "[step]")
{
        const auto waits = [](const std::function<void()>& rest) {
                return run({}, [&](Context& context) {
                        ::setenv("EKS_WAIT_NOTICE", "1", 1);
                        context.wait_until(std::chrono::seconds(60), "the step fails");
                        context.awaiting("Waiting for a test");
                        context.awaiting("Waiting for a test");
                        rest();
                });
        };

        const auto quick = waits([] {});
        CHECK(quick.status == 0);
        CHECK(quick.err == "<6>eks-test: nothing to do\n");

        const auto slow = waits([] { // within one call, as a step that waits for a disk
                struct stat written {};
                for (int i = 0; i < 3000 && written.st_size == 0; ++i) {
                        std::this_thread::sleep_for(std::chrono::milliseconds(10));
                        ::fstat(STDERR_FILENO, &written);
                }
        });

        CHECK(slow.status == 0);

        CAPTURE(slow.err);
        const std::regex once(
                "<5>eks-test: still waiting: Waiting for a test; since [0-9:]{8}, until [0-9:]{8} "
                "UTC, then the step fails\n<6>eks-test: nothing to do\n");
        CHECK(std::regex_match(slow.err, once));
}

TEST_CASE("Warnings are counted in the status", "[step]")
{
        const TemporaryDirectory node;
        const auto path = node("/notify");
        const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);

        const auto result = run({}, [&](Context& context) {
                ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
                context.log().warning("mind this");
                context.did("done", false);
        });

        CHECK(result.status == 0);

        std::array<char, 1000> reported{};
        const auto size = ::recv(socket.get(), reported.data(), reported.size(), 0);
        REQUIRE(size > 0);
        CHECK(std::string(reported.data(), static_cast<std::size_t>(size)) ==
                "STATUS=done; 1 warning, see `journalctl -b -p warning -t eks-test`");
}
