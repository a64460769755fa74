// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdlib>

#include <catch2/catch.hpp>

#include "base/environment.hpp"
#include "base/text.hpp"
#include "fixture.hpp"
#include "node/hosts_block.hpp"
#include "node/proxy.hpp"

using namespace eks;
using test::ReferenceNode;
using test::refusal;

namespace {

ProxySettings proxy(const std::string& url = "http://proxy.example:3128")
{
        return {.http = url, .https = url, .services = {"containerd"}, .source = "node.toml, line 1"};
}

NodeInputs with(const ReferenceNode& node, ProxySettings settings)
{
        auto inputs = node.inputs();
        inputs.spec.host.proxy = std::move(settings);
        return inputs;
}

bool is_near(const NodeInputs& node, const std::string& item)
{
        const auto all = no_proxy(node);
        const auto items = split(all, ',');
        return std::ranges::find(items, item) != items.end();
}

// What is said of the settings of proxy in a layer.
std::vector<std::string> problems_of(const Json& settings)
{
        Problems problems;
        proxy_settings({{"proxy", settings}}, {}, problems);
        return problems.texts();
}

} // namespace

TEST_CASE("What is near the node is not reached through the proxy", "[proxy]")
{
        const ReferenceNode node;
        auto inputs = with(node, proxy());
        inputs.facts.all["interfaces"] = {{{"vpcIpv4Cidrs", {"10.0.0.0/16", "203.0.113.0/24"}}},
                {{"vpcIpv4Cidrs", {"10.0.0.0/16"}}, {"vpcIpv6Cidrs", {"2001:db8::/56"}}}};
        inputs.spec.host.proxy.no_proxy = {".corp.example", "localhost"};

        for (const auto* item : {"localhost", "::1", "169.254.169.254", "fd00:ec2::254", "169.254.169.123",
                     "fd00:ec2::123", "169.254.169.253", "fd00:ec2::253", "169.254.170.2", "169.254.170.23",
                     "fd00:ec2::23", "10.0.0.0/16", "203.0.113.0/24", "2001:db8::/56", ".internal", ".svc",
                     ".cluster.local", ".corp.example"})
                CHECK(is_near(inputs, item));
        CHECK(is_near(inputs, inputs.spec.cluster.service_cidr->text()));

        const auto all = no_proxy(inputs);
        CHECK(all.find("10.0.0.0/16") == all.rfind("10.0.0.0/16"));
        CHECK(all.find("localhost") == all.rfind("localhost"));
}

TEST_CASE("The API server is near if its addresses are private or of the VPC", "[proxy]")
{
        const ReferenceNode node;
        auto inputs = with(node, proxy());
        inputs.facts.all["interfaces"] = {{{"vpcIpv4Cidrs", {"203.0.113.0/24"}}}};
        inputs.spec.cluster.endpoint = "https://API.eks.example:443/x";
        CHECK_FALSE(is_near(inputs, "api.eks.example"));

        const auto found = [&](const std::string& fact) {
                node.write(api_server_path, fact);
                return no_proxy(inputs).find("eks.example") != std::string::npos;
        };

        const auto host = endpoint_host(inputs.spec.cluster.endpoint);
        CHECK(found(host + "\n"));
        CHECK_FALSE(found("other.example\n"));
        CHECK_FALSE(found(""));

        for (const auto& [endpoint, address, near] : std::vector<std::tuple<std::string, std::string, bool>>{
                     {"https://10.1.2.3:6443", "10.1.2.3", true}, {"https://[fd00::7]", "fd00::7", true},
                     {"https://203.0.113.9", "203.0.113.9", true},
                     {"https://198.51.100.1", "198.51.100.1", false}}) {
                inputs.spec.cluster.endpoint = endpoint;
                CHECK(is_near(inputs, address) == near);
        }
}

