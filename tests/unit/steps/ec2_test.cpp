// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>

#include <catch2/catch.hpp>

#include "fixture.hpp"
#include "node/max_pods.hpp"
#include "steps/ec2/ec2.hpp"
#include "steps/kubelet-args/kubelet_args.hpp"

using namespace eks;
using namespace std::chrono_literals;
using test::file_in;
using test::ReferenceNode;
using test::refusal;

namespace {

// A host name that EC2 has not made.
NodeInputs with_own_host_name(const ReferenceNode& node, const std::string& spec = {})
{
        auto inputs = node.inputs(spec);
        inputs.facts.local_hostname = "worker7.corp.example";
        return inputs;
}

std::string instance_answer(const std::string& id, const std::string& name)
{
        return "<R><reservationSet><item><instancesSet><item><instanceId>" + id +
               "</instanceId><instanceType>m9.large</instanceType><privateDnsName>" + name +
               "</privateDnsName><placement><availabilityZone>us-west-2b</availabilityZone></placement>"
               "</item></instancesSet></item></reservationSet></R>";
}

const std::string type_answer =
        "<R><instanceTypeSet><item><instanceType>m9.large</instanceType>"
        "<hypervisor>nitro</hypervisor><vCpuInfo><defaultVCpus>2</defaultVCpus></vCpuInfo>"
        "<networkInfo><maximumNetworkInterfaces>5</maximumNetworkInterfaces>"
        "<ipv4AddressesPerInterface>10</ipv4AddressesPerInterface></networkInfo>"
        "</item></instanceTypeSet></R>";

// EC2, as it answers one call after the other; the last answer stands. An empty one is a refusal.
struct FakeEc2 {
        std::vector<std::string> instances = {};
        std::string types = type_answer;
        std::string kind = "UnauthorizedOperation"; // of the refusal
        std::size_t instance_calls = 0;
        std::size_t type_calls = 0;
        std::vector<std::chrono::milliseconds> waits = {};
        std::string status = {};

        std::string answer(const std::string& body) const
        {
                if (body.empty())
                        throw AwsRefused("EC2 refused", {kind, "no"}, "eks-node", "ec2:X");
                return body;
        }

        Ec2World world()
        {
                return {.describe_instance =
                                [this](const AwsRequest&) {
                                        const auto last = instances.size() - 1;
                                        return answer(instances.at(std::min(instance_calls++, last)));
                                },
                        .describe_type =
                                [this](const AwsRequest&) {
                                        ++type_calls;
                                        return answer(types);
                                },
                        .wait =
                                [this](std::chrono::milliseconds time, const std::string& text) {
                                        waits.push_back(time);
                                        status = text;
                                },
                        .limit = 600s};
        }
};

bool warns_of(const std::vector<Note>& notes, std::string_view part)
{
        return std::ranges::any_of(notes, [&](const Note& note) {
                return note.level == Level::warning && note.text.find(part) != note.text.npos;
        });
}

} // namespace

TEST_CASE("A host name tells the private name if it has the instance's address or id", "[ec2]")
{
        const auto tells = [](const char* host) {
                return tells_private_name(
                        {.instance_id = "i-0abc", .local_hostname = host, .local_ipv4 = "10.0.0.1"});
        };

        CHECK(tells("ip-10-0-0-1.us-west-2.compute.internal"));
        CHECK(tells("ip-10-0-0-1.corp.example"));
        CHECK(tells("ip-10-0-0-1.corp.example ip-10-0-0-1.other.example"));
        CHECK(tells("i-0abc.us-west-2.compute.internal"));
        CHECK_FALSE(tells("ip-10-0-0-2.us-west-2.compute.internal"));
        CHECK_FALSE(tells("worker7.corp.example"));
        CHECK_FALSE(tells(""));
        CHECK(tells_private_name({.instance_id = "i-0abc", .local_hostname = "i-0abc.ec2.internal"}));
}

TEST_CASE("EC2 is needed for nothing that the metadata, the configuration or the table tell", "[ec2]")
{
        const ReferenceNode node;
        CHECK_FALSE(ec2_needs(node.inputs()).any());
        CHECK(ec2_needs(with_own_host_name(node)).name);
        CHECK_FALSE(
                ec2_needs(with_own_host_name(node, "  featureGates: {InstanceIdNodeName: true}\n")).any());
        CHECK_FALSE(ec2_needs(with_own_host_name(node, "  kubelet:\n    flags: [--hostname-override=a]\n"))
                            .any());

        auto old = with_own_host_name(node);
        old.versions.kubelet = {1, 25, 0};
        CHECK_FALSE(ec2_needs(old).any());

        auto newer = node.inputs();
        newer.facts.instance_type = "m9.large";
        CHECK(ec2_needs(newer).limits_of == "m9.large");
        for (const auto* setting : {"    config: {maxPods: 50}\n", "    flags: [--max-pods=50]\n",
                     "    maxPodsExpression: '50'\n"}) {
                CAPTURE(setting);
                auto decided = node.inputs(std::string("  kubelet:\n") + setting);
                decided.facts.instance_type = "m9.large";
                CHECK_FALSE(ec2_needs(decided).any());
        }

        auto without_imds = node.inputs();
        without_imds.facts.instance_type.clear();
        without_imds.facts.availability_zone.clear();
        CHECK(ec2_needs(without_imds).type);
        CHECK(ec2_needs(without_imds).zone);
}

