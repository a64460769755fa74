// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <tuple>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/conffile.hpp"
#include "base/fs.hpp"
#include "support.hpp"

using namespace eks;
using test::TemporaryDirectory;
using Names = std::vector<std::string>;

namespace Catch {
template <>
struct StringMaker<Outcome> {
        static std::string convert(Outcome outcome)
        {
                constexpr std::array names{
                        "unchanged", "written", "removed", "edit_stands", "edit_kept_beside"};
                return names.at(static_cast<std::size_t>(outcome));
        }
};
} // namespace Catch

namespace {

constexpr auto path = "/etc/thing/config";
constexpr auto edited = "/etc/thing/config.user-edited";
constexpr auto memory = "/var/lib/eks/rendered/etc/thing/config";

File regular(std::string content)
{
        return {.path = path, .content = std::move(content)};
}
File absent()
{
        return {.path = path, .content = {}, .kind = File::Kind::absent};
}

// What happens is what was foreseen.
Outcome put(const Root& root, const File& file)
{
        const auto foreseen = foresee(root, file);
        const auto outcome = put_in_place(root, file);
        CHECK(outcome == foreseen);
        return outcome;
}

// Put a file's time far back and tell whether a later call has touched it.
class Untouched {
public:
        Untouched(const TemporaryDirectory& node, const char* name) : real_(node(name))
        {
                const timespec times[2] = {{.tv_sec = 1000, .tv_nsec = 7}, {.tv_sec = 1000, .tv_nsec = 7}};
                ::utimensat(AT_FDCWD, real_.c_str(), times, AT_SYMLINK_NOFOLLOW);
                before_ = stamp();
        }
        bool still() const { return stamp() == before_; }

private:
        using Stamp = std::tuple<ino_t, time_t, long>;
        Stamp stamp() const
        {
                struct stat st {};
                ::lstat(real_.c_str(), &st);
                return {st.st_ino, st.st_mtim.tv_sec, st.st_mtim.tv_nsec};
        }
        std::string real_;
        Stamp before_;
};

} // namespace

TEST_CASE("Files that are not as they were rendered are found", "[conffile]")
{
        const TemporaryDirectory node;
        CHECK(edited_files(node.root()).empty());

        put(node.root(), regular("one"));
        put(node.root(), {.path = "/etc/other", .content = "one"});
        CHECK(edited_files(node.root()).empty());

        node.write(path, "mine");
        CHECK(edited_files(node.root()) == Names{path});

        ::unlink(node("/etc/other").c_str());
        CHECK(edited_files(node.root()) == Names{"/etc/other", path});
        CHECK(is_trusted("/etc/kubernetes/pki/ca.crt"));
        CHECK_FALSE(is_trusted(path));
}

TEST_CASE("A file is written once; the second time it and its mtime are left alone", "[conffile]")
{
        const TemporaryDirectory node;
        const auto mode = GENERATE(as<mode_t>(), 0644, 0600);
        auto file = regular("one");
        file.mode = mode;
        CHECK(put(node.root(), file) == Outcome::written);
        CHECK(node.read(path) == "one");
        CHECK(node.mode(path) == mode);
        CHECK(node.read(memory) == "one");
        CHECK(node.mode(memory) == mode);

        const Untouched file_stays(node, path);
        const Untouched memory_stays(node, memory);
        CHECK(put(node.root(), file) == Outcome::unchanged);
        CHECK(file_stays.still());
        CHECK(memory_stays.still());
        CHECK(node.names("/etc/thing") == Names{"config"});
}

TEST_CASE("A new rendering replaces our old one without keeping it", "[conffile]")
{
        const TemporaryDirectory node;
        put(node.root(), regular("one"));
        CHECK(put(node.root(), regular("two")) == Outcome::written);
        CHECK(node.read(path) == "two");
        CHECK(node.read(memory) == "two");
        CHECK_FALSE(node.has(edited));
}

TEST_CASE("A user's edit is kept while our rendering is unchanged", "[conffile]")
{
        const TemporaryDirectory node;
        put(node.root(), regular("one"));
        node.write(path, "theirs", 0640);
        const Untouched stays(node, path);
        CHECK(put(node.root(), regular("one")) == Outcome::edit_stands);
        CHECK(put(node.root(), regular("one")) == Outcome::edit_stands);
        CHECK(stays.still());
        CHECK(node.read(path) == "theirs");
        CHECK(node.mode(path) == 0640);
        CHECK_FALSE(node.has(edited));
}

