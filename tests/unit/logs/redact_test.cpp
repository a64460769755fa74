// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "support.hpp"
#include "verbs/logs/logs.hpp"
#include "verbs/logs/redact.hpp"

using namespace eks;

namespace {

// A secret in each is called SECRET, so that a row can say what stays.
struct Row {
        const char* text;
        const char* redacted;
};

} // namespace

TEST_CASE("Secrets are recognized in one line, and what is around them stays", "[logs]")
{
        const auto row = GENERATE(values<Row>({
                {"level=info token=SECRET attempt=2", "level=info token=… attempt=2"},
                {"password: SECRET with blanks", "password: …"},
                {R"({"user":"a","password":"SECRET","port":1})", R"({"user":"a","password":"…","port":1})"},
                {R"(config={\"auth\":\"SECRET\",\"a\":1})", R"(config={\"auth\":\"…\",\"a\":1})"},
                {"failed to get token: dial tcp 10.0.0.1:443: refused",
                        "failed to get token: … tcp 10.0.0.1:443: refused"},
                {"/usr/bin/app --password SECRET --port 1", "/usr/bin/app --password … --port 1"},
                {"/usr/bin/app --password=SECRET --port=1", "/usr/bin/app --password=… --port=1"},
                {"args: [--token, SECRET, --port]", "args: [--token, …, --port]"},
                {R"(args = ["--api-key", "SECRET", "--port"])", R"(args = ["--api-key", "…", "--port"])"},
                {"curl -H 'Authorization: Bearer SECRET' https://a/",
                        "curl -H 'Authorization: …' https://a/"},
                {"curl -u user:SECRET https://a/", "curl -u … https://a/"},
                {"Using Bearer SECRETSECRET now", "Using Bearer … now"},
                {"https://user:SECRET@proxy.example:3128 is used", "https://…@proxy.example:3128 is used"},
                {"GET https://a/b?X-Amz-Signature=SECRET 200", "GET https://a/b?… 200"},
                {"HTTPS_PROXY=http://user:SECRET@proxy:1 NO_PROXY=a",
                        "HTTPS_PROXY=http://…@proxy:1 NO_PROXY=a"},
                {"export AWS_SECRET_ACCESS_KEY=SECRET AWS_REGION=us-west-2",
                        "export AWS_SECRET_ACCESS_KEY=… AWS_REGION=us-west-2"},
                {"key AKIAIOSFODNN7EXAMPLE is used", "key … is used"},
                {"got k8s-aws-v1.aHR0cHM6Ly9zdHM_ for x", "got … for x"},
                {"jwt eyJhbGciOiJSUzI1NiIsImtpZCI6.eyJpc3M.SECRET ok", "jwt … ok"},
                {"    client-key-data: LS0tLS1CRUdJTiBSU0E=", "    client-key-data: …"},
                {R"({"name":"SITE_TOKEN","value":"SECRET"},{"name":"A","value":"b"})",
                        R"({"name":"SITE_TOKEN","value":"…"},{"name":"A","value":"b"})"},
                {R"("env": ["PATH=/bin", "X=SECRET"], "cwd": "/")", R"("env": …, "cwd": "/")"},
                {"key = \"-----BEGIN RSA PRIVATE KEY-----\\nSECRET\"",
                        "key = \"-----BEGIN RSA PRIVATE KEY-…"},
        }));
        CAPTURE(row.text);
        CHECK(redact(row.text) == std::string(row.redacted) + "\n");
}

TEST_CASE("What is no secret is left as it is", "[logs]")
{
        const auto text = GENERATE(as<std::string>(), "Started getty@tty1.service - Getty on tty1.",
                "automountServiceAccountToken: false", "authentication:\n  anonymous:\n    enabled: false",
                "I1124 21:29:27.123456 1 server.go:100] \"Started\" node=\"ip-10-0-0-1\"",
                "basic authentication failed",
                "image 123456789012.dkr.ecr.us-west-2.amazonaws.com/pause@sha256:abc",
                "certificate-authority-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t");
        CHECK(redact(text) == text + "\n");
}

TEST_CASE("A secret may take several lines", "[logs]")
{
        const auto row = GENERATE(values<Row>({
                {"env:\n- name: A\n  value: SECRET\nimage: b", "env:\n…\n  …\nimage: b"},
                {"  headers:\n    X: [SECRET]\n  url: a", "  headers:\n    …\n  url: a"},
                {"headers = [\n\"SECRET\",\n]\nport = 1", "headers = …\n…\n…\nport = 1"},
                {"password = '''\nSECRET\n'''\nport = 1", "password = …\n…\n…\nport = 1"},
                {"[registry.auth]\nusername = \"SECRET\"\n[registry.x]\na = \"b\"",
                        "[registry.auth]\nusername = \"…\"\n[registry.x]\na = \"b\""},
                {"- --token\n- SECRET\n- --port\n- 1", "- --token\n…\n- --port\n- 1"},
                {"a\n-----BEGIN PRIVATE KEY-----\nSECRETSECRETSECRETSECRET\nSECRET==\n-----END PRIVATE KEY-----\nb",
                        "a\n-----BEGIN PRIVATE KEY-…\n…\n…\n…-----END PRIVATE KEY-----\nb"},
                {"2026 stdout F -----BEGIN EC PRIVATE KEY-----\n2026 stdout F SECRETSECRETSECRETSECRET\nx y -----END\nb",
                        "2026 stdout F -----BEGIN EC PRIVATE KEY-…\n2026 stdout F …\n…-----END\nb"},
        }));

        CAPTURE(row.text);
        CHECK(redact(row.text) == std::string(row.redacted) + "\n");
}

TEST_CASE("A text that was cut may begin inside a private key", "[logs]")
{
        CHECK(redact("SECRETSECRETSECRETSECRET\nb\n", true) == "…\nb\n");
        CHECK(redact("SECRETSECRETSECRETSECRET\nb\n") == "SECRETSECRETSECRETSECRET\nb\n");
}

TEST_CASE("Control characters do not reach a terminal", "[logs]")
{
        CHECK(redact("a\x1b[31mb\x07\tc") == "a?[31mb?\tc\n");
}

TEST_CASE("Any bytes are a text", "[logs]")
{
        CHECK(test::survives_damage("env:\n- name: A\n  value: \"x\"\npassword = [ {\ntoken: 'a",
                      "[]{}'\"\\:=-@", 2000, "", [](const std::string& text) { redact(text); }) == "");
}

TEST_CASE("Durations have a unit", "[logs]")
{
        CHECK(parse_duration("--since", "90").count() == 90);
        CHECK(parse_duration("--since", "15min").count() == 900);
        CHECK(parse_duration("--since", "10d").count() == 864000);
        for (const auto* text : {"", "d", "-1", "1 h", "2w", "99999999999999999999", "1h2"})
                CHECK(test::refusal([&] { parse_duration("--since", text); }).failure == "usage");
}

TEST_CASE("The name of the bundle is that of AL2's log collector", "[logs]")
{
        const auto name = default_output("i-0abc", 1671467940);
        CHECK(name.starts_with("/var/log/eks_i-0abc_2022-12-19_1639-UTC_"));
        CHECK(name.ends_with(".tar.gz"));
        CHECK(default_output("../x y", 0).starts_with("/var/log/eks_xy_"));
}
