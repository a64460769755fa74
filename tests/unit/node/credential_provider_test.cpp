// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "credential_provider.hpp"
#include "fixture.hpp"

using namespace eks;
using test::ReferenceNode;
using test::refusal;

namespace {

Json rendered(const NodeInputs& node)
{
        const auto plan = plan_credential_provider(node);
        REQUIRE(plan.files.size() == 1);
        CHECK(plan.files[0].path == "/etc/eks/image-credential-provider/config.json");
        CHECK(plan.files[0].mode == 0644);
        return Json::parse(plan.files[0].content);
}

} // namespace

TEST_CASE("The credential provider's configuration is the reference's, version by version",
        "[credential-provider]")
{
        const ReferenceNode node;
        const auto wanted = Json::parse(test::reference("credential-provider.json"));
        auto before_132 = wanted;
        auto& images = before_132["providers"][0]["matchImages"];
        REQUIRE(images.back() == "ecr-public.aws.com");
        images.erase(images.size() - 1);
        for (unsigned minor = 28; minor <= 36; ++minor) {
                CAPTURE(minor);
                CHECK(rendered(node.inputs({}, {1, minor, 0})) == (minor >= 32 ? wanted : before_132));
        }
        CHECK(rendered(node.inputs({}, {1, 31, 99})) == before_132);
}

TEST_CASE("The provider is named after its binary", "[credential-provider]")
{
        const ReferenceNode node;
        auto inputs = node.inputs();
        inputs.credential_provider = "/opt/bin/my-provider";
        CHECK(rendered(inputs)["providers"][0]["name"] == "my-provider");
}

TEST_CASE("A missing provider binary is an error before kubelet finds out", "[credential-provider]")
{
        const ReferenceNode node;
        const auto inputs = node.inputs();
        const auto result = refusal([&] { require_credential_provider(inputs); });
        CHECK(result.failure == "credential-provider-missing");
        CHECK(result.mentions("'/etc/eks/image-credential-provider/ecr-credential-provider'"));
        CHECK(result.remedy.find("ECR_CREDENTIAL_PROVIDER_BIN_PATH") != std::string::npos);
        node.write(inputs.credential_provider, "", 0755);
        CHECK(refusal([&] { require_credential_provider(inputs); }).failure == "nothing");
}

TEST_CASE("A vendor file without a provider is the vendor's fault", "[credential-provider]")
{
        const ReferenceNode node;
        for (const auto* text : {"", "{", "{}", R"({"providers": []})", R"({"providers": [{}]})",
                     R"({"providers": 5})", "[]"}) {
                CAPTURE(text);
                node.write(credential_provider_template, text);
                const auto result = refusal([&] { plan_credential_provider(node.inputs()); });
                CHECK(result.failure == "vendor-file");
                CHECK(result.mentions(credential_provider_template));
        }
}