TEST_CASE("An emptied file is an edit like any other", "[conffile]")
{
        const TemporaryDirectory node;
        put(node.root(), regular("one"));
        node.write(path, "");
        CHECK(put(node.root(), regular("one")) == Outcome::edit_stands);
        CHECK(node.read(path).empty());
}

TEST_CASE("A user's edit is kept beside when our rendering changes", "[conffile]")
{
        const TemporaryDirectory node;
        put(node.root(), regular("one"));
        node.write(path, "theirs");
        CHECK(put(node.root(), regular("two")) == Outcome::edit_kept_beside);
        CHECK(node.read(path) == "two");
        CHECK(node.read(edited) == "theirs");
        CHECK(node.read(memory) == "two");

        const Untouched stays(node, path);
        CHECK(put(node.root(), regular("two")) == Outcome::unchanged);
        CHECK(stays.still());
        CHECK(node.read(edited) == "theirs");
}

TEST_CASE("An edit that equals the next rendering is not a conflict", "[conffile]")
{
        const TemporaryDirectory node;
        put(node.root(), regular("one"));
        node.write(path, "two");
        const Untouched stays(node, path);
        CHECK(put(node.root(), regular("two")) == Outcome::unchanged);
        CHECK(stays.still());
        CHECK(node.read(memory) == "two");
        CHECK_FALSE(node.has(edited));
}

TEST_CASE("A file that somebody removed comes back", "[conffile]")
{
        const TemporaryDirectory node;
        put(node.root(), regular("one"));
        remove_if_exists(node(path));
        CHECK(put(node.root(), regular("one")) == Outcome::written);
        CHECK(node.read(path) == "one");
}

TEST_CASE("A foreign file that was there first is kept beside", "[conffile]")
{
        const TemporaryDirectory node;
        node.write(path, "the package's");
        CHECK(put(node.root(), regular("one")) == Outcome::edit_kept_beside);
        CHECK(node.read(path) == "one");
        CHECK(node.read(edited) == "the package's");
        CHECK(put(node.root(), regular("one")) == Outcome::unchanged);
}

TEST_CASE("A foreign file that is as we would write it becomes ours", "[conffile]")
{
        const TemporaryDirectory node;
        node.write(path, "one");
        const Untouched stays(node, path);
        CHECK(put(node.root(), regular("one")) == Outcome::unchanged);
        CHECK(stays.still());
        CHECK(node.read(memory) == "one");
        CHECK_FALSE(node.has(edited));
}

TEST_CASE("A crash between file and record does not count as an edit", "[conffile]")
{
        const TemporaryDirectory node;

        SECTION("the first time")
        {
                node.write(path, "one");
        }

        SECTION("when the rendering had changed")
        {
                put(node.root(), regular("zero"));
                node.write(path, "one"); // written, then killed: the memory still says "zero"
        }

        CHECK(put(node.root(), regular("one")) == Outcome::unchanged);
        CHECK(node.read(memory) == "one");
        CHECK(put(node.root(), regular("two")) == Outcome::written);
        CHECK_FALSE(node.has(edited));
}

TEST_CASE("A lost record loses no file", "[conffile]")
{
        const TemporaryDirectory node;
        put(node.root(), regular("one"));
        node.write(path, "theirs");
        remove_if_exists(node(memory));
        CHECK(put(node.root(), regular("one")) == Outcome::edit_kept_beside);
        CHECK(node.read(path) == "one");
        CHECK(node.read(edited) == "theirs");
}

TEST_CASE("A file that is no longer needed is taken away with its memory", "[conffile]")
{
        const TemporaryDirectory node;
        put(node.root(), regular("one"));
        CHECK(put(node.root(), absent()) == Outcome::removed);
        CHECK_FALSE(node.has(path));
        CHECK_FALSE(node.has(memory));
        CHECK(put(node.root(), absent()) == Outcome::unchanged);
}

TEST_CASE("A file that is no longer needed and was edited is kept beside", "[conffile]")
{
        const TemporaryDirectory node;
        put(node.root(), regular("one"));
        node.write(path, "theirs");
        CHECK(put(node.root(), absent()) == Outcome::edit_kept_beside);
        CHECK_FALSE(node.has(path));
        CHECK_FALSE(node.has(memory));
        CHECK(node.read(edited) == "theirs");
        CHECK(put(node.root(), absent()) == Outcome::unchanged);
        CHECK(node.read(edited) == "theirs");
}