TEST_CASE("Services get the proxy in capitals and small letters, and their own variables over it", "[proxy]")
{
        const ReferenceNode node;
        auto inputs = with(node, proxy());
        inputs.spec.host.environments = {
                {"containerd", {{"https_proxy", "http://own.example"}, {"A", "b"}}, "key", "source"},
                {"kubelet", {{"A", "b"}}, "key", "source"}};
        const auto all = all_environments(inputs);
        REQUIRE(all.size() == 3);
        CHECK(all[0].service == "containerd");
        CHECK(all[0].variables.at("https_proxy") == "http://own.example");
        CHECK_FALSE(all[0].variables.contains("HTTPS_PROXY"));
        CHECK(all[0].variables.at("HTTP_PROXY") == "http://proxy.example:3128");
        CHECK(all[0].variables.at("http_proxy") == "http://proxy.example:3128");
        CHECK(all[0].variables.at("NO_PROXY") == all[0].variables.at("no_proxy"));
        CHECK(all[1].service == step_that_pulls);
        CHECK(all[2].variables.size() == 1);

        inputs.spec.host.proxy.https.clear();
        CHECK_FALSE(all_environments(inputs)[1].variables.contains("HTTPS_PROXY"));

        inputs.spec.host.proxy = {};
        CHECK(all_environments(inputs) == inputs.spec.host.environments);
}

TEST_CASE("Our own calls have NO_PROXY with a proxy of all services too", "[proxy]")
{
        const ReferenceNode node;
        auto inputs = node.inputs();
        auto& given = inputs.spec.host.environments;
        given = {{"default", {{"HTTPS_PROXY", "http://proxy.example:3128"}}, "key", "source"}};
        auto all = all_environments(inputs);
        REQUIRE(all.size() == 2);
        CHECK(all[0] == given[0]); // what daemons get stays as it is
        CHECK(all[1].service == step_that_pulls);
        CHECK(all[1].variables.size() == 1);

        const auto items = all[1].variables.at("EKS_NO_PROXY");
        CHECK(items.find("169.254.169.254,") != items.npos);
        CHECK(items.find(".internal,") != items.npos);
        CHECK(items.find(inputs.spec.cluster.service_cidr->text()) == items.npos);

        // The variables of this process, as of a step that asks AWS.
        const auto taken = [&] {
                for (const auto* name : {"HTTPS_PROXY", "NO_PROXY", "no_proxy"})
                        ::unsetenv(name);
                use_environment(inputs);
                return environment("NO_PROXY");
        };

        CHECK(taken() == items);
        CHECK(environment("HTTPS_PROXY") == "http://proxy.example:3128");

        ::setenv("no_proxy", "of.the.unit", 1);
        ::unsetenv("NO_PROXY");
        use_environment(inputs);
        CHECK(environment("NO_PROXY").empty());

        // The step that pulls takes its variable if nothing else has been given, by either name.
        ::setenv("EKS_NO_PROXY", "a,b", 1);
        use_missing_no_proxy();
        CHECK(environment("no_proxy") == "of.the.unit");
        CHECK(::getenv("NO_PROXY") == nullptr);

        ::unsetenv("no_proxy");
        use_missing_no_proxy();
        CHECK(environment("NO_PROXY") == "a,b");
        CHECK(environment("no_proxy") == "a,b");

        ::unsetenv("EKS_NO_PROXY");

        // The manager still has a variable of the configuration before this one, and another of the admin's.
        node.write("/run/eks/environment/default", "HTTP_PROXY=\"http://old\"\nALL_PROXY=\"http://old\"\n");
        ::setenv("HTTP_PROXY", "http://old", 1);
        ::setenv("ALL_PROXY", "http://admin", 1);
        use_environment(inputs);
        CHECK(::getenv("HTTP_PROXY") == nullptr);
        CHECK(environment("ALL_PROXY") == "http://admin");

        ::unsetenv("ALL_PROXY");

        // The user's own stands alone.
        for (const auto* name : {"NO_PROXY", "no_proxy"})
                for (const auto* value : {".example", ""}) {
                        given[0].variables = {{"https_proxy", "http://proxy.example:3128"}, {name, value}};
                        CHECK(all_environments(inputs) == given);
                        taken();
                        CHECK(environment(name) == value);
                        CHECK(environment(name == std::string("no_proxy") ? "NO_PROXY" : "no_proxy")
                                        .empty());
                }

        given[0].variables = {{"https_proxy", ""}};
        CHECK(all_environments(inputs) == given);

        given.push_back({"eks-sandbox-image", {{"NO_PROXY", "own"}}, "key", "source"});
        given[0].variables = {{"https_proxy", "http://proxy.example:3128"}};
        CHECK(all_environments(inputs)[1].variables.at("NO_PROXY") == "own");

        for (const auto* name : {"HTTPS_PROXY", "NO_PROXY", "https_proxy", "no_proxy"})
                ::unsetenv(name);
}

