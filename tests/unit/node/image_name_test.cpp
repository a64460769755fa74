// SPDX-License-Identifier: Apache-2.0
#include <map>

#include <catch2/catch.hpp>

#include "node/image_name.hpp"
#include "support.hpp"

using namespace eks;
using test::refusal;

TEST_CASE("What is left out of an image's name is filled in", "[image-name]")
{
        const std::string digest = "@sha256:" + std::string(64, 'a');
        for (const auto& [given, full] :
                std::map<std::string, std::string>{{"busybox", "docker.io/library/busybox:latest"},
                        {"busybox:1.36", "docker.io/library/busybox:1.36"},
                        {"team/app", "docker.io/team/app:latest"},
                        {"docker.io/busybox", "docker.io/library/busybox:latest"},
                        {"localhost/kubernetes/pause:latest", "localhost/kubernetes/pause:latest"},
                        {"localhost:5000/a", "localhost:5000/a:latest"},
                        {"registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10"},
                        {"[fd00::1]:5000/a/b:c", "[fd00::1]:5000/a/b:c"},
                        {"r.example/a/b" + digest, "r.example/a/b" + digest},
                        {"r.example/a:1" + digest, "r.example/a:1" + digest},
                        {"a" + digest, "docker.io/library/a" + digest}}) {
                CAPTURE(given);
                CHECK(parse_image_name(given).text() == full);
        }
        const auto name = parse_image_name("r.example:443/team/app:1.2");
        CHECK(name.host == "r.example:443");
        CHECK(name.path == "team/app");
        CHECK(name.suffix == ":1.2");
}

TEST_CASE("What cannot name an image is refused", "[image-name]")
{
        for (const auto* text :
                {"", "/", "a/", "r.example/", "r.example//a", "r.example/A", "a b", "a:", "a:b c", "a@",
                        "a@sha256", "a@sha256:x/y", "r.example/a\n", "https://r.example/a", "a:1:2/"}) {
                CAPTURE(text);
                const auto result = refusal([&] { parse_image_name(text); });
                CHECK(result.failure == "usage");
        }
        CHECK(refusal([&] { parse_image_name(std::string(2000, 'a')); }).failure == "usage");
}
