// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/conffile.hpp"
#include "base/confine.hpp"
#include "base/fs.hpp"
#include "base/process.hpp"
#include "support.hpp"

using namespace eks;
using test::TemporaryDirectory;

namespace {

bool has_landlock()
{
        constexpr unsigned version_flag = 1; // LANDLOCK_CREATE_RULESET_VERSION
        return ::syscall(SYS_landlock_create_ruleset, nullptr, 0, version_flag) >= 1;
}

// 0 if open() succeeds, else errno.
int try_open(const std::string& path, int flags)
{
        const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0644);
        if (fd < 0)
                return errno;
        ::close(fd);
        return 0;
}

// confine() in a child, then `look`; the result of both is the result of the child.
int confined(const TemporaryDirectory& node, const Access& access, const std::function<int()>& look)
{
        return test::in_child([&] {
                if (!confine(node.root(), access).empty())
                        return 98;
                return look();
        });
}

} // namespace

#define NEEDS_LANDLOCK()                                                                                    \
        if (!has_landlock()) {                                                                              \
                WARN("no Landlock on this kernel: not tested");                                             \
                return;                                                                                     \
        }

TEST_CASE("A confined step reads what it named and nothing else", "[confine]")
{
        NEEDS_LANDLOCK()
        const TemporaryDirectory node;
        node.write("/run/eks/node.json", "facts");
        node.write("/run/eks/below/file", "facts");
        node.write("/etc/single", "one file");
        node.write("/etc/secret", "not yours");
        node.link("/run/eks/way-out", node("/etc/secret"));
        const Access access{.reads = {"/run/eks", "/etc/single", "/not/there"}};
        CHECK(confined(node, access, [&] { return try_open(node("/run/eks/node.json"), O_RDONLY); }) == 0);
        CHECK(confined(node, access, [&] { return try_open(node("/run/eks/below/file"), O_RDONLY); }) == 0);
        CHECK(confined(node, access, [&] { return try_open(node("/etc/single"), O_RDONLY); }) == 0);
        CHECK(confined(node, access, [&] { return try_open(node("/run/eks"), O_RDONLY | O_DIRECTORY); }) ==
                0);
        CHECK(confined(node, access, [&] { return try_open(node("/etc/secret"), O_RDONLY); }) == EACCES);
        CHECK(confined(node, access, [&] { return try_open(node("/run/eks/way-out"), O_RDONLY); }) ==
                EACCES);
        CHECK(confined(node, access, [&] { return try_open(node("/etc"), O_RDONLY | O_DIRECTORY); }) ==
                EACCES);
        CHECK(confined(node, access, [&] { return try_open("/etc/passwd", O_RDONLY); }) == EACCES);

        // Absence still looks like absence below what is allowed.
        CHECK(confined(node, access, [&] { return try_open(node("/run/eks/absent"), O_RDONLY); }) == ENOENT);
}

TEST_CASE("A confined step writes below the directories it named and nowhere else", "[confine]")
{
        NEEDS_LANDLOCK()
        const TemporaryDirectory node;
        node.write("/run/eks/node.json", "facts");
        node.write("/etc/other", "not yours");
        const Access access{.reads = {"/run/eks"}, .writes = {"/etc/thing", "/var/lib/eks"}};
        const auto look = [&](const std::function<int()>& f) { return confined(node, access, f); };

        CHECK(look([&] { return try_open(node("/etc/thing/new"), O_WRONLY | O_CREAT | O_EXCL); }) == 0);
        CHECK(look([&] { return try_open(node("/etc/thing/new"), O_WRONLY | O_TRUNC); }) == 0);
        CHECK(look([&] { return try_open(node("/etc/thing/new"), O_RDONLY); }) == 0);
        CHECK(look([&] { return ::unlink(node("/etc/thing/new").c_str()) == 0 ? 0 : errno; }) == 0);

        CHECK(look([&] { return try_open(node("/run/eks/node.json"), O_WRONLY); }) == EACCES);
        CHECK(look([&] { return try_open(node("/run/eks/new"), O_WRONLY | O_CREAT); }) == EACCES);
        CHECK(look([&] { return try_open(node("/etc/other"), O_WRONLY | O_TRUNC); }) == EACCES);
        CHECK(look([&] { return ::unlink(node("/etc/other").c_str()) == 0 ? 0 : errno; }) == EACCES);
        CHECK(look([&] { return ::mkdir(node("/etc/new").c_str(), 0755) == 0 ? 0 : errno; }) == EACCES);
        CHECK(look([&] { return try_open("/tmp/eksnode-unit-must-not-be", O_WRONLY | O_CREAT); }) == EACCES);
        CHECK(node.read("/etc/other") == "not yours");
}