TEST_CASE("An instance that is starting is asked about again, at random growing intervals", "[ec2]")
{
        FakeEc2 ec2{.instances = {"", instance_answer("i-1", ""), instance_answer("i-1", "a.ec2.internal")}};
        ec2.kind = "InvalidInstanceID.NotFound";
        CHECK(wait_for_instance("i-1", true, ec2.world()).private_dns_name == "a.ec2.internal");
        REQUIRE(ec2.waits.size() == 2);
        CHECK((ec2.waits[0] >= 2s && ec2.waits[0] <= 4s));
        CHECK((ec2.waits[1] >= 4s && ec2.waits[1] <= 8s));
        CHECK(ec2.status.find("private DNS name") != std::string::npos);

        // Its type is known before its name.
        FakeEc2 unnamed{.instances = {instance_answer("i-1", "")}};
        CHECK(wait_for_instance("i-1", false, unnamed.world()).instance_type == "m9.large");

        FakeEc2 never{.instances = {instance_answer("i-1", "")}};
        CHECK(refusal([&] { wait_for_instance("i-1", true, never.world()); }).failure ==
                "private-name-missing");
        const auto waited = std::accumulate(never.waits.begin(), never.waits.end(), 0ms);
        CHECK(waited <= 600s);
        CHECK(waited > 500s);
}

TEST_CASE("The node is named as EC2 says", "[ec2]")
{
        const ReferenceNode node;
        auto inputs = with_own_host_name(node);
        FakeEc2 ec2{.instances = {instance_answer(
                            inputs.facts.instance_id, "ip-10-9-9-9.us-west-2.compute.internal")}};

        const auto answers = ask_ec2(inputs, ec2_needs(inputs), {}, ec2.world());
        CHECK(answers.notes.empty());
        CHECK(ec2.type_calls == 0);

        inputs.ec2 = answers.facts;
        const auto arguments = plan_kubelet_args(inputs).files.at(0).content;
        CHECK(arguments.find("--hostname-override=ip-10-9-9-9.us-west-2.compute.internal") !=
                arguments.npos);
}

TEST_CASE("A node that can do without EC2's answer starts, and says so", "[ec2]")
{
        const ReferenceNode node;
        auto inputs = with_own_host_name(node);
        inputs.facts.instance_type = "m9.large";
        FakeEc2 ec2{.instances = {""}, .types = ""};

        const auto answers = ask_ec2(inputs, ec2_needs(inputs), {}, ec2.world());
        CHECK(warns_of(answers.notes, "worker7.corp.example"));
        CHECK(warns_of(answers.notes, "m9.large"));
        CHECK(answers.facts.private_dns_name.empty());

        // Without a host name it has none at all.
        inputs.facts.local_hostname.clear();
        CHECK(refusal([&] { ask_ec2(inputs, ec2_needs(inputs), {}, ec2.world()); }).failure == "aws-denied");
}

TEST_CASE("Type and zone come from EC2 where the metadata service is off", "[ec2]")
{
        const ReferenceNode node;
        auto inputs = node.inputs();
        inputs.facts.instance_type.clear();
        inputs.facts.availability_zone.clear();

        FakeEc2 ec2{.instances = {instance_answer(
                            inputs.facts.instance_id, "ip-10-0-0-1.us-west-2.compute.internal")}};
        const auto answers = ask_ec2(inputs, ec2_needs(inputs), {}, ec2.world());
        CHECK(ec2.type_calls == 1); // the table lacks it, too

        inputs.ec2 = answers.facts;
        complete_facts(inputs.facts, answers.facts);
        CHECK(inputs.facts.availability_zone == "us-west-2b");
        std::vector<Note> notes;
        CHECK(max_pods(inputs, notes).effective == 5 * (10 - 1) + 2);
        CHECK(notes.empty());

        FakeEc2 silent{.instances = {""}};
        auto unknown = node.inputs();
        unknown.facts.availability_zone.clear();
        CHECK(refusal([&] { ask_ec2(unknown, ec2_needs(unknown), {}, silent.world()); }).failure ==
                "aws-denied");
}

TEST_CASE("The answers are kept for later boots of the same instance and host name", "[ec2]")
{
        const ReferenceNode node;
        const auto inputs = with_own_host_name(node);
        const Ec2Facts facts{.private_dns_name = "a.ec2.internal",
                .instance_type = "m9.large",
                .availability_zone = "us-west-2b",
                .types = {{"m9.large", {5, 10, 2, true}}}};

        const auto plan = plan_ec2(inputs.facts, {facts, {}});
        node.write(ec2_path, file_in(plan, std::string(ec2_path)).content);
        node.write(ec2_copy_path, file_in(plan, std::string(ec2_copy_path)).content);

        const auto loaded = load_ec2_facts(node.root(), inputs.facts.instance_id);
        CHECK(loaded.private_dns_name == "a.ec2.internal");
        CHECK(loaded.types.at("m9.large").max_enis == 5);
        CHECK(load_ec2_facts(node.root(), "i-of-another").private_dns_name.empty());

        const auto earlier = earlier_answers(node.root(), inputs.facts);
        CHECK(earlier.private_dns_name == "a.ec2.internal");
        CHECK(earlier.instance_type.empty()); // it may have changed
        CHECK_FALSE(remaining_needs({.name = true, .zone = true, .limits_of = "m9.large"}, earlier).any());
        CHECK(remaining_needs({.type = true, .limits_of = {}}, earlier).type);

        auto renamed = inputs.facts;
        renamed.local_hostname = "i-0abc.us-west-2.compute.internal";
        CHECK(earlier_answers(node.root(), renamed).private_dns_name.empty());

        node.write(ec2_copy_path, "{\"instanceId\":");
        CHECK(earlier_answers(node.root(), inputs.facts).private_dns_name.empty());
        node.write(ec2_path, "{\"instanceId\":");
        CHECK(refusal([&] { load_ec2_facts(node.root(), inputs.facts.instance_id); }).failure ==
                "facts-missing");
}
