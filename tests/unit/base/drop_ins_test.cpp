// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "base/drop_ins.hpp"
#include "support.hpp"

using namespace eks;
using Texts = std::vector<std::string>;

namespace {

struct Found {
        Texts paths;
        Texts notes;
};

Found found_in(const test::TemporaryDirectory& node, const Texts& directories)
{
        std::vector<Note> notes;
        Found found{.paths = drop_ins(node.root(), directories, {".toml"}, &notes), .notes = {}};

        for (const auto& note : notes) {
                CHECK(note.level == Level::warning);
                found.notes.push_back(note.text);
        }

        CHECK(drop_ins(node.root(), directories, {".toml"}) == found.paths);

        return found;
}

} // namespace

TEST_CASE("Drop-ins are sorted by name across directories, and the later directory masks", "[drop-ins]")
{
        const test::TemporaryDirectory node;
        node.write("/usr/d/10-a.toml", "x");
        node.write("/usr/d/20-b.toml", "x");
        node.write("/usr/d/30-c.toml", "x");
        node.write("/usr/d/40-d.toml", "x");
        node.write("/etc/d/15-e.toml", "x");
        node.write("/etc/d/20-b.toml", "x");
        node.write("/etc/d/30-c.toml", "");
        node.write("/etc/d/.hidden.toml", "x");
        node.write("/etc/d/README", "x");
        node.link("/etc/d/40-d.toml", "/dev/null");
        const auto found = found_in(node, {"/usr/d", "/etc/d", "/absent/d"});
        CHECK(found.paths == Texts{"/usr/d/10-a.toml", "/etc/d/15-e.toml", "/etc/d/20-b.toml"});
        CHECK(found.notes.empty());
}

TEST_CASE("What is no file among the drop-ins is named, and the others are used", "[drop-ins]")
{
        const test::TemporaryDirectory node;
        node.write("/etc/d/10-x.toml/file", "x");
        node.link("/etc/d/20-y.toml", "gone.toml");
        REQUIRE(::mkfifo(node("/etc/d/30-z.toml").c_str(), 0600) == 0);

        node.write("/etc/d/40-good.toml", "x");
        node.write("/etc/d/lists/file", "x"); // of another program
        node.link("/etc/e", "nowhere");
        node.write("/etc/f", "x");
        const auto found = found_in(node, {"/etc/d", "/etc/e", "/etc/f"});
        CHECK(found.paths == Texts{"/etc/d/40-good.toml"});
        CHECK(found.notes ==
                Texts{"'/etc/e' is a link to 'nowhere', which does not exist, ignoring",
                        "'/etc/f' is not a directory, ignoring",
                        "'/etc/d/10-x.toml' is a directory, not a file, ignoring",
                        "'/etc/d/20-y.toml' is a link to 'gone.toml', which does not exist, ignoring",
                        "'/etc/d/30-z.toml' is not a regular file, ignoring"});
}