TEST_CASE("A confined step puts its files in place, replaces them and takes them away", "[confine]")
{
        NEEDS_LANDLOCK()
        const TemporaryDirectory node;
        const Access access{.writes = {"/etc/thing", "/var/lib/eks", "/run/eks"}};
        const auto status = confined(node, access, [&] {
                const auto root = node.root();
                File file{.path = "/etc/thing/below/config", .content = "one"};
                int wrong = put_in_place(root, file) == Outcome::written ? 0 : 1;
                file.content = "two";
                wrong += put_in_place(root, file) == Outcome::written ? 0 : 2;
                file.kind = File::Kind::absent;
                wrong += put_in_place(root, file) == Outcome::removed ? 0 : 4;
                const File link{.path = "/etc/thing/link", .content = "config", .kind = File::Kind::link};
                wrong += put_in_place(root, link) == Outcome::written ? 0 : 8;
                const File gate{.path = "/run/eks/enabled/x", .content = {}};
                wrong += put_in_place(root, gate) == Outcome::written ? 0 : 16;
                return wrong;
        });

        CHECK(status == 0);
        CHECK(node.has("/run/eks/enabled/x"));
        CHECK(node.has("/etc/thing/link"));
}

TEST_CASE("A confined step makes device nodes only if it said so", "[confine]")
{
        NEEDS_LANDLOCK()
        if (::geteuid() != 0) {
                WARN("not root: not tested");
                return;
        }

        const TemporaryDirectory node;
        node.write("/dev/file", "");
        const auto make = [&] {
                return ::mknod(node("/dev/null").c_str(), S_IFCHR | 0600, 0x103) == 0 ? 0 : errno;
        };

        const auto create = [&] { return try_open(node("/dev/new"), O_WRONLY | O_CREAT); };
        CHECK(confined(node, {}, make) == EACCES);
        CHECK(confined(node, {.reads = {}, .writes = {}, .makes_devices = true}, make) == 0);
        CHECK(confined(node, {.reads = {}, .writes = {}, .makes_devices = true}, create) == EACCES);
}

TEST_CASE("Directories to write are made before they are allowed", "[confine]")
{
        const TemporaryDirectory node;
        CHECK(test::in_child([&] {
                confine(node.root(), {.writes = {"/etc/new/below"}});
                return 0;
        }) == 0);

        CHECK(node.has("/etc/new/below"));

        node.write("/etc/file", "");
        CHECK(test::in_child([&] {
                const auto refused =
                        test::refusal([&] { confine(node.root(), {.writes = {"/etc/file/below"}}); });
                return refused.failure == "file-io" ? 0 : 1;
        }) == 0);
}

TEST_CASE("Programs run only where a step said so", "[confine]")
{
        NEEDS_LANDLOCK()
        const TemporaryDirectory node;
        const auto run_echo = [] {
                try {
                        return run_program({"/usr/bin/echo", "hello"}, std::chrono::seconds(60)).output ==
                                               "hello\n"
                                       ? 0
                                       : 1;
                } catch (const Error&) {
                        return 2;
                }
        };

        CHECK(confined(node, {.runs_programs = true}, run_echo) == 0);
        CHECK(confined(node, {}, run_echo) == 2);
        CHECK(confined(node, {.runs_programs = true},
                      [&] { return try_open("/usr/new", O_WRONLY | O_CREAT); }) == EACCES);
}

TEST_CASE("A confined process can gain no privileges", "[confine]")
{
        const TemporaryDirectory node;
        CHECK(test::in_child([&] {
                confine(node.root(), {});
                return ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
        }) == 1);
}

TEST_CASE("A process that cannot drop its capabilities is not confined, and fails", "[confine]")
{
        if (::geteuid() != 0) {
                WARN("not root: not tested");
                return;
        }
        CHECK(test::in_child([] {
                // capset() does nothing, and says that it worked.
                const std::array<sock_filter, 4> code{
                        sock_filter{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
                        sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_capset},
                        sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO},
                        sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}};
                auto filter = code;
                const sock_fprog program{.len = filter.size(), .filter = filter.data()};
                ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
                ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
                return test::refusal([] { confine(Root(), {}); }).failure == "confinement-failed" ? 0 : 1;
        }) == 0);
}

TEST_CASE("Where the kernel can, Landlock keeps signals inside", "[confine]")
{
        if (landlock_abi() < 6) {
                WARN("no scopes of Landlock on this kernel: not tested");
                return;
        }

        const TemporaryDirectory node;
        const auto signal_parent = [] { return ::kill(::getppid(), SIGURG) == 0 ? 0 : errno; };
        CHECK(test::in_child(signal_parent) == 0);
        CHECK(confined(node, {.runs_programs = true}, signal_parent) == EPERM);
        CHECK(confined(node, {.runs_programs = true}, [] {
                const auto child = ::fork();
                if (child == 0)
                        ::pause();
                return ::kill(child, SIGKILL) == 0 ? 0 : errno;
        }) == 0);
}

TEST_CASE("On a node, without a root prefix, a confined process has no capabilities", "[confine]")
{
        // Reads of /proc/self stay allowed, which is what shows it.
        const auto result = test::captured_child([] {
                confine(Root(), {});
                const auto status = read_file("/proc/self/status");
                std::fputs(status.c_str(), stdout);
                return 0;
        });

        REQUIRE(result.status == 0);

        for (const auto* set : {"CapInh", "CapPrm", "CapEff"}) {
                CAPTURE(set);
                CHECK(result.out.find(std::string(set) + ":\t0000000000000000\n") != std::string::npos);
        }

        if (::geteuid() == 0)
                CHECK(result.out.find("CapBnd:\t0000000000000000\n") != std::string::npos);
}