TEST_CASE("The login of a proxy is in a file for root alone, and encoded for the URL", "[proxy]")
{
        const ReferenceNode node;
        auto settings = proxy("http://proxy.example:3128/");
        settings.credentials_file = "/etc/eks/login";
        const auto url = [&] { return proxy_variables(with(node, settings)).at("HTTPS_PROXY"); };
        const auto refused = [&](const std::string& content, mode_t mode = 0600) {
                node.write("/etc/eks/login", content, mode);
                const auto result = refusal([&] { url(); });
                CHECK(result.what.find("hush") == std::string::npos);
                CHECK(result.failure == "config-invalid");
                return result.what;
        };

        const auto absent = refusal([&] { url(); });
        CHECK(absent.mentions("proxy.credentialsFile (node.toml, line 1)"));
        CHECK(absent.mentions("'/etc/eks/login'"));

        node.write("/etc/eks/login", "us@er:p:a/\xc3\xa9 %s\n", 0600);
        CHECK(url() == "http://us%40er:p%3Aa%2F%C3%A9%20%25s@proxy.example:3128");
        CHECK(refused("user:hush", 0644).find("may be read by others than root") != std::string::npos);

        for (const auto* broken : {"", "hush", ":hush", "user:hush\nmore\n", "user:hush\x07"})
                CHECK(refused(broken).find("does not hold a user and a password") != std::string::npos);
        settings.credentials_file = "site.proxy";
        CHECK(refusal([&] { url(); }).what.find("'site.proxy' is not there") != std::string::npos);

        for (const auto* directory : {"/run/credstore", "/etc/credstore", "/run/credentials/@system"}) {
                node.write(std::string(directory) + "/site.proxy", std::string("of:") + directory, 0600);
                CHECK(url().find(std::string(directory).substr(
                              directory == std::string("/run/credentials/@system") ? 18 : 5)) !=
                        std::string::npos);
        }
}

TEST_CASE("What is no proxy is refused, and not shown", "[proxy]")
{
        const auto wrong = [](const Json& settings) {
                auto texts = problems_of(settings);
                REQUIRE(texts.size() == 1);
                CHECK(texts[0].find("hush") == std::string::npos);
                return texts[0];
        };

        for (const auto* good : {"http://proxy.example:3128", "https://user:p%20w@[fd00::1]:3128/",
                     "socks5://10.0.0.1", "", " http://proxy.example "})
                CHECK(problems_of(Json{{"http", good}, {"https", good}}).empty());
        CHECK(wrong(Json{{"https", "proxy.example:3128"}}).ends_with("proxy.https: has no scheme"));
        CHECK(wrong(Json{{"http", "user:hush@proxy.example:3128"}}).ends_with("has no scheme"));
        CHECK(wrong(Json{{"http", "ftp://user:hush@p"}}).ends_with("has a scheme that proxies do not have"));
        CHECK(wrong(Json{{"http", "http://user:hu sh@p"}}).find("blank") != std::string::npos);
        CHECK(wrong(Json{{"http", "http://user:hush@hush@p"}}).find("percent-encoded") != std::string::npos);
        CHECK(wrong(Json{{"http", "http://p:99999"}}).find("host and port") != std::string::npos);
        CHECK(wrong(Json{{"http", "http://p/hush?a"}}).find("host and port") != std::string::npos);
        CHECK(wrong(Json{{"noProxy", Json::array({"a,b"})}}).find("proxy.noProxy") != std::string::npos);
        CHECK(wrong(Json{{"noProxy", Json::array({"a b"})}}).find("not a host") != std::string::npos);
        CHECK(wrong(Json{{"services", Json::array({"default"})}}).find("proxy.services") !=
                std::string::npos);
        CHECK(wrong(Json{{"services", Json::array({"a.service"})}}).find("not the name of a service") !=
                std::string::npos);
        CHECK(wrong(Json{{"credentialsFile", "/srv/login"}}).find("credentialsFile") != std::string::npos);
        CHECK(wrong(Json{{"credentialsFile", "/etc/eks/../../srv/login"}}).find("path") !=
                std::string::npos);
        CHECK(wrong(Json{{"credentialsFile", "a/b"}}).find("path") != std::string::npos);
        CHECK(wrong(Json{{"credentialsFile", "a"}, {"http", "http://user:hush@p"}})
                        .ends_with("holds a login, and so does proxy.credentialsFile"));
}