TEST_CASE("What was never ours is not taken away", "[conffile]")
{
        const TemporaryDirectory node;
        node.write(path, "somebody's");
        CHECK(put(node.root(), absent()) == Outcome::unchanged);
        CHECK(node.read(path) == "somebody's");
}

TEST_CASE("An unneeded file that somebody removed before us leaves no memory", "[conffile]")
{
        const TemporaryDirectory node;
        put(node.root(), regular("one"));
        remove_if_exists(node(path));
        CHECK(put(node.root(), absent()) == Outcome::unchanged);
        CHECK_FALSE(node.has(memory));
}

TEST_CASE("A link is made once and changed with our wish", "[conffile]")
{
        const TemporaryDirectory node;
        File link{.path = path, .content = "target", .kind = File::Kind::link};
        CHECK(put(node.root(), link) == Outcome::written);
        CHECK(read_link_if_exists(node(path)) == "target");

        const Untouched stays(node, path);
        CHECK(put(node.root(), link) == Outcome::unchanged);
        CHECK(stays.still());

        link.content = "other";
        CHECK(put(node.root(), link) == Outcome::written);
        CHECK(read_link_if_exists(node(path)) == "other");
}

TEST_CASE("A regular file in the place of a link is kept beside", "[conffile]")
{
        const TemporaryDirectory node;
        const File link{.path = path, .content = "target", .kind = File::Kind::link};
        node.write(path, "theirs");
        CHECK(put(node.root(), link) == Outcome::edit_kept_beside);
        CHECK(read_link_if_exists(node(path)) == "target");
        CHECK(node.read(edited) == "theirs");
        CHECK(put(node.root(), link) == Outcome::unchanged);
}

TEST_CASE("A file of this boot has no memory and is simply ours", "[conffile]")
{
        const TemporaryDirectory node;
        const File file{.path = "/run/eks/node.json", .content = "one", .mode = 0600};
        CHECK(put(node.root(), file) == Outcome::written);
        CHECK(node.mode(file.path) == 0600);
        CHECK_FALSE(node.has("/var"));

        const Untouched stays(node, "/run/eks/node.json");
        CHECK(put(node.root(), file) == Outcome::unchanged);
        CHECK(stays.still());

        node.write(file.path, "theirs");
        CHECK(put(node.root(), file) == Outcome::written);
        CHECK(node.read(file.path) == "one");
        CHECK(node.names("/run/eks") == Names{"node.json"});

        const File gone{.path = file.path, .content = {}, .kind = File::Kind::absent};
        CHECK(put(node.root(), gone) == Outcome::removed);
        CHECK(put(node.root(), gone) == Outcome::unchanged);
        CHECK_FALSE(node.has("/var"));
}

TEST_CASE("A file of this boot with user data is closed to others even if it was open before", "[conffile]")
{
        const TemporaryDirectory node;
        node.write("/run/eks/node.json", "one", 0644);
        put(node.root(), {.path = "/run/eks/node.json", .content = "one", .mode = 0600});
        CHECK(node.mode("/run/eks/node.json") == 0600);
}

TEST_CASE("A path that cannot be written is an error that names it", "[conffile]")
{
        const TemporaryDirectory node;
        node.write("/etc/thing", "a file where a directory must be");
        const auto refused = test::refusal([&] { put(node.root(), regular("one")); });
        CHECK(refused.failure == "file-io");
        CHECK(refused.mentions(node("/etc/thing")));
        CHECK_FALSE(node.has(memory)); // nothing is remembered that was not written
}

