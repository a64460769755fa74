// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "support.hpp"

using namespace eks;
using test::refusal;

TEST_CASE("An error has a cause, a remedy, and both as one text", "[error]")
{
        const Error plain(failure::file_io, "it broke");
        CHECK(plain.full_text() == "it broke");
        CHECK(plain.remedy().empty());
        CHECK(plain.exit_status() == 1);

        const Error advised(failure::ca_invalid, "it broke", "Mend it");
        CHECK(advised.full_text() == "it broke. Mend it");
        CHECK(Error(failure::usage, "did you mean it?", "See --help").full_text() ==
                "did you mean it? See --help");
        CHECK(std::string(advised.what()) == "it broke");
        CHECK(advised.failure().id == failure::ca_invalid.id);
}

TEST_CASE("Exit statuses are those of sysexits", "[error]")
{
        struct Row {
                const Failure* failure;
                int status;
        };
        const auto row = GENERATE(values<Row>({{&failure::usage, 2}, {&failure::internal, 1},
                {&failure::imds_unreachable, 69}, {&failure::containerd_unreachable, 69},
                {&failure::config_missing, 78}, {&failure::config_syntax, 78},
                {&failure::config_invalid, 78}, {&failure::ca_invalid, 78}}));
        CAPTURE(row.failure->name);
        CHECK(Error(*row.failure, "x").exit_status() == row.status);
}

TEST_CASE("io_error says what was tried, on which path, and why it failed", "[error]")
{
        const auto error = io_error("open", "/etc/eks/x", EACCES);
        CHECK(std::string(error.what()) == "cannot open '/etc/eks/x': Permission denied");
        CHECK(error.failure().name == "file-io");
}

TEST_CASE("io_error names what is in the way: an owner, or a full file system", "[error]")
{
        const test::TemporaryDirectory directory;
        directory.write("/theirs/file", "");
        CHECK(io_error("open", directory("/theirs/file"), EACCES).remedy().empty());
        CHECK(io_error("open", directory("/theirs/file"), ENOENT).remedy().empty());
        CHECK(io_error("open", "relative", EACCES).remedy().empty());

        if (::geteuid() == 0) {
                REQUIRE(::chown(directory("/theirs").c_str(), 4711, 0) == 0);
                REQUIRE(::chmod(directory("/theirs").c_str(), 0500) == 0);
                const auto remedy = io_error("open", directory("/theirs/file"), EACCES).remedy();
                CHECK(remedy.find(directory("/theirs") + "' belongs to user 4711 and has mode 0500") !=
                        std::string::npos);
                CHECK(remedy.find("`chown root '" + directory("/theirs") + "'`") != std::string::npos);
        }

        const auto full = io_error("write", "/proc/eks/not-there", ENOSPC).remedy();
        CHECK(full.find("The file system at '/proc'") != std::string::npos);
        CHECK(full.find("shows what fills it") != std::string::npos);
        CHECK(io_error("write", "/proc/x", EROFS).remedy().find("`mount -o remount,rw '/proc'`") !=
                std::string::npos);
}

TEST_CASE("io_error says what else is there instead of a file or directory", "[error]")
{
        const test::TemporaryDirectory directory;
        directory.write("/file", "");
        const auto of = [&](const char* name, int number) {
                return io_error("replace", directory(name), number).remedy();
        };

        CHECK(of("/some", EISDIR) ==
                "'" + directory("/some") + "' is a directory; a file is expected there");
        CHECK(of("/file/below/it", ENOTDIR) ==
                "'" + directory("/file") + "' is a file; a directory is expected there");
        CHECK(of("/some/below", ENOTDIR).empty());
        CHECK(of("/file", EBUSY).empty()); // nothing is mounted there

        for (const auto number : {EBUSY, EXDEV})
                CHECK(io_error("replace", "/proc", number)
                                .remedy()
                                .starts_with("Something is mounted on '/proc'"));
}

TEST_CASE("io_error names an attribute of chattr", "[error]")
{
        const test::TemporaryDirectory directory;
        directory.write("/here/file", "");
        const auto remedy = [&](const char* name) {
                return io_error("create", directory(name), EPERM).remedy();
        };

        CHECK(remedy("/here/file").empty());

        const auto set = [&](const char* name, unsigned flags) {
                const UniqueFd fd(::open(directory(name).c_str(), O_RDONLY | O_CLOEXEC));
                return ::ioctl(fd.get(), FS_IOC_SETFLAGS, &flags) == 0;
        };

        if (!set("/here/file", FS_IMMUTABLE_FL)) {
                WARN("this file system has no attributes, or we may not set them");
                return;
        }

        CHECK(remedy("/here/file").ends_with("Run `chattr -i '" + directory("/here/file") + "'`"));
        CHECK(remedy("/here/other").empty());
        CHECK(set("/here/file", 0));
        CHECK(set("/here", FS_APPEND_FL));
        CHECK(remedy("/here/other")
                        .starts_with("'" + directory("/here") + "' has the attribute append-only"));
        CHECK(set("/here", 0));
}

TEST_CASE("in_context puts the place in front and keeps kind and remedy", "[error]")
{
        const auto ours = refusal([] {
                in_context("while testing", failure::internal,
                        []() -> int { throw Error(failure::ca_invalid, "bad", "Mend it"); });
        });

        CHECK(ours.failure == "ca-invalid");
        CHECK(ours.what == "while testing: bad");
        CHECK(ours.remedy == "Mend it");

        const auto foreign = refusal([] {
                in_context("while testing", failure::facts_missing,
                        []() -> int { throw std::out_of_range("far"); });
        });

        CHECK(foreign.failure == "facts-missing");
        CHECK(foreign.what == "while testing: far");
        CHECK(in_context("while testing", failure::internal, [] { return 7; }) == 7);
}
