// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include <catch2/catch.hpp>

#include "fixture.hpp"
#include "steps/cluster/cluster.hpp"

using namespace eks;
using namespace std::chrono_literals;
using test::file_in;
using test::ReferenceNode;
using test::refusal;

namespace {

const ClusterQuestion question{
        .name = "blue", .region = "cn-north-1", .partition = "aws-cn", .account = "111122223333"};

Json cluster(const Json& more = Json::object())
{
        Json answer{{"name", "blue"}, {"status", "ACTIVE"}, {"version", "1.34"}, {"id", nullptr},
                {"endpoint", "https://eks.example.com"}, {"certificateAuthority", {{"data", "Y2VydA=="}}},
                {"kubernetesNetworkConfig", {{"serviceIpv4Cidr", "10.96.0.0/16"}, {"ipFamily", "ipv4"}}}};
        answer.update(more);
        return answer;
}

std::string body(const Json& answer)
{
        return Json{{"cluster", answer}}.dump();
}

ClusterAnswer parsed_answer(const Json& more = Json::object())
{
        return parse_cluster(body(cluster(more)), "blue");
}

// EKS, as it answers one call after the other; the last answer stands.
struct Eks {
        std::vector<std::string> answers;
        std::size_t calls = 0;
        std::vector<std::chrono::milliseconds> waits{};
        std::string status{};

        ClusterAnswer ask(std::chrono::milliseconds limit = 1200s)
        {
                const auto describe = [&] { return answers.at(std::min(calls++, answers.size() - 1)); };
                const auto wait = [&](std::chrono::milliseconds time, const std::string& text) {
                        waits.push_back(time);
                        status = text;
                };
                return wait_for_cluster(question, {.describe = describe, .wait = wait, .limit = limit});
        }
};

std::string with_status(const std::string& status)
{
        return body({{"name", "blue"}, {"status", status}});
}

test::Refusal explained(const std::string& kind, const std::string& role = "eks-node")
{
        return refusal([&] {
                throw explain_refusal(AwsRefused("its words", {kind, {}}, role, {}), question);
        });
}

NodeDocument document_of(const std::string& cluster)
{
        const ReferenceNode node;
        node.write(imds_path, "{}");
        node.write(node_path, render_node_json(test::merged_layers({"  cluster:\n" + cluster}),
                                      {.kubelet = {1, 34, 2}, .containerd = {1, 7, 20}}));
        return load_node_document(node.root());
}

StepPlan planned(const std::string& cluster, const ClusterAnswer& answer, const Json& imds = nullptr)
{
        return plan_cluster(document_of(cluster), imds, question, answer);
}

struct Variable {
        Variable(const char* name_, const char* value) : name(name_) { ::setenv(name, value, 1); }
        Variable(const Variable&) = delete;
        Variable& operator=(const Variable&) = delete;
        ~Variable() { ::unsetenv(name); }
        const char* name;
};

} // namespace

TEST_CASE("An answer of EKS gives the keys of a NodeConfig", "[cluster]")
{
        const auto plain = parsed_answer();
        CHECK(plain.status == "ACTIVE");
        CHECK(plain.version == "1.34");
        CHECK(plain.cluster == Json{{"name", "blue"}, {"apiServerEndpoint", "https://eks.example.com"},
                                       {"certificateAuthority", "Y2VydA=="}, {"cidr", "10.96.0.0/16"}});

        const auto ipv6 = parsed_answer({{"kubernetesNetworkConfig",
                {{"serviceIpv4Cidr", "10.96.0.0/16"}, {"serviceIpv6Cidr", "fd00::/108"},
                        {"ipFamily", "ipv6"}}}});
        CHECK(ipv6.cluster["cidr"] == "fd00::/108");

        const auto early = parse_cluster(with_status("CREATING"), "blue");
        CHECK(early.cluster == Json{{"name", "blue"}});
}

TEST_CASE("A local cluster on an Outpost is known by its Outpost, and its nodes by its id", "[cluster]")
{
        const Json outpost{{"outpostArns", {"arn:aws:outposts:us-west-2:1:outpost/op-1"}}};
        const auto local = parsed_answer({{"id", "1b2c-3"}, {"outpostConfig", outpost}});
        CHECK(local.cluster["enableOutpost"] == true);
        CHECK(local.cluster["id"] == "1b2c-3");
        CHECK_FALSE(parsed_answer({{"id", "1b2c-3"}}).cluster.contains("id"));
        CHECK_FALSE(parsed_answer({{"outpostConfig", {{"outpostArns", Json::array()}}}})
                            .cluster.contains("enableOutpost"));
}

