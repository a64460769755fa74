// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "base/environment.hpp"
#include "environment_file.hpp"
#include "fixture.hpp"
#include "node/proxy.hpp"
#include "steps/environment/api_server.hpp"
#include "steps/environment/environment_step.hpp"

using namespace eks;
using test::file_in;
using test::ReferenceNode;

namespace {

// What the file says to systemd.
std::map<std::string, std::string> read_back(const std::map<std::string, std::string>& variables)
{
        return test::parse_environment_file(render_environment_file(variables));
}

StepPlan plan_of(const ReferenceNode& node, const std::string& environment)
{
        return plan_environment(node.inputs("  instance:\n    environment: " + environment + "\n"));
}

} // namespace

TEST_CASE("Every value reaches the service as it was given", "[environment]")
{
        std::string all;
        for (int c = 1; c < 127; ++c)
                if (c >= ' ' || c == '\t' || c == '\n')
                        all += static_cast<char>(c);

        for (const auto& value : {std::string(), all, std::string(all.rbegin(), all.rend()),
                     std::string("a \"b\" 'c' $HOME ${HOME} %n %% \\n \\\\ `d` # ; ="), std::string(" a "),
                     std::string("ends\\"), std::string("ends\""), std::string("a\nB=\"c\"\n"),
                     std::string("\xc3\xa9 \xe6\x97\xa5"), std::string("\n\n")}) {
                CAPTURE(value);
                const std::map<std::string, std::string> variables{{"A", value}, {"B_1", value}};
                CHECK(read_back(variables) == variables);
                const auto parsed = parse_environment_file(render_environment_file(variables));
                CHECK(std::map(parsed.begin(), parsed.end()) == variables);
        }
}

TEST_CASE("Each service has a file for root alone, and a drop-in if its unit does not read that",
        "[environment]")
{
        const ReferenceNode node;
        const auto plan = plan_of(node,
                "{default: {TZ: UTC}, kubelet: {A: b}, containerd: {A: b}, docker: {A: b}, "
                "amazon-ssm-agent: {A: b}, soci-snapshotter: {A: b}, site-agent: {B: '', A: 'b c'}, empty: {}}");
        CHECK(plan.files.size() == 8);

        for (const auto& file : plan.files)
                CHECK(file.mode == (file.path.starts_with(environment_directory) ? 0600U : 0644U));
        CHECK(file_in(plan, "/run/eks/environment/default").content == "TZ=\"UTC\"\n");
        CHECK(file_in(plan, "/run/eks/environment/site-agent").content == "A=\"b c\"\nB=\"\"\n");
        CHECK(file_in(plan, "/run/systemd/system/site-agent.service.d/40-eks-environment.conf")
                        .content.ends_with("[Service]\nEnvironmentFile=-/run/eks/environment/site-agent\n"));
        CHECK(plan_environment(node.inputs()).files.empty());
}

TEST_CASE("What systemd would ignore is left out", "[environment]")
{
        const ReferenceNode node;
        const auto plan = plan_of(node,
                R"({"kubelet": {"A-B": "x", "1A": "x", "": "x", "A B": "x", "C": "a\u0007", "D": "x"}, )"
                R"("kubelet.service": {"A": "b"}, "a/b": {"A": "b"}, "../c": {"A": "b"}, "": {"A": "b"}})");
        REQUIRE(plan.files.size() == 1);
        CHECK(file_in(plan, "/run/eks/environment/kubelet").content == "D=\"x\"\n");
}

TEST_CASE("The files of services that are no longer named are taken away", "[environment]")
{
        const ReferenceNode node;
        for (const auto* service : {"default", "kubelet", "site-agent", "other"})
                node.write(std::string(environment_directory) + service, "A=\"b\"\n");

        const auto plan = plan_of(node, "{other: {A: b}}");
        for (const auto* path : {"/run/eks/environment/default", "/run/eks/environment/kubelet",
                     "/run/eks/environment/site-agent",
                     "/run/systemd/system/site-agent.service.d/40-eks-environment.conf"})
                CHECK(file_in(plan, path).kind == File::Kind::absent);
        CHECK(file_in(plan, "/run/eks/environment/other").kind == File::Kind::regular);
        CHECK(plan.files.size() == 6);
}

TEST_CASE("An API server whose addresses are not found leaves what is known of it", "[environment]")
{
        const ReferenceNode node;
        auto inputs = node.inputs();
        const auto host = std::string(64, 'a') + ".example"; // no resolver is asked for such a label
        inputs.spec.cluster.endpoint = "https://" + host;
        CHECK(file_in(look_api_server_up(inputs), std::string(api_server_path)).kind == File::Kind::absent);

        inputs.spec.host.proxy.https = "http://proxy.example:3128";
        const auto unknown = look_api_server_up(inputs);
        CHECK(file_in(unknown, std::string(api_server_path)).kind == File::Kind::absent);
        REQUIRE(unknown.notes.size() == 1);
        CHECK(unknown.notes[0].level == Level::warning);
        CHECK(unknown.notes[0].text.find("the addresses of the API server 'aaa") == 0);

        node.write(std::string(api_server_path), host + "\n");
        const auto known = look_api_server_up(inputs);
        CHECK(known.files.empty());
        CHECK(known.notes.size() == 1);

        inputs.spec.cluster.endpoint = "https://10.1.2.3";
        CHECK(look_api_server_up(inputs).notes.empty());
}
