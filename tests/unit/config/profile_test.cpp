// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "base/text.hpp"
#include "config/profile.hpp"
#include "config/sources.hpp"
#include "config/sysctl_settings.hpp"
#include "documents.hpp"
#include "support.hpp"

using namespace eks;
using test::node_config;
using test::refusal;
using test::TemporaryDirectory;
using Texts = std::vector<std::string>;

namespace {

constexpr auto vendor_fast = "/usr/share/eks/profiles/fast.toml";
constexpr auto admin_fast = "/etc/eks/profiles/fast.toml";
constexpr auto fast = "description = 'fast'\n"
                      "[kubelet.config]\n"
                      "podPidsLimit = 1000\n"
                      "evictionHard = {'memory.available' = '1Gi', 'nodefs.available' = '7%'}\n"
                      "[sysctl]\n"
                      "kernel.pid_max = 100000\n";

// A node whose admin chose a profile, and has more to say below that.
Resolved resolved(const TemporaryDirectory& node, const std::string& chosen, const std::string& more = {})
{
        node.write("/etc/eks/node.toml", (chosen.empty() ? "" : "profile = '" + chosen + "'\n") + more);
        return resolve_node_layers(node.root());
}

Texts problems_of(const std::string& text)
{
        return parse_profile(text, "p.toml").layer.problems.texts();
}

} // namespace

TEST_CASE("A profile lies below every layer, and each value knows its line", "[profile]")
{
        const TemporaryDirectory node;
        node.write(vendor_fast, fast);
        node.write(user_data_path,
                node_config(
                        "  kubelet: {config: {podPidsLimit: 2, evictionHard: {memory.available: 5Mi}}}\n"));
        const auto all = resolved(node, "fast", "[kubelet.config]\nmaxPods = 9\n");
        CHECK(all.merged.problems.empty());
        CHECK(all.merged.tree["kubelet"]["config"] ==
                Json{{"podPidsLimit", 2}, {"maxPods", 9},
                        {"evictionHard", {{"memory.available", "5Mi"}, {"nodefs.available", "7%"}}}});

        const auto& marks = all.merged.marks;
        CHECK(marks.at("kubelet.config.podPidsLimit").source == "user data");
        CHECK(marks.at("kubelet.config.evictionHard.\"nodefs.available\"").text() ==
                std::string(vendor_fast) + ", line 4, column 45");
        CHECK(marks.at("sysctl.kernel.pid_max").text() == std::string(vendor_fast) + ", line 6, column 8");
        CHECK_FALSE(all.merged.tree.contains("description"));
        CHECK(all.layers.front().source == vendor_fast);
}

TEST_CASE("The last layer that names a profile chooses it", "[profile]")
{
        const TemporaryDirectory node;
        node.write(vendor_fast, fast);
        node.write("/usr/share/eks/profiles/default.toml", "[sysctl]\nkernel.pid_max = 1\n");
        node.write("/usr/share/eks/profiles/other.toml", "[sysctl]\nkernel.pid_max = 2\n");
        const auto pid_max = [&](const std::string& chosen) {
                return resolved(node, chosen).merged.tree["sysctl"]["kernel"]["pid_max"];
        };

        CHECK(pid_max("") == 1);
        CHECK(pid_max("fast") == 100000);

        node.write("/etc/eks/node.d/50-a.toml", "profile = 'other'\n");
        node.write("/etc/eks/node.d/60-b.toml", "profile = ''\n");
        CHECK(pid_max("fast") == 2);
}

TEST_CASE("An admin's profile masks the vendor's, and a path needs no name", "[profile]")
{
        const TemporaryDirectory node;
        node.write(vendor_fast, fast);
        node.write(admin_fast, "[sysctl]\nkernel.pid_max = 7\n");
        CHECK(resolved(node, "fast").merged.tree["sysctl"]["kernel"]["pid_max"] == 7);
        CHECK_FALSE(resolved(node, "fast").merged.tree.contains("kubelet"));
        CHECK(resolved(node, vendor_fast).merged.tree["kubelet"]["config"]["podPidsLimit"] == 1000);

        const auto files = profile_files(node.root());
        REQUIRE(files.size() == 1);
        CHECK(files[0].path == admin_fast);

        node.write(admin_fast, "");
        CHECK(profile_files(node.root()).empty());
        CHECK_FALSE(resolved(node, "fast").merged.problems.empty());
}