TEST_CASE("Permissions that are more than ours are taken back, and stricter ones stand", "[conffile]")
{
        struct Row {
                mode_t ours, there, after;
                const char* wrong;
        };
        for (const auto& row : {Row{0644, 0666, 0644, "mode 0666"}, Row{0644, 0777, 0644, "mode 0777"},
                     Row{0600, 0644, 0600, "mode 0644"}, Row{0644, 04755, 0644, "mode 4755"},
                     Row{0644, 0622, 0600, "mode 0622"}, Row{0644, 0644, 0644, ""},
                     Row{0644, 0600, 0600, ""}, Row{0600, 0400, 0400, ""}}) {
                CAPTURE(row.ours, row.there);
                const TemporaryDirectory node;
                auto file = regular("one");
                file.mode = row.ours;
                REQUIRE(put_in_place(node.root(), file) == Outcome::written);
                ::chmod(node(path).c_str(), row.there);
                const Untouched stays(node, path);
                CHECK(repair_permissions(node.root(), file) == row.wrong);
                CHECK(node.mode(path) == row.after);
                CHECK(node.read(path) == "one");
                CHECK(stays.still() == std::string_view(row.wrong).empty());
                CHECK(repair_permissions(node.root(), file).empty());
                CHECK(put_in_place(node.root(), file) == Outcome::unchanged);
        }
}

TEST_CASE("An edited file keeps its content and loses what others may do with it", "[conffile]")
{
        const TemporaryDirectory node;
        REQUIRE(put_in_place(node.root(), regular("ours")) == Outcome::written);

        node.write(path, "theirs", 0666);
        ::chmod(node(memory).c_str(), 0666);
        CHECK(repair_permissions(node.root(), regular("ours")) == "mode 0666");
        CHECK(node.mode(memory) == 0644);
        CHECK(put_in_place(node.root(), regular("ours")) == Outcome::edit_stands);
        CHECK(node.read(path) == "theirs");
}

TEST_CASE("A file of another owner gets our owner", "[conffile]")
{
        if (::geteuid() != 0) {
                WARN("only root can give files away: not tested");
                return;
        }

        const TemporaryDirectory node;
        REQUIRE(put_in_place(node.root(), regular("one")) == Outcome::written);
        REQUIRE(::chown(node(path).c_str(), 12345, 12345) == 0);
        CHECK(repair_permissions(node.root(), regular("one")) == "owner 12345");

        struct stat st {};
        REQUIRE(::stat(node(path).c_str(), &st) == 0);
        CHECK(st.st_uid == 0);
        CHECK(repair_permissions(node.root(), regular("one")).empty());
}

TEST_CASE("Files of others keep their permissions", "[conffile]")
{
        const TemporaryDirectory node;
        node.write("/elsewhere", "one", 0666);
        node.link(path, node("/elsewhere"));
        CHECK(repair_permissions(node.root(), regular("one")).empty()); // an admin's link
        CHECK(node.mode("/elsewhere") == 0666);

        node.write("/run/file", "one", 0666);
        CHECK(repair_permissions(node.root(), {.path = "/run/file", .content = "one"}).empty());
        CHECK(repair_permissions(node.root(), absent()).empty());
        CHECK(repair_permissions(TemporaryDirectory().root(), regular("one")).empty());
}

TEST_CASE("A stricter mode stays when the content changes", "[conffile]")
{
        struct Row {
                mode_t first, there, next, after;
        };
        for (const auto& row : {Row{0644, 0600, 0644, 0600}, Row{0644, 0640, 0644, 0640},
                     Row{0644, 0644, 0644, 0644}, Row{0600, 0600, 0644, 0644}, Row{0600, 0400, 0644, 0444},
                     Row{0644, 0644, 0600, 0600}, Row{0644, 0666, 0644, 0644}}) {
                CAPTURE(row.first, row.there, row.next);
                const TemporaryDirectory node;
                auto file = regular("one");
                file.mode = row.first;
                REQUIRE(put_in_place(node.root(), file) == Outcome::written);
                ::chmod(node(path).c_str(), row.there);
                file.content = "two";
                file.mode = row.next;
                CHECK(put_in_place(node.root(), file) == Outcome::written);
                CHECK(node.mode(path) == row.after);
                file.content = "three";
                CHECK(put_in_place(node.root(), file) == Outcome::written);
                CHECK(node.mode(path) == row.after);
        }
}

TEST_CASE("A file that was edited and made stricter is as strict when it has to change", "[conffile]")
{
        const TemporaryDirectory node;
        REQUIRE(put_in_place(node.root(), regular("one")) == Outcome::written);
        node.write(path, "theirs", 0600);
        ::chmod(node(path).c_str(), 0600);
        CHECK(put_in_place(node.root(), regular("two")) == Outcome::edit_kept_beside);
        CHECK(node.mode(path) == 0600);
}
