// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/fs.hpp"
#include "support.hpp"

using namespace eks;
using namespace std::string_literals;
using test::refusal;
using test::TemporaryDirectory;
using Names = std::vector<std::string>;

TEST_CASE("Reading tells absence from failure", "[fs]")
{
        const TemporaryDirectory directory;
        directory.write("/file", "a\0b\n"s);
        directory.write("/empty", "");
        CHECK(read_file_if_exists(directory("/file")) == "a\0b\n"s);
        CHECK(read_file_if_exists(directory("/empty")) == "");
        CHECK(read_file(directory("/file")) == "a\0b\n"s);
        CHECK_FALSE(read_file_if_exists(directory("/absent")));
        CHECK_FALSE(read_file_if_exists(directory("/absent/below")));
        CHECK_FALSE(read_file_if_exists(directory("/file/below")));

        const auto absent = refusal([&] { read_file(directory("/absent")); });
        CHECK(absent.failure == "file-io");
        CHECK(absent.what == "cannot open '" + directory("/absent") + "': No such file or directory");

        const auto is_directory = refusal([&] { read_file_if_exists(directory.path()); });
        CHECK(is_directory.failure == "file-io");
        CHECK(is_directory.what == "cannot read '" + directory.path() + "': Is a directory");

        directory.link("/loop", "loop");
        CHECK(refusal([&] { read_file_if_exists(directory("/loop")); }).failure == "file-io");
}