TEST_CASE("An answer about something else is refused, whatever sends it", "[cluster]")
{
        for (const auto& text : {std::string("<html>"), std::string("[]"), std::string("{}"),
                     std::string(R"({"cluster": 5})"), body(cluster({{"name", "red"}})),
                     body(cluster({{"status", nullptr}})), body(cluster({{"status", 5}})),
                     body(cluster({{"endpoint", {1}}})), body(cluster({{"endpoint", "https://a\nb"}})),
                     body(cluster({{"outpostConfig", {{"outpostArns", {7}}}}}))}) {
                CAPTURE(text);
                CHECK(refusal([&] { parse_cluster(text, "blue"); }).failure == "aws-answer");
        }
        CHECK(test::survives_damage(body(cluster()), "{}[]\":,\\\x80", 3000, "aws-answer",
                      [](const std::string& text) { parse_cluster(text, "blue"); }) == "");
}

TEST_CASE("A cluster that is being created is waited for, longer each time", "[cluster]")
{
        Eks eks{.answers = {with_status("CREATING"), with_status("PENDING"), with_status("CREATING"),
                        with_status("CREATING"), with_status("CREATING"), with_status("CREATING"),
                        with_status("CREATING"), body(cluster())}};
        CHECK(eks.ask().status == "ACTIVE");
        CHECK(eks.calls == 8);
        CHECK(eks.status == "Waiting for the cluster 'blue' to be ACTIVE; it is CREATING");

        constexpr std::array longest{1s, 2s, 4s, 8s, 16s, 30s, 30s};
        REQUIRE(eks.waits.size() == longest.size());

        for (std::size_t i = 0; i < longest.size(); ++i) {
                CHECK(eks.waits[i] <= longest[i]);
                CHECK(eks.waits[i] >= longest[i] / 2);
        }

        Eks never{.answers = {with_status("CREATING")}};
        const auto result = refusal([&] { never.ask(10s); });
        CHECK(result.failure == "cluster-not-ready");
        CHECK(result.mentions("CREATING after 10 s"));
        CHECK(never.calls > 3);
}

TEST_CASE("An update of a cluster does not keep nodes out, its end does", "[cluster]")
{
        Eks updating{.answers = {body(cluster({{"status", "UPDATING"}}))}};
        CHECK(updating.ask().status == "UPDATING");
        CHECK(updating.waits.empty());

        Eks incomplete{.answers = {with_status("UPDATING"), body(cluster())}};
        CHECK(incomplete.ask().status == "ACTIVE");

        for (const auto* status : {"FAILED", "DELETING"}) {
                Eks ended{.answers = {body(cluster({{"status", status}}))}};
                const auto result = refusal([&] { ended.ask(); });
                CHECK(result.failure == "cluster-unusable");
                CHECK(result.mentions(std::string("the cluster 'blue' in cn-north-1 is ") + status));
        }
}

TEST_CASE("A refusal is explained, with its remedy", "[cluster]")
{
        const auto denied = explained("AccessDeniedException");
        CHECK(denied.failure == "cluster-denied");
        CHECK(denied.mentions("the instance's role 'eks-node' may not call eks:DescribeCluster"));
        CHECK(denied.mentions("its words"));
        CHECK(denied.remedy.find("arn:aws-cn:eks:cn-north-1:111122223333:cluster/blue") !=
                std::string::npos);
        CHECK(explained("AccessDeniedException", "").mentions("the credentials in the environment may not"));

        const auto absent = explained("ResourceNotFoundException");
        CHECK(absent.failure == "cluster-not-found");
        CHECK(absent.mentions("no cluster 'blue' in the region cn-north-1 of the account 111122223333"));

        for (const auto& [kind, failure] : {std::pair("UnrecognizedClientException", "cluster-denied"),
                     std::pair("InvalidSignatureException", "cluster-denied"),
                     std::pair("ExpiredTokenException", "aws-credentials-expired")}) {
                CHECK(explained(kind).failure == failure);
                CHECK(explained(kind).remedy.find("clock") != std::string::npos);
        }

        CHECK(explained("SomethingNewException").failure == "aws-refused");
        CHECK(explained("").failure == "aws-refused");

        Eks refuses{.answers = {}};
        CHECK(refusal([] {
                wait_for_cluster(question,
                        {.describe = []() -> std::string {
                                 throw AwsRefused("no", {"ResourceNotFoundException", {}}, "r", {});
                         },
                                .wait = {},
                                .limit = 1s});
        }).failure == "cluster-not-found");
}

