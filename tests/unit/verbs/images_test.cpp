// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include <catch2/catch.hpp>

#include "fixture.hpp"
#include "verbs/images/images.hpp"

using namespace eks;
using test::refusal;

namespace {

// As EKS answers: the newest first, though nothing says so.
const auto kube_proxy = R"({"addons": [{"addonName": "kube-proxy", "addonVersions": [
        {"addonVersion": "v1.27.12-eksbuild.5", "compatibilities": [
                {"clusterVersion": "1.27", "defaultVersion": false}]},
        {"addonVersion": "v1.27.6-eksbuild.2", "compatibilities": [
                {"clusterVersion": "1.28", "defaultVersion": false},
                {"clusterVersion": "1.27", "platformVersions": ["*"], "defaultVersion": true}]},
        {"addonVersion": "v1.27.9-eksbuild.10", "compatibilities": [
                {"clusterVersion": "1.27", "defaultVersion": false}]},
        {"addonVersion": "v9-odd", "compatibilities": [{"clusterVersion": "1.27", "defaultVersion": true}]},
        {"addonVersion": "v1.28.1-eksbuild.1", "compatibilities": [
                {"clusterVersion": "1.28", "defaultVersion": true}]}]}]})";
const auto vpc_cni = R"({"addons": [{"addonName": "vpc-cni", "addonVersions": [
        {"addonVersion": "v1.18.3-eksbuild.1", "compatibilities": [{"clusterVersion": "1.27"}]},
        {"addonVersion": "v1.15.1-eksbuild.1", "compatibilities": [
                {"clusterVersion": "1.27", "defaultVersion": true}]}]}]})";

using Names = std::vector<std::string>;

Addon addon(const char* answer, const char* kubernetes = "1.27", const char* name = nullptr)
{
        return parse_addon(Json::parse(answer),
                name != nullptr     ? name
                : answer == vpc_cni ? "vpc-cni"
                                    : "kube-proxy",
                kubernetes);
}

Arguments arguments(std::vector<std::string> words)
{
        words.insert(words.begin(), "eksnode-images");
        std::vector<char*> argv;
        for (auto& word : words)
                argv.push_back(word.data());
        return Arguments::parse(static_cast<int>(argv.size()), argv.data(),
                {"region=", "fips", "dualstack", "login=", "pin",
                        "kubernetes-version=", "addons=", "dry-run", "root="});
}

} // namespace

TEST_CASE("Of an add-on, EKS's default and the highest version count", "[images]")
{
        const auto proxy = addon(kube_proxy);
        CHECK(proxy.preferred->text() == "v1.27.6-eksbuild.2");
        CHECK(proxy.latest->text() == "v1.27.12-eksbuild.5");
        CHECK(proxy.latest->minimal() == "v1.27.12-minimal-eksbuild.5");
        CHECK(addon(kube_proxy, "1.28").latest->text() == "v1.28.1-eksbuild.1");
        for (const auto* answer : {"{}", "[]", R"({"addons": 1})", R"({"addons": [{}]})",
                     R"({"addons": [{"addonName": "kube-proxy", "addonVersions": [{"addonVersion": 1}]}]})"}) {
                CAPTURE(answer);
                CHECK(refusal([&] { addon(answer); }).failure == "aws-answer");
        }
        for (const auto* text : {"", "v1.2.3", "1.2.3-eksbuild.1", "v1.2.3-eksbuild.", "v1.2.3-eksbuild.x",
                     "v1.2.3-minimal-eksbuild.1"})
                CHECK_FALSE(parse_addon_version(text));
}

TEST_CASE("A version that an add-on is not offered for is an error", "[images]")
{
        for (const auto* kubernetes : {"1.2", "1.99", ""}) {
                const auto none = refusal([&] { addon(kube_proxy, kubernetes); });
                CHECK(none.failure == "image-absent");
                CHECK(none.mentions(
                        "no version of the add-on 'kube-proxy' for Kubernetes " + std::string(kubernetes)));
        }
        CHECK(refusal([&] { addon(R"({"addons": []})"); }).failure == "image-absent");
        CHECK(refusal([&] { addon(kube_proxy, "1.27", "vpc-cni"); }).failure == "image-absent");
}

