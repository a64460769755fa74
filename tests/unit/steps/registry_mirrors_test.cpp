// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "containerd/registries.hpp"
#include "fixture.hpp"
#include "steps/registry-mirrors/registry_mirrors.hpp"

using namespace eks;
using test::file_in;
using test::ReferenceNode;
using test::refusal;

namespace {

constexpr auto docker = "/etc/containerd/certs.d/docker.io/hosts.toml";

NodeInputs inputs(const ReferenceNode& node, std::vector<RegistryMirror> mirrors)
{
        auto all = node.inputs();
        all.spec.containerd.registry_mirrors = std::move(mirrors);
        return all;
}

} // namespace

TEST_CASE("A mirror becomes the file that containerd looks for", "[registry-mirrors]")
{
        const ReferenceNode node;
        node.write("/etc/eks/headers", "X-Token: a \"b\"\n\nX-Token: c\r\nA: d\n", 0600);

        for (const auto* file : {"/ca", "/c", "/k"})
                node.write(file, "");
        const auto plan = plan_registry_mirrors(inputs(
                node, {{.registry = "_default", .endpoints = {"https://all.example"}},
                              {.registry = "docker.io",
                                      .endpoints = {"https://z.example", "http://a.example:5000/v2/hub"},
                                      .server = "https://registry-1.docker.io",
                                      .capabilities = {"pull", "resolve"},
                                      .ca = "/ca",
                                      .client_certificate = "/c",
                                      .client_key = "/k",
                                      .headers_file = "/etc/eks/headers",
                                      .override_path = true,
                                      .insecure = true}}));
        CHECK(plan.notes.empty());

        const std::string head = "# Rendered by eks-registry-mirrors from registry.mirrors; see "
                                 "eks-registry-mirrors.service(8).\n";
        const auto& all = file_in(plan, "/etc/containerd/certs.d/_default/hosts.toml");
        CHECK(all.content == head + "\n[host.\"https://all.example\"]\n");
        CHECK(all.mode == 0644);

        const auto& one = file_in(plan, docker);
        const std::string common =
                "capabilities = [\"pull\", \"resolve\"]\nca = \"/ca\"\nclient = [[\"/c\", \"/k\"]]\n"
                "override_path = true\n";
        const auto header = [](const std::string& endpoint) {
                return "\n[host.\"" + endpoint +
                       "\".header]\n\"A\" = [\"d\"]\n\"X-Token\" = [\"a \\\"b\\\"\", \"c\"]\n";
        };

        CHECK(one.content == head + "server = \"https://registry-1.docker.io\"\n" +
                                     "\n[host.\"https://z.example\"]\n" + common + "skip_verify = true\n" +
                                     header("https://z.example") +
                                     "\n[host.\"http://a.example:5000/v2/hub\"]\n" + common +
                                     header("http://a.example:5000/v2/hub"));
        CHECK(one.mode == 0600);
}

TEST_CASE("A mirror in place of the registry has one set of connection settings", "[registry-mirrors]")
{
        const ReferenceNode node;
        node.write("/etc/eks/headers", "A: d\n", 0600);
        node.write("/ca", "");
        const auto content = [&](const std::string& server) {
                return file_in(plan_registry_mirrors(inputs(node, {{.registry = "docker.io",
                                                                          .endpoints = {"https://a/v2/hub"},
                                                                          .server = server,
                                                                          .capabilities = {"pull"},
                                                                          .ca = "/ca",
                                                                          .headers_file = "/etc/eks/headers",
                                                                          .override_path = true,
                                                                          .insecure = true}})),
                        docker)
                        .content;
        };

        const std::string more = "ca = \"/ca\"\noverride_path = true\nskip_verify = true\n";
        const auto same = content("https://a/v2/hub/");
        CHECK(same.find("server = \"https://a/v2/hub/\"\n" + more +
                        "\n[header]\n\"A\" = [\"d\"]\n\n[host.") != std::string::npos);
        CHECK(content("https://b").find("server = \"https://b\"\n\n[host.") != std::string::npos);
}