TEST_CASE("The endpoint is for FIPS and for both families where it has to be", "[cluster]")
{
        const InstanceFacts ipv4{.region = "us-west-2", .local_ipv4 = "10.0.0.1"};
        const InstanceFacts ipv6{.region = "us-west-2"};
        CHECK_FALSE(eks_endpoint(ipv4, false).fips);
        CHECK_FALSE(eks_endpoint(ipv4, false).dual_stack);
        CHECK(eks_endpoint(ipv4, true).fips);
        CHECK(eks_endpoint(ipv6, false).dual_stack);
        CHECK_FALSE(eks_endpoint({.region = "eu-west-1", .local_ipv4 = "10.0.0.1"}, true).fips);

        const Variable fips("AWS_USE_FIPS_ENDPOINT", "false");
        const Variable dual_stack("AWS_USE_DUALSTACK_ENDPOINT", "true");
        CHECK_FALSE(eks_endpoint(ipv4, true).fips);
        CHECK(eks_endpoint(ipv4, true).dual_stack);
}

TEST_CASE("cluster.json holds the answer for everybody to read", "[cluster]")
{
        const auto plan = planned("    name: blue\n", parsed_answer());
        const auto& file = file_in(plan, "/run/eks/cluster.json");
        CHECK(file.mode == 0644);
        CHECK(Json::parse(file.content) == Json{{"cluster", parsed_answer().cluster},
                                                   {"region", "cn-north-1"}, {"status", "ACTIVE"},
                                                   {"version", "1.34"}});
        CHECK(plan.notes.empty());
}

TEST_CASE("Configured values are kept, and differences are reported", "[cluster]")
{
        const auto plan = planned(
                "    name: blue\n    cidr: 10.97.0.0/16\n    certificateAuthority: eA==\n", parsed_answer());
        REQUIRE(plan.notes.size() == 2);
        CHECK(plan.notes[0].level == Level::warning);
        CHECK(plan.notes[0].text ==
                "user data, line 7, column 5: cluster.certificateAuthority differs from what "
                "EKS says of the cluster, proceeding");
        CHECK(plan.notes[1].text ==
                "user data, line 6, column 5: cluster.cidr = \"10.97.0.0/16\" differs from what "
                "EKS says of the cluster, \"10.96.0.0/16\", proceeding");
}

TEST_CASE("The completed configuration is checked as a complete one is", "[cluster]")
{
        const auto family = refusal([] {
                auto document = document_of("    name: blue\n");
                document.tree["spec"]["cluster"]["ipFamily"] = "ipv6"; // no key of NodeConfig
                plan_cluster(document, nullptr, question, parsed_answer());
        });

        CHECK(family.failure == "config-invalid");
        CHECK(family.mentions("cluster.ipFamily"));

        const auto no_range = refusal([&] {
                planned("    name: blue\n", parsed_answer({{"kubernetesNetworkConfig", nullptr}}));
        });

        CHECK(no_range.failure == "config-invalid");
        CHECK(no_range.mentions("cluster.cidr: missing"));

        const auto bad = refusal([&] {
                planned("    name: blue\n", parsed_answer({{"endpoint", "ftp://x"}}));
        });

        CHECK(bad.mentions(
                "EKS DescribeCluster: cluster.apiServerEndpoint = \"ftp://x\": not an https URL"));

        const Json outpost{{"outpostArns", {"arn:aws:outposts:us-west-2:1:outpost/op-1"}}};
        CHECK(refusal([&] {
                planned("    name: blue\n", parsed_answer({{"outpostConfig", outpost}}));
        }).mentions("cluster.id is missing"));

        CHECK(refusal([&] {
                planned("    name: blue\n    enableOutpost: false\n",
                        parsed_answer({{"outpostConfig", outpost}}));
        }).failure == "nothing");

        // The address of the DNS service stands for the range.
        CHECK(refusal([&] {
                const auto node =
                        document_of("    name: blue\n  kubelet: {config: {clusterDNS: [10.1.0.10]}}\n");
                plan_cluster(node, nullptr, question, parsed_answer({{"kubernetesNetworkConfig", nullptr}}));
        }).failure == "nothing");
}
