// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "base/secrets.hpp"

using namespace eks;

TEST_CASE("A value is shown without user, password and query", "[secrets]")
{
        struct Row {
                const char* value;
                const char* shown;
        };
        for (const auto& [value, shown] : {Row{"https://host/path", "https://host/path"},
                     Row{"https://user:pass@host/path", "https://…@host/path"},
                     Row{"https://token@host", "https://…@host"},
                     Row{"https://user:pa@ss@host:5000/v2", "https://…@host:5000/v2"},
                     Row{"https://user:pa/ss@host", "https://…@host"},
                     Row{"https://user:pa?ss@host", "https://…@host"},
                     Row{"https://user:pa#ss@host", "https://…@host"},
                     Row{"https://user:p a s s@host", "https://…@host"},
                     Row{"https://host/path?token=1", "https://host/path?…"},
                     Row{"https://host/#token", "https://host/#…"},
                     Row{"HTTPS://user:pass@host", "HTTPS://…@host"},
                     Row{"user:pass@proxy:3128", "…@proxy:3128"},
                     Row{"HTTPS_PROXY=user:pass@proxy", "HTTPS_PROXY=…@proxy"},
                     Row{"http://a:b@one,http://c:d@two", "http://…@two"},
                     Row{"registry.example:5000/app@sha256:0123", "registry.example:5000/app@sha256:0123"},
                     Row{"pause:3.10@sha256:0123", "pause:3.10@sha256:0123"},
                     Row{"somebody@example.com", "…@example.com"}, Row{"$@", "$@"},
                     Row{"https://user:password", "https://user:…"},
                     Row{"--endpoint=https://user:pass word/x", "--endpoint=https://user:…"},
                     Row{"https://host:5000/v2", "https://host:5000/v2"},
                     Row{"https://[::1]:5000/v2", "https://[::1]:5000/v2"},
                     Row{"https://user:pass@[::1]:5000/v2", "https://…@[::1]:5000/v2"},
                     Row{"https://user:pass@host/?mail=a@b", "https://…"},
                     Row{"user:pass@proxy/path?token=1", "…@proxy/path?…"},
                     Row{"unix:///run/containerd/containerd.sock", "unix:///run/containerd/containerd.sock"},
                     Row{"", ""}}) {
                CAPTURE(value);
                CHECK(without_secrets(value) == shown);
                CHECK(without_secrets(shown) == shown);
        }
}

TEST_CASE("A text is shown without the secrets of the URLs in it", "[secrets]")
{
        CHECK(hide_secrets("GET 'https://u:p@host/': refused, see https://example.com/page") ==
                "GET 'https://…@host/': refused, see https://example.com/page");
        CHECK(hide_secrets("\"http://u:p@a\" and \"http://v:q@b\"") == "\"http://…@a\" and \"http://…@b\"");
        CHECK(hide_secrets("proxy u:p@host\nmore") == "proxy …@host\nmore");
        CHECK(hide_secrets("nothing of that kind") == "nothing of that kind");
        CHECK(hide_secrets(" a  b ") == " a  b ");
        CHECK(hide_secrets("") == "");
}

TEST_CASE("Of a private key nothing but its first line is shown", "[secrets]")
{
        const std::string key = "-----BEGIN EC PRIVATE KEY-----\nhush\n-----END EC PRIVATE KEY-----\n";
        CHECK(without_secrets(key) == "-----BEGIN EC PRIVATE KEY…");
        CHECK(hide_secrets("key = '" + key + "': wrong") == "key = '-----BEGIN EC PRIVATE KEY…");
        CHECK(hide_secrets("https://u:p@host/ " + key) == "https://…@host/ -----BEGIN EC PRIVATE KEY…");
        CHECK(hide_secrets("it holds a private key") == "it holds a private key");
}

TEST_CASE("Every kind of error hides secrets", "[secrets]")
{
        const Error error(
                failure::usage, "'https://u:hunter2@host/' is wrong", "Not https://u:hunter2@host/");
        CHECK(std::string(error.what()) == "'https://…@host/' is wrong");
        CHECK(error.full_text().find("hunter2") == std::string::npos);

        try {
                in_context("file", failure::internal, []() -> int {
                        throw std::runtime_error("bad - x; last read: '\"hunter2'; expected y");
                });
        } catch (const Error& e) {
                CHECK(std::string(e.what()) == "file: bad - x");
        }
}

TEST_CASE("A key that names a secret is known by any name in its path", "[secrets]")
{
        for (const auto* key : {"password", "registry.configs.\"a.b\".auth.password", "X-Auth-Token",
                     "instance.environment.default.HTTPS_PROXY", "spec.containerd.config", "env[0].value",
                     "registry.mirrors.x.header", "clientSecret", "apiKey"}) {
                CAPTURE(key);
                CHECK(names_secret(key));
        }
        for (const auto* key : {"kubelet.config.maxPods", "cluster.certificateAuthority", "kubelet.flags[0]",
                     "credentialProviders[0].name", "kubelet.config.authentication.webhook.enabled"}) {
                CAPTURE(key);
                CHECK_FALSE(names_secret(key));
        }
}

TEST_CASE("A key is shown without what follows '=' in a name", "[secrets]")
{
        CHECK(shown_key("kubelet.config.maxPods") == "kubelet.config.maxPods");
        CHECK(shown_key("a.\"b.c\".d") == "a.\"b.c\".d");
        CHECK(shown_key("a.\"TOKEN=x\\\"y\".\"B=z\"") == "a.\"TOKEN=…\".\"B=…\"");
}
