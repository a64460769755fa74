// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "node/registration.hpp"
#include "support.hpp"

using namespace eks;
using test::refusal;

namespace {

NodeInputs node()
{
        NodeInputs inputs;
        inputs.facts.all = {{"instanceType", "m5.large"}, {"tags", {{"team", "a"}, {"bad", "a b"}}}};
        return inputs;
}

} // namespace

TEST_CASE("Labels and taints have the facts filled in", "[registration]")
{
        auto inputs = node();
        CHECK(configured_labels(inputs).empty());
        CHECK(configured_taints(inputs).empty());

        inputs.spec.registration.labels = {
                {"team", "${tag.team}"}, {"example.com/type", "is-${imds.instanceType}"}, {"empty", ""}};
        inputs.spec.registration.taints = {"team=${tag.team}:NoSchedule", "gpu:NoExecute"};
        CHECK(configured_labels(inputs) ==
                Labels{{"empty", ""}, {"example.com/type", "is-m5.large"}, {"team", "a"}});
        CHECK(configured_taints(inputs) ==
                std::vector<Taint>{{"team", "a", "NoSchedule"}, {"gpu", "", "NoExecute"}});
}

TEST_CASE("What the facts make wrong is refused, with its key", "[registration]")
{
        auto inputs = node();
        inputs.spec.registration.labels = {{"a.b/team", "${tag.owner}"}};
        auto result = refusal([&] { configured_labels(inputs); });
        CHECK(result.failure == "config-invalid");
        CHECK(result.mentions(
                "node.labels.\"a.b/team\" = \"${tag.owner}\": the instance has no tag 'owner'"));

        inputs.spec.registration.labels = {{"team", "${tag.bad}"}};
        CHECK(refusal([&] {
                configured_labels(inputs);
        }).mentions("node.labels.team = \"a b\": the value may"));

        for (const auto* taint : {"a=${tag.owner}:NoSchedule", "a=${tag.bad}:NoSchedule", "a=b"}) {
                inputs.spec.registration.taints = {taint};
                result = refusal([&] { configured_taints(inputs); });
                CHECK(result.failure == "config-invalid");
                CHECK(result.mentions("node.taints = "));
        }
}

TEST_CASE("EC2's private names have one domain in each region", "[registration]")
{
        struct Row {
                std::string_view host;
                std::string_view region;
                std::string_view name;
        };
        for (const auto& row : {
                     Row{"ip-10-0-0-1.us-west-2.compute.internal", "us-west-2",
                             "ip-10-0-0-1.us-west-2.compute.internal"},
                     Row{"ip-10-0-0-1.ec2.internal", "us-east-1", "ip-10-0-0-1.ec2.internal"},
                     Row{"ip-10-0-0-1.corp.example", "us-east-1", "ip-10-0-0-1.ec2.internal"},
                     Row{"ip-10-0-0-1.corp.example", "eu-central-1",
                             "ip-10-0-0-1.eu-central-1.compute.internal"},
                     Row{"ip-10-0-0-1.a.example b.example", "cn-north-1",
                             "ip-10-0-0-1.cn-north-1.compute.internal"},
                     Row{"ip-10-0-0-1", "us-gov-west-1", "ip-10-0-0-1.us-gov-west-1.compute.internal"},
                     Row{"i-0123456789abcdef0.corp.example", "us-west-2",
                             "i-0123456789abcdef0.us-west-2.compute.internal"},
                     Row{"i-0123456789abcdef0.ec2.internal", "us-east-1",
                             "i-0123456789abcdef0.ec2.internal"},
                     // names that are not EC2's stay
                     Row{"ip-10-0-0.corp.example", "us-west-2", "ip-10-0-0.corp.example"},
                     Row{"ip-a-b-c-d.corp.example", "us-west-2", "ip-a-b-c-d.corp.example"},
                     Row{"i-xyz.corp.example", "us-west-2", "i-xyz.corp.example"},
                     Row{"i-.corp.example", "us-west-2", "i-.corp.example"},
                     Row{"database.corp.example other", "us-west-2", "database.corp.example"},
             }) {
                CAPTURE(row.host, row.region);
                CHECK(ec2_private_name(row.host, row.region) == row.name);
        }
}