TEST_CASE("Each verb has its own options", "[images]")
{
        CHECK(images_command(arguments({"list", "--root=/x"})).verb == "list");
        CHECK(images_command(arguments({"cache", "--fips", "--dualstack", "--region=a", "--dry-run",
                                     "--addons=b", "--kubernetes-version=1.34"}))
                        .verb == "cache");
        CHECK(images_command(arguments({"pull", "--pin", "--login=f", "a", "b"})).images == Names{"a", "b"});
        CHECK(images_command(arguments({"pin", "--", "--pin", "--"})).images == Names{"--pin", "--"});

        for (const auto& words : std::vector<Names>{{}, {"lists"}, {"list", "a"}, {"list", "--pin"}, {"pin"},
                     {"pin", "--login=f", "a"}, {"pull"}, {"pull", "--fips", "a"}, {"pull", "--"},
                     {"registry", "--dry-run"}, {"cache", "--login=f"}, {"cache", "--pin"}}) {
                CAPTURE(words);
                CHECK(refusal([&] { images_command(arguments(words)); }).failure == "usage");
        }

        CHECK(refusal([&] {
                images_command(arguments({"list", "--fips"}));
        }).mentions("list: unknown option '--fips'"));
}

TEST_CASE("A registry is asked by the name that was wanted, or that its kernel wants", "[images]")
{
        const test::ReferenceNode node;
        const auto west = ecr_registry(node.root(), "us-west-2");
        const auto host = [&](const Names& options, bool fips_kernel, bool known = true) {
                return registry_host(
                        west, arguments(options), fips_kernel, [&](const std::string&) { return known; });
        };

        CHECK(host({}, false) == "602401143452.dkr.ecr.us-west-2.amazonaws.com");
        CHECK(host({}, true) == "602401143452.dkr.ecr-fips.us-west-2.amazonaws.com");
        CHECK(host({}, true, false) == "602401143452.dkr.ecr.us-west-2.amazonaws.com");
        CHECK(host({"--fips"}, false, false) == "602401143452.dkr.ecr-fips.us-west-2.amazonaws.com");
        CHECK(host({"--dualstack"}, false) == "602401143452.dkr-ecr.us-west-2.on.aws");
        CHECK(host({"--dualstack"}, true) == "602401143452.dkr-ecr-fips.us-west-2.on.aws");
        CHECK(host({"--dualstack"}, true, false) == "602401143452.dkr-ecr.us-west-2.on.aws");

        const auto isolated = ecr_registry(node.root(), "us-iso-east-1");
        CHECK(refusal([&] {
                registry_host(isolated, arguments({"--dualstack"}), false, resolves);
        }).failure == "usage");
}

TEST_CASE("What a node starts with is listed, each image once", "[images]")
{
        CHECK(cached_images({1, 27, 0}, addon(kube_proxy), addon(vpc_cni)) ==
                Names{"eks/pause:3.10", "eks/kube-proxy:v1.27.6-eksbuild.2",
                        "eks/kube-proxy:v1.27.12-eksbuild.5", "eks/kube-proxy:v1.27.6-minimal-eksbuild.2",
                        "eks/kube-proxy:v1.27.12-minimal-eksbuild.5", "amazon-k8s-cni:v1.15.1-eksbuild.1",
                        "amazon-k8s-cni-init:v1.15.1-eksbuild.1", "amazon-k8s-cni:v1.18.3-eksbuild.1",
                        "amazon-k8s-cni-init:v1.18.3-eksbuild.1"});

        const auto minimal = [](const std::string& path) {
                return path.find("minimal") != std::string::npos;
        };

        CHECK(std::ranges::none_of(cached_images({1, 23, 0}, addon(kube_proxy), addon(vpc_cni)), minimal));
        CHECK(std::ranges::any_of(cached_images({1, 24, 0}, addon(kube_proxy), addon(vpc_cni)), minimal));

        const Addon one{.preferred = AddonVersion{{1, 30, 0}, 3}, .latest = AddonVersion{{1, 30, 0}, 3}};
        CHECK(cached_images({1, 30, 0}, one, {}) == Names{"eks/pause:3.10",
                                                            "eks/kube-proxy:v1.30.0-eksbuild.3",
                                                            "eks/kube-proxy:v1.30.0-minimal-eksbuild.3"});
        CHECK(cached_images({1, 30, 0}, {}, {}) == Names{"eks/pause:3.10"});
}

