// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "config/mirrors.hpp"
#include "document/toml.hpp"
#include "support.hpp"

using namespace eks;

namespace {

struct Read {
        std::vector<RegistryMirror> mirrors;
        Problems problems;
};

Read read(const std::string& toml)
{
        const auto layer = TomlDocument::parse(toml, "a.toml").layer("a.toml");
        Read read;
        read.mirrors = registry_mirrors(layer.tree, layer.marks, read.problems);
        return read;
}

// The only problem of one mirror's table.
std::string problem(const std::string& lines, const std::string& registry = "docker.io")
{
        const auto result = read("[registry.mirrors.\"" + registry + "\"]\n" + lines);
        CAPTURE(result.problems.texts());
        REQUIRE(result.problems.texts().size() == 1);
        CHECK_FALSE(result.problems.remedies().front().empty());
        return result.problems.texts().front();
}

const std::string right = "endpoints = ['https://m.example']\n";

} // namespace

TEST_CASE("All settings of mirrors are read", "[mirrors]")
{
        const auto [mirrors, problems] = read(R"(
[registry.mirrors."docker.io"]
endpoints = ["https://a.example/v2/hub", "http://127.0.0.1:5000"]
server = "https://registry-1.docker.io"
capabilities = ["pull", "resolve"]
ca = "/etc/ssl/m.crt"
clientCertificate = "/etc/ssl/c.crt"
clientKey = "/etc/ssl/c.key"
headersFile = "/etc/eks/mirror.headers"
overridePath = true
insecure = true
[registry.mirrors._default]
endpoints = ["https://all.example"]
)");
        CHECK(problems.texts().empty());
        REQUIRE(mirrors.size() == 2);
        CHECK(mirrors[0].registry == "_default");
        CHECK_FALSE(mirrors[0].insecure);
        const auto& m = mirrors[1];
        CHECK(m.registry == "docker.io");
        CHECK(m.endpoints == std::vector<std::string>{"https://a.example/v2/hub", "http://127.0.0.1:5000"});
        CHECK(m.server == "https://registry-1.docker.io");
        CHECK(m.capabilities == std::vector<std::string>{"pull", "resolve"});
        CHECK(m.ca == "/etc/ssl/m.crt");
        CHECK(m.client_certificate == "/etc/ssl/c.crt");
        CHECK(m.client_key == "/etc/ssl/c.key");
        CHECK(m.headers_file == "/etc/eks/mirror.headers");
        CHECK(m.override_path);
        CHECK(m.insecure);
        CHECK(m.source == "a.toml, line 3, column 1");
        CHECK(read("[kubelet]\n").mirrors.empty());
}

TEST_CASE("Plain http needs to be asked for", "[mirrors]")
{
        for (const auto* lines : {"endpoints = ['https://a.example', 'http://b.example']\n",
                     "endpoints = ['https://a.example']\nserver = 'http://b.example'\n"}) {
                CAPTURE(lines);
                const auto text = problem(lines);
                CHECK(text.starts_with("a.toml, line "));
                CHECK(text.find("http://b.example") != std::string::npos);
                CHECK(text.find("unprotected") != std::string::npos);
                CHECK(read("[registry.mirrors.a]\ninsecure = true\n" + std::string(lines)).problems.empty());
        }
}

TEST_CASE("An invalid mirror is refused with its place", "[mirrors]")
{
        CHECK(problem("endpoints = ['https://a.example']\nendpoint = 'x'\n")
                        .find("did you mean 'endpoints'?") != std::string::npos);
        CHECK(problem("").find("has no endpoints") != std::string::npos);
        CHECK(problem("endpoints = []\n").find("has no endpoints") != std::string::npos);

        for (const auto* url :
                {"m.example", "ftp://m.example", "https://", "https:///v2", "https://user:pw@m.example",
                        "https://m.example?x=1", "https://m.example/a b", "https://m.exa\\nmple",
                        "https://m:99999", "https://m:0", "https://m:", "https://m:x", "https://[::1",
                        "https://::1]", "https://[::g]", "https://fd00::1", "https://m/[::1]@x"}) {
                CAPTURE(url);
                problem("endpoints = [\"" + std::string(url) + "\"]\n");
                problem(right + "server = \"" + url + "\"\n");
        }

        for (const auto* line : {"endpoints = 'https://m.example'\n", "endpoints = [1]\n"})
                problem(line);

        for (const auto* line : {"capabilities = ['pul']\n", "ca = 'm.crt'\n", "ca = '/a/../b'\n",
                     "insecure = 'yes'\n", "overridePath = 1\n", "capabilities = []\n",
                     "headersFile = '/var/x'\n", "headersFile = '/etc/eks/../x'\n", "clientKey = '/k'\n",
                     "clientCertificate = '/c'\n"}) {
                CAPTURE(line);
                problem(right + line);
        }

        for (const auto* registry :
                {"../x", "a/b", "", ".", "a..b", "_other", "a b", "a:0", "[::1", "fd00::1"}) {
                CAPTURE(registry);
                problem(right, registry);
        }

        CHECK(read("[registry]\nmirrors = {a = 1}\n").problems.texts().size() == 1);
}

TEST_CASE("Hosts may be in upper case and addresses of IPv6", "[mirrors]")
{
        const auto [mirrors, problems] = read(R"(
[registry.mirrors."R.Example:5000"]
endpoints = ["HTTPS://M.Example/V2/Hub", "https://[FD00::1]:5000", "https://10.0.0.1:65535/"]
server = "https://R.Example/"
[registry.mirrors."[fd00::1]:5000"]
endpoints = ["https://m"]
)");
        CHECK(problems.texts().empty());
        REQUIRE(mirrors.size() == 2);
        CHECK(mirrors[0].registry == "R.Example:5000"); // as in the names of images
        CHECK(mirrors[0].endpoints == std::vector<std::string>{"https://m.example/V2/Hub",
                                              "https://[fd00::1]:5000", "https://10.0.0.1:65535/"});
        CHECK(mirrors[0].server == "https://r.example/");
        CHECK(mirrors[1].registry == "[fd00::1]:5000");
}

TEST_CASE("The same mirror twice is refused", "[mirrors]")
{
        for (const auto* other :
                {"https://m.example/hub", "https://m.example/hub//", "hTTps://M.example/hub/"}) {
                CAPTURE(other);
                const auto text =
                        problem("endpoints = ['https://m.example/hub', '" + std::string(other) + "']\n");
                CHECK(text.starts_with("a.toml, line 2"));
                CHECK(text.find("registry.mirrors.\"docker.io\".endpoints = \"" + std::string(other) +
                                "\"") != std::string::npos);
                CHECK(text.find("is there twice") != std::string::npos);
        }
        CHECK(read("[registry.mirrors.a]\nendpoints = ['https://m/a', 'https://m/A', 'https://m']\n")
                        .problems.empty());
}
