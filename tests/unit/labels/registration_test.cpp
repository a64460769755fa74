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
        inputs.spec.labels = {
                {"team", "${tag.team}"}, {"example.com/type", "is-${imds.instanceType}"}, {"empty", ""}};
        inputs.spec.taints = {"team=${tag.team}:NoSchedule", "gpu:NoExecute"};
        CHECK(configured_labels(inputs) ==
                Labels{{"empty", ""}, {"example.com/type", "is-m5.large"}, {"team", "a"}});
        CHECK(configured_taints(inputs) ==
                std::vector<Taint>{{"team", "a", "NoSchedule"}, {"gpu", "", "NoExecute"}});
}

TEST_CASE("What the facts make wrong is refused, with its key", "[registration]")
{
        auto inputs = node();
        inputs.spec.labels = {{"a.b/team", "${tag.owner}"}};
        auto result = refusal([&] { configured_labels(inputs); });
        CHECK(result.failure == "config-invalid");
        CHECK(result.mentions(
                "node.labels.\"a.b/team\" = \"${tag.owner}\": the instance has no tag 'owner'"));
        inputs.spec.labels = {{"team", "${tag.bad}"}};
        CHECK(refusal([&] {
                configured_labels(inputs);
        }).mentions("node.labels.team = \"a b\": the value may"));
        for (const auto* taint : {"a=${tag.owner}:NoSchedule", "a=${tag.bad}:NoSchedule", "a=b"}) {
                inputs.spec.taints = {taint};
                result = refusal([&] { configured_taints(inputs); });
                CHECK(result.failure == "config-invalid");
                CHECK(result.mentions("node.taints = "));
        }
}