TEST_CASE("Without any profile file a node is as before, unless it names one", "[profile]")
{
        const TemporaryDirectory node;
        const auto none = resolved(node, "");
        CHECK(none.merged.tree == Json::object());
        CHECK(none.layers.size() == 1);
        CHECK(resolved(node, "default").merged.problems.texts() ==
                Texts{"/etc/eks/node.toml, line 1, column 1: profile = \"default\": no such profile"});
}

TEST_CASE("A profile that is not there is named with its place, the nearest one and all others", "[profile]")
{
        const TemporaryDirectory node;
        node.write(vendor_fast, fast);
        node.write("/etc/eks/profiles/mine.toml", fast);
        const auto wrong = resolved(node, "fats").merged.problems;
        CHECK(wrong.texts() == Texts{"/etc/eks/node.toml, line 1, column 1: profile = \"fats\": no such "
                                     "profile; did you mean 'fast'?"});
        CHECK(wrong.remedies().front().ends_with("one of the profiles here: fast, mine"));
        CHECK(resolved(node, "/etc/eks/gone.toml").merged.problems.texts() ==
                Texts{"/etc/eks/node.toml, line 1, column 1: profile = \"/etc/eks/gone.toml\": no such "
                      "file"});

        // Not a way out of the directories.
        node.write("/usr/share/eks/secret.toml", fast);
        CHECK_FALSE(resolved(node, "../secret").merged.problems.empty());
}

TEST_CASE("A profile holds a description, kubelet's settings and parameters, and nothing else", "[profile]")
{
        CHECK(problems_of("") == Texts{});
        CHECK(problems_of(fast) == Texts{});
        CHECK(parse_profile(fast, "p.toml").description == "fast");
        CHECK(problems_of("descripton = 'a'\n") ==
                Texts{"p.toml, line 1, column 1: descripton: not a key of a "
                      "profile; did you mean 'description'?"});
        CHECK(problems_of("\n[kubelet]\nflags = ['--v=2']\n") ==
                Texts{"p.toml, line 3, column 1: kubelet.flags: not a key of a profile, which has description, "
                      "kubelet.config and sysctl"});
        CHECK(problems_of("description = 1\nsysctl = 'a'\nkubelet = 2\n").size() == 3);
        CHECK(problems_of("[kubelet]\nconfig = 'a'\n") ==
                Texts{"p.toml, line 2, column 1: kubelet.config: must be a map"});
        CHECK(problems_of("[cluster]\nname = 'a'\n").size() == 1);
        CHECK(refusal([] { parse_profile("a = \n", "p.toml"); }).failure == "config-syntax");
}

TEST_CASE("The settings of a broken profile do not count", "[profile]")
{
        const TemporaryDirectory node;
        node.write(vendor_fast, "typo = 1\n[kubelet]\nflags = ['--v=2']\n");
        const auto all = resolved(node, "fast");
        CHECK(all.merged.problems.texts().size() == 2);
        CHECK_FALSE(all.merged.tree.contains("kubelet"));
}

TEST_CASE("Our own profiles are whole: described and valid", "[profile]")
{
        const auto* name = GENERATE("batch", "default", "high-density", "low-latency", "ml-training");
        CAPTURE(name);
        const auto profile = parse_profile(
                test::source_file("helpers/data/share/profiles/" + std::string(name) + ".toml"),
                std::string(name) + ".toml");
        CHECK(profile.layer.problems.texts() == Texts{});
        CHECK_FALSE(profile.description.empty());

        Problems problems;
        CHECK(sysctls(profile.layer.tree, profile.layer.marks, problems).empty() ==
                (std::string_view(name) == "default"));
        CHECK(problems.texts() == Texts{});

        // Today's user data must give today's kubelet configuration.
        CHECK(profile.layer.tree.contains("kubelet") == (std::string(name) != "default"));
}