TEST_CASE("Files that a mirror names and that are not there are told", "[registry-mirrors]")
{
        const ReferenceNode node;
        const auto plan = plan_registry_mirrors(inputs(node,
                {{.registry = "a", .endpoints = {"https://b"}, .ca = "/nowhere", .source = "x, line 1"}}));
        REQUIRE(plan.notes.size() == 1);
        CHECK(plan.notes[0].text.find("x, line 1") != std::string::npos);
        CHECK(plan.notes[0].text.find("'/nowhere' is not there") != std::string::npos);
}

TEST_CASE("Bad headers are refused without showing them", "[registry-mirrors]")
{
        const ReferenceNode node;
        const auto refused = [&] {
                return refusal([&] {
                        plan_registry_mirrors(inputs(node, {{.registry = "a",
                                                                   .endpoints = {"https://b"},
                                                                   .headers_file = "/etc/eks/headers",
                                                                   .source = "x, line 1"}}));
                });
        };

        CHECK(refused().mentions("'/etc/eks/headers' is not there"));

        for (const auto* text : {"A: b\nsecret", ": secret", "A:\n", "A B: secret", "A: sec\001ret"}) {
                node.write("/etc/eks/headers", text, 0600);
                const auto result = refused();
                CHECK(result.failure == "config-invalid");
                CHECK(result.mentions("registry.mirrors (x, line 1)"));
                CHECK(result.mentions("has no header in line "));
                CHECK_FALSE(result.mentions("sec"));
        }
}

TEST_CASE("A file of headers that others may read is refused", "[registry-mirrors]")
{
        const ReferenceNode node;
        node.write("/etc/eks/headers", "X-Token: secret\n");
        const auto path = node("/etc/eks/headers");
        const auto refused = [&] {
                return refusal([&] {
                        plan_registry_mirrors(inputs(node, {{.registry = "a",
                                                                   .endpoints = {"https://b"},
                                                                   .headers_file = "/etc/eks/headers",
                                                                   .source = "x, line 1"}}));
                });
        };

        for (const mode_t mode : {0644, 0604, 0602, 0601}) {
                ::chmod(path.c_str(), mode);
                CHECK(refused().failure == "config-invalid");
                CHECK(refused().mentions("'/etc/eks/headers' may be read by others than root"));
                CHECK(refused().remedy.find("chmod 600 /etc/eks/headers") != std::string::npos);
        }

        for (const mode_t mode : {0600, 0640, 0400}) { // of our own group
                ::chmod(path.c_str(), mode);
                CHECK(refused().failure == "nothing");
        }

        if (::geteuid() == 0) {
                ::chmod(path.c_str(), 0640);
                REQUIRE(::chown(path.c_str(), 0, 12345) == 0);
                CHECK(refused().failure == "config-invalid");
        }
}

TEST_CASE("A mirror that goes away takes its file along", "[registry-mirrors]")
{
        const ReferenceNode node;
        const auto with = inputs(node, {{.registry = "docker.io", .endpoints = {"https://b"}}});
        const auto without = inputs(node, {});
        CHECK(needs_registry_mirrors(with));
        CHECK_FALSE(needs_registry_mirrors(without));

        for (const auto& file : plan_registry_mirrors(with).files)
                put_in_place(node.root(), file);
        CHECK(node.has(docker));
        CHECK(plan_registry_mirrors(with).files.size() == 1);
        CHECK(needs_registry_mirrors(without));

        const auto plan = plan_registry_mirrors(without);
        CHECK(file_in(plan, docker).kind == File::Kind::absent);

        for (const auto& file : plan.files)
                put_in_place(node.root(), file);
        CHECK_FALSE(node.has(docker));
        CHECK_FALSE(needs_registry_mirrors(without));

        node.write("/etc/containerd/certs.d/own.example/hosts.toml", ""); // somebody else's
        CHECK_FALSE(needs_registry_mirrors(without));
}
