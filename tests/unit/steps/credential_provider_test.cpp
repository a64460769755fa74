// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "fixture.hpp"
#include "steps/credential-provider/credential_provider.hpp"

using namespace eks;
using test::ReferenceNode;
using test::refusal;

namespace {

Json rendered_providers(const NodeInputs& node, mode_t mode = 0644)
{
        const auto plan = plan_credential_provider(node);
        REQUIRE(plan.files.size() == 1);
        CHECK(plan.files[0].path == "/etc/eks/image-credential-provider/config.json");
        CHECK(plan.files[0].mode == mode);
        return Json::parse(plan.files[0].content);
}

const std::string admin_directory = "/etc/eks/credential-providers.d";

std::string provider(const std::string& name)
{
        return Json{{"name", name}, {"matchImages", Json::array({"registry.example.com"})},
                {"defaultCacheDuration", "12h"}, {"apiVersion", "credentialprovider.kubelet.k8s.io/v1"}}
                .dump();
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
        for (unsigned minor = 28; minor <= 37; ++minor) {
                CAPTURE(minor);
                CHECK(rendered_providers(node.inputs({}, {1, minor, 0})) ==
                        (minor >= 32 ? wanted : before_132));
        }

        CHECK(rendered_providers(node.inputs({}, {1, 31, 99})) == before_132);
}

TEST_CASE("The provider is named after its binary", "[credential-provider]")
{
        const ReferenceNode node;
        auto inputs = node.inputs();
        inputs.credential_provider = "/opt/bin/my-provider";
        CHECK(rendered_providers(inputs)["providers"][0]["name"] == "my-provider");
}

TEST_CASE("A missing provider binary is an error before kubelet finds out", "[credential-provider]")
{
        const ReferenceNode node;
        const auto require = [&] {
                const auto inputs = node.inputs();
                return refusal(
                        [&] { require_credential_providers(inputs, plan_credential_provider(inputs)); });
        };

        const auto result = require();
        CHECK(result.failure == "credential-provider-missing");
        CHECK(result.mentions("'/etc/eks/image-credential-provider/ecr-credential-provider'"));
        CHECK(result.remedy.find("ECR_CREDENTIAL_PROVIDER_BIN_PATH") != std::string::npos);

        node.write("/etc/eks/image-credential-provider/ecr-credential-provider", "", 0755);
        CHECK(require().failure == "nothing");

        // Every provider's binary counts, and must be one.
        node.write(admin_directory + "/a.json", provider("site-provider"));
        CHECK(require().mentions("'/etc/eks/image-credential-provider/site-provider'"));

        node.write("/etc/eks/image-credential-provider/site-provider", "", 0644);
        CHECK(require().failure == "credential-provider-missing");
        CHECK_FALSE(require().mentions("ecr-credential-provider'"));
}

TEST_CASE("Providers of drop-ins come after ECR's, by systemd's rules", "[credential-provider]")
{
        const ReferenceNode node;
        node.write("/usr/lib/eks/credential-providers.d/20-vendor.json", provider("vendor-provider"));
        node.write("/usr/lib/eks/credential-providers.d/30-masked.json", provider("masked-provider"));
        node.write(admin_directory + "/30-masked.json", "");
        node.write(admin_directory + "/notes.txt", "no configuration");
        node.write(admin_directory + "/10-site.yaml",
                "kind: CredentialProviderConfig\n"
                "apiVersion: kubelet.config.k8s.io/v1\n"
                "providers:\n"
                "- {name: one, matchImages: [one.example.com], defaultCacheDuration: 1.5h, apiVersion: "
                "credentialprovider.kubelet.k8s.io/v1, args: [--x]}\n"
                "- name: two\n"
                "  matchImages: ['*.two.example.com:5000/team']\n"
                "  defaultCacheDuration: 0s\n"
                "  apiVersion: credentialprovider.kubelet.k8s.io/v1beta1\n"
                "  env:\n"
                "  - {name: A, value: b}\n");

        const auto config = rendered_providers(node.inputs(), 0600); // a user's provider may hold a secret
        std::vector<std::string> names;
        for (const auto& entry : config["providers"])
                names.push_back(entry["name"]);
        CHECK(names == std::vector<std::string>{"ecr-credential-provider", "one", "two", "vendor-provider"});
        CHECK(config["providers"][1]["args"] == Json::array({"--x"}));
        CHECK(config["providers"][2]["env"][0]["value"] == "b");
}

TEST_CASE("A drop-in of ECR's name takes its place, the user's own list takes all", "[credential-provider]")
{
        const ReferenceNode node;
        node.write(admin_directory + "/a.json", provider("ecr-credential-provider"));
        const auto config = rendered_providers(node.inputs(), 0600); // a user's provider may hold a secret
        REQUIRE(config["providers"].size() == 1);
        CHECK(config["providers"][0]["matchImages"] == Json::array({"registry.example.com"}));

        auto inputs = node.inputs();
        inputs.spec.kubelet.credential_provider_config["providers"] =
                Json::array({Json::parse(provider("own"))});
        const auto plan = plan_credential_provider(inputs);
        REQUIRE(plan.notes.size() == 1);
        CHECK(plan.notes[0].text.ends_with(", ignoring"));
        CHECK(Json::parse(plan.files[0].content)["providers"][0]["name"] == "own");
}

TEST_CASE("What kubelet would refuse in a provider is refused with its place", "[credential-provider]")
{
        const ReferenceNode node;
        struct Case {
                const char* field;
                Json value; // null: left out
        };
        const auto [field, value] = GENERATE(values<Case>({{"name", nullptr}, {"name", ""}, {"name", "a/b"},
                {"name", ".."}, {"name", 5}, {"matchImages", nullptr}, {"matchImages", Json::array()},
                {"matchImages", "registry.example.com"},
                {"matchImages", Json::array({"https://registry.example.com"})},
                {"matchImages", Json::array({""})}, {"defaultCacheDuration", nullptr},
                {"defaultCacheDuration", "12"}, {"defaultCacheDuration", "-1h"},
                {"defaultCacheDuration", "1day"}, {"defaultCacheDuration", ""}, {"defaultCacheDuration", 12},
                {"apiVersion", nullptr}, {"apiVersion", "v1"},
                {"apiVersion", "credentialprovider.kubelet.k8s.io/v2"}, {"args", "--x"},
                {"environment", "x"}}));
        auto entry = Json::parse(provider("site-provider"));
        entry.erase(field);

        if (!value.is_null())
                entry[field] = value;
        CAPTURE(entry.dump());
        node.write(admin_directory + "/a.json",
                "{\n \"kind\": \"CredentialProviderConfig\", \"providers\": [\n" + entry.dump() + "]}\n");
        const auto result = refusal([&] { plan_credential_provider(node.inputs()); });
        CHECK(result.failure == "config-invalid");
        CHECK(result.mentions(admin_directory + "/a.json, line 3"));
        CHECK(result.mentions(std::string("providers[0].") + field));

        // The same through the user's own configuration.
        node.write(admin_directory + "/a.json", "");
        auto inputs = node.inputs();
        inputs.spec.kubelet.credential_provider_config["providers"] = Json::array({entry});
        CHECK(refusal([&] { plan_credential_provider(inputs); }).failure == "config-invalid");
}

TEST_CASE("An invalid provider, a duplicate, and a too new one are refused", "[credential-provider]")
{
        const ReferenceNode node;
        const auto with = [&](const std::string& text, Version kubelet = {1, 35, 0}) {
                node.write(admin_directory + "/b.yaml", text);
                return refusal([&] { plan_credential_provider(node.inputs({}, kubelet)); });
        };

        CHECK(with("a: [").failure == "config-syntax");
        CHECK(with("- a").failure == "config-syntax");
        CHECK(with("kind: Pod").failure == "config-invalid");
        CHECK(with("kind: CredentialProviderConfig").failure == "config-invalid");
        CHECK(with("kind: CredentialProviderConfig\nproviders: [5]").failure == "config-invalid");
        CHECK(with(provider("site")).failure == "nothing");
        CHECK(with(provider("site"), {1, 25, 0}).mentions("apiVersion"));

        auto attributes = Json::parse(provider("site"));
        attributes["tokenAttributes"] = {{"serviceAccountTokenAudience", "x"}};
        CHECK(with(attributes.dump()).failure == "nothing");
        CHECK(with(attributes.dump(), {1, 32, 5}).mentions("1.33 and later"));

        node.write(admin_directory + "/a.json", provider("site"));
        const auto twice = with(provider("site"));
        CHECK(twice.failure == "config-invalid");
        CHECK(twice.mentions(admin_directory + "/a.json"));
        CHECK(twice.mentions(admin_directory + "/b.yaml"));

        node.write(admin_directory + "/a.json", "");
        node.write(admin_directory + "/b.yaml", "");
        auto inputs = node.inputs();
        inputs.spec.kubelet.credential_provider_config["providers"] =
                Json::array({Json::parse(provider("own")), Json::parse(provider("own"))});
        CHECK(refusal([&] { plan_credential_provider(inputs); }).mentions("providers[1]"));
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