TEST_CASE("A file may be as large as the limit and not a byte more", "[fs]")
{
        const TemporaryDirectory directory;
        const auto size = GENERATE(as<std::size_t>(), 1, 16384, 16385, 100'000);
        directory.write("/file", std::string(size, 'x'));
        CHECK(read_file(directory("/file"), size).size() == size);

        const auto refused = refusal([&] { read_file(directory("/file"), size - 1); });
        CHECK(refused.failure == "file-io");
        CHECK(refused.mentions(directory("/file")));
        CHECK(refused.mentions("limit"));
}

TEST_CASE("exists follows links", "[fs]")
{
        const TemporaryDirectory directory;
        directory.write("/file", "");
        directory.link("/link", "file");
        directory.link("/dangling", "absent");
        CHECK(exists(directory("/file")));
        CHECK(exists(directory("/link")));
        CHECK(exists(directory.path()));
        CHECK_FALSE(exists(directory("/dangling")));
        CHECK_FALSE(exists(directory("/file/below")));
}

TEST_CASE("A directory is listed in the order of bytes; one that is absent is empty", "[fs]")
{
        const TemporaryDirectory directory;
        for (const auto* name : {"/d/b", "/d/a", "/d/B", "/d/.hidden", "/d/10", "/d/9"})
                directory.write(name, "");
        CHECK(list_directory(directory("/d")) == Names{".hidden", "10", "9", "B", "a", "b"});
        CHECK(list_directory(directory("/absent")).empty());
        CHECK(list_directory(directory("/d/a")).empty());
}

TEST_CASE("Directories are made with all on the way, again and again", "[fs]")
{
        const TemporaryDirectory directory;
        const auto mask = ::umask(022);
        make_directories(directory("/a/b/c"));
        make_directories(directory("/a/b/c"));
        ::umask(mask);
        CHECK(directory.mode("/a") == 0755);
        CHECK(directory.mode("/a/b/c") == 0755);

        directory.write("/file", "");
        const auto refused = refusal([&] { make_directories(directory("/file/below/it")); });
        CHECK(refused.failure == "file-io");
        CHECK(refused.mentions("/file"));
}

TEST_CASE("A file is written with its content and mode, whatever the umask", "[fs]")
{
        const TemporaryDirectory directory;
        const auto durability = GENERATE(Durability::synced, Durability::unsynced);
        const auto mode = GENERATE(as<mode_t>(), 0600, 0644, 0755);
        const auto mask = ::umask(077);
        write_atomically(directory("/new/below/file"), "a\0b"s, mode, durability);
        ::umask(mask);
        CHECK(directory.read("/new/below/file") == "a\0b"s);
        CHECK(directory.mode("/new/below/file") == mode);
        CHECK(directory.names("/new/below") == Names{"file"});
}

TEST_CASE("Replacing a file makes a new one: readers of the old one are not disturbed", "[fs]")
{
        const TemporaryDirectory directory;
        directory.write("/file", "old", 0600);
        struct stat before {};
        ::stat(directory("/file").c_str(), &before);
        write_atomically(directory("/file"), "new", 0644, Durability::unsynced);
        struct stat after {};
        ::stat(directory("/file").c_str(), &after);
        CHECK(directory.read("/file") == "new");
        CHECK(directory.mode("/file") == 0644);
        CHECK(before.st_ino != after.st_ino);
        CHECK(directory.names("") == Names{"file"});
}

TEST_CASE("A link in the place of a file is replaced, its target is left alone", "[fs]")
{
        const TemporaryDirectory directory;
        directory.write("/target", "theirs");
        directory.link("/file", "target");
        write_atomically(directory("/file"), "ours", 0644, Durability::unsynced);
        CHECK(directory.read("/target") == "theirs");
        CHECK(directory.read("/file") == "ours");
        CHECK_FALSE(read_link_if_exists(directory("/file")));
}

TEST_CASE("A temporary name left by a killed process is not followed and not kept", "[fs]")
{
        const TemporaryDirectory directory;
        directory.write("/target", "theirs");
        directory.link("/.#file." + std::to_string(::getpid()), "target");
        write_atomically(directory("/file"), "ours", 0644, Durability::unsynced);
        CHECK(directory.read("/target") == "theirs");
        CHECK(directory.names("") == Names{"file", "target"});
}

TEST_CASE("A write that fails leaves the old file and no temporary one", "[fs]")
{
        const TemporaryDirectory directory;

        SECTION("because a directory is in its place")
        {
                directory.write("/file/inner", "kept");
                const auto refused = refusal(
                        [&] { write_atomically(directory("/file"), "x", 0644, Durability::unsynced); });
                CHECK(refused.failure == "file-io");
                CHECK(refused.mentions(directory("/file")));
                CHECK(directory.read("/file/inner") == "kept");
        }

        SECTION("because a file is where its directory should be")
        {
                directory.write("/file", "kept");
                const auto refused = refusal([&] {
                        write_atomically(directory("/file/inner"), "x", 0644, Durability::unsynced);
                });
                CHECK(refused.failure == "file-io");
                CHECK(directory.read("/file") == "kept");
        }

        SECTION("because no more can be written")
        {
                directory.write("/file", "kept");
                const auto status = test::in_child([&] {
                        ::signal(SIGXFSZ, SIG_IGN);
                        const rlimit limit{.rlim_cur = 4096, .rlim_max = 4096};
                        ::setrlimit(RLIMIT_FSIZE, &limit);
                        const auto refused = refusal([&] {
                                write_atomically(directory("/file"), std::string(10'000, 'x'), 0644,
                                        Durability::synced);
                        });

                        const bool as_it_should = refused.failure == "file-io" &&
                                                  refused.mentions(directory("/file")) &&
                                                  refused.mentions("File too large");
                        return as_it_should ? 0 : 1;
                });

                CHECK(status == 0);
                CHECK(directory.read("/file") == "kept");
        }

        CHECK(directory.names("") == Names{"file"});
}

TEST_CASE("A link is made, changed, and put in place of a file", "[fs]")
{
        const TemporaryDirectory directory;
        link_atomically(directory("/new/link"), "one");
        CHECK(read_link_if_exists(directory("/new/link")) == "one");

        link_atomically(directory("/new/link"), "two");
        CHECK(read_link_if_exists(directory("/new/link")) == "two");

        directory.write("/new/file", "x");
        link_atomically(directory("/new/file"), "link");
        CHECK(read_link_if_exists(directory("/new/file")) == "link");
        CHECK(directory.names("/new") == Names{"file", "link"});

        directory.write("/directory/inner", "kept");
        CHECK(refusal([&] { link_atomically(directory("/directory"), "x"); }).failure == "file-io");
        CHECK(directory.names("") == Names{"directory", "new"});
}

TEST_CASE("Only a link has a target", "[fs]")
{
        const TemporaryDirectory directory;
        directory.write("/file", "");
        directory.link("/dangling", "nowhere/at all");
        CHECK(read_link_if_exists(directory("/dangling")) == "nowhere/at all");
        CHECK_FALSE(read_link_if_exists(directory("/file")));
        CHECK_FALSE(read_link_if_exists(directory("/absent")));
}

TEST_CASE("Removing says whether there was something", "[fs]")
{
        const TemporaryDirectory directory;
        directory.write("/file", "");
        directory.link("/dangling", "nowhere");
        directory.write("/directory/inner", "kept");
        CHECK(remove_if_exists(directory("/file")));
        CHECK_FALSE(remove_if_exists(directory("/file")));
        CHECK_FALSE(remove_if_exists(directory("/directory/inner/below")));
        CHECK(remove_if_exists(directory("/dangling")));
        CHECK(refusal([&] { remove_if_exists(directory("/directory")); }).failure == "file-io");
        CHECK(directory.read("/directory/inner") == "kept");
}
