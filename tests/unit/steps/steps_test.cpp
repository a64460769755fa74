// SPDX-License-Identifier: Apache-2.0
#include "steps/steps.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

#include <catch2/catch.hpp>

#include "steps/gates.hpp"
#include "support.hpp"
#include "verbs/plan/chain.hpp"

using namespace eks;

TEST_CASE("Every step whose header declares a plan for a node is in the table", "[steps]")
{
        std::set<std::string> declared;
        for (const auto& folder : std::filesystem::directory_iterator(SOURCE_DIR "/helpers/steps")) {
                if (!folder.is_directory())
                        continue;
                for (const auto& file : std::filesystem::directory_iterator(folder)) {
                        const auto path = std::filesystem::relative(file.path(), SOURCE_DIR).native();
                        const auto has_plan = [&](const char* result) {
                                return test::source_file(path).find(std::string(result) + " plan_" + [&] {
                                        auto name = folder.path().filename().native();
                                        std::ranges::replace(name, '-', '_');
                                        return name;
                                }() + "(const NodeInputs&") != std::string::npos;
                        };

                        if (path.ends_with(".hpp") && (has_plan("StepPlan") || has_plan("TrustPlan")))
                                declared.insert("eks-" + folder.path().filename().native());
                }
        }

        std::set<std::string> listed;
        for (const auto& step : planned_steps())
                listed.emplace(step.name);
        CHECK(declared == listed);
        CHECK(std::ranges::is_sorted(planned_steps(), {}, &StepInfo::name));
}

TEST_CASE("What becomes of a step whose gate is closed is stated for each that has a gate", "[steps]")
{
        for (const auto& step : planned_steps()) {
                CAPTURE(step.name);
                const bool has_gate = std::ranges::find(gates(), step.gate(), &Gate::name) != gates().end();
                CHECK(has_gate == (step.closing != Closing::never));
        }
}

TEST_CASE("Who plans all steps may read what each of them reads and writes", "[steps]")
{
        const auto all = access_to_plan();
        const auto may_read = [&](const std::string& path) {
                return std::ranges::any_of(all.reads, [&](const std::string& allowed) {
                        return path == allowed || path.starts_with(allowed + "/");
                });
        };

        for (const auto& step : planned_steps()) {
                CAPTURE(step.name);
                const auto access = step.access();
                CHECK(std::ranges::all_of(access.reads, may_read));
                CHECK(std::ranges::all_of(access.writes, may_read));
                CHECK((all.loads_libraries || !access.loads_libraries));
        }

        CHECK(all.writes.empty());
}

TEST_CASE("The chain is read from unit files and printed in an order that they allow", "[steps]")
{
        const auto unit = [](const std::string& name, const std::string& lines) {
                return std::pair(name, parse_unit(name, "[Unit]\n# After=eks-z.service\n" + lines));
        };

        const auto ordered =
                in_order({unit("eks-a", "Description=First by Name\nAfter=network.target eks-c.service\n"),
                        unit("eks-b", "After=eks-a.service\nConditionPathExists=/run/eks/enabled/b\n"),
                        unit("eks-c", "")});
        std::vector<std::string> names;
        std::ranges::transform(ordered, std::back_inserter(names), &ChainUnit::name);
        CHECK(names == std::vector<std::string>{"eks-c", "eks-a", "eks-b"});

        const auto describe = [](const std::string& name) {
                return name != "eks-b" ? Json()
                                       : Json{{"purpose", "do it"}, {"reads", {"/b", "/a"}},
                                                 {"writes", Json::array()}, {"devices", Json::array()},
                                                 {"may", {"x", "y"}}, {"read_by", {"kubelet.service"}}};
        };

        CHECK(render_chain(ordered, describe) ==
                "eks-c: \n\neks-a: First by Name\n  after    eks-c\n\neks-b: do it\n"
                "  if       ConditionPathExists=/run/eks/enabled/b\n  after    eks-a\n  reads    /a /b\n"
                "  may      x, y\n  read by  kubelet.service\n");
}