TEST_CASE("An image has its names in every region of the partition, and from FIPS endpoints", "[images]")
{
        const test::ReferenceNode node;
        const auto table = ecr_registries(node.root());
        const auto names = [&](const char* region, const char* path) {
                const auto registry = ecr_registry(node.root(), region);
                return aliases(table, registry.partition, *ecr_host(registry, false, false), path);
        };

        const auto has = [](const Names& all, const char* name) {
                return std::ranges::find(all, name) != all.end();
        };

        const auto pause = names("us-west-2", "eks/pause:3.10");
        CHECK(std::set(pause.begin(), pause.end()).size() == pause.size());
        CHECK(pause.size() == 34 - 1 + 4); // regions of the partition aws, FIPS names of the four in the US
        CHECK(has(pause, "602401143452.dkr.ecr-fips.us-west-2.amazonaws.com/eks/pause:3.10"));
        CHECK(has(pause, "590381155156.dkr.ecr.eu-south-1.amazonaws.com/eks/pause:3.10"));
        CHECK_FALSE(has(pause, "602401143452.dkr.ecr.us-west-2.amazonaws.com/eks/pause:3.10"));

        const auto of_fips =
                aliases(table, "aws", "602401143452.dkr.ecr-fips.us-west-2.amazonaws.com", "eks/pause:3.10");
        CHECK(of_fips.size() == pause.size());
        CHECK_FALSE(has(of_fips, "602401143452.dkr.ecr-fips.us-west-2.amazonaws.com/eks/pause:3.10"));
        CHECK(has(of_fips, "602401143452.dkr.ecr.us-west-2.amazonaws.com/eks/pause:3.10"));

        for (const auto& name : pause)
                CHECK(name.find("us-gov") == std::string::npos);
        CHECK(names("cn-north-1", "eks/pause:3.10") ==
                Names{"961992271922.dkr.ecr.cn-northwest-1.amazonaws.com.cn/eks/pause:3.10"});

        const auto cni = names("cn-north-1", "amazon-k8s-cni:v1.18.3-eksbuild.1");
        CHECK(cni == Names{"918309763551.dkr.ecr.cn-north-1.amazonaws.com.cn/amazon-k8s-cni:v1.18.3",
                             "961992271922.dkr.ecr.cn-northwest-1.amazonaws.com.cn/"
                             "amazon-k8s-cni:v1.18.3-eksbuild.1",
                             "961992271922.dkr.ecr.cn-northwest-1.amazonaws.com.cn/amazon-k8s-cni:v1.18.3"});
        CHECK(names("cn-north-1", "amazon-k8s-cni:v1.18.3-eksbuild.11").size() == 1);
        CHECK(names("cn-north-1", "eks/kube-proxy:v1.27.6-eksbuild.1").size() == 1);
}

TEST_CASE("Where a build is missing the one before may be there", "[images]")
{
        CHECK(earlier_build("eks/kube-proxy:v1.27.6-eksbuild.12") == "eks/kube-proxy:v1.27.6-eksbuild.11");
        CHECK(earlier_build("eks/kube-proxy:v1.27.6-minimal-eksbuild.2") ==
                "eks/kube-proxy:v1.27.6-minimal-eksbuild.1");
        for (const auto* path :
                {"eks/kube-proxy:v1.27.6-eksbuild.1", "eks/pause:3.10", "eks/a:v1-eksbuild.x"})
                CHECK(earlier_build(path).empty());
}

TEST_CASE("A login comes from a file that only its owner reads", "[images]")
{
        const test::TemporaryDirectory files;
        files.write("/login", "user:pass:word\n", 0600);
        const auto login = read_login(files("/login"), "r.example:5000");
        CHECK(login.server == "https://r.example:5000");
        CHECK(login.user == "user");
        CHECK(login.password == "pass:word");

        files.write("/open", "user:secret\n", 0644);
        const auto open = refusal([&] { read_login(files("/open"), "r"); });
        CHECK(open.failure == "config-invalid");
        CHECK_FALSE(open.mentions("secret"));

        for (const auto* text : {"", "secret", ":secret", "user:secret\nmore"}) {
                files.write("/bad", text, 0600);
                const auto bad = refusal([&] { read_login(files("/bad"), "r"); });
                CHECK(bad.failure == "config-invalid");
                CHECK_FALSE(bad.mentions("secret"));
        }

        CHECK(refusal([&] { read_login(files("/absent"), "r"); }).failure == "file-io");
}
