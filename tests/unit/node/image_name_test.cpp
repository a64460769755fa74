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
                        {"r.example/a:1" + digest, "r.example/a" + digest}, // as the CRI plugin does it
                        {"busybox:1.36" + digest, "docker.io/library/busybox" + digest},
                        {"index.docker.io/a", "docker.io/library/a:latest"},
                        {"R.Example/a", "R.Example/a:latest"}, {"Team/app", "Team/app:latest"},
                        {"x/a.b_c__d---e/f0:V1_.-", "docker.io/x/a.b_c__d---e/f0:V1_.-"},
                        {"a:" + std::string(128, 't'), "docker.io/library/a:" + std::string(128, 't')},
                        {"a@sha512:" + std::string(128, 'f'),
                                "docker.io/library/a@sha512:" + std::string(128, 'f')},
                        {"a@blake3:" + std::string(32, '0'),
                                "docker.io/library/a@blake3:" + std::string(32, '0')},
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
        for (const auto* text : {"", "/", "a/", "r.example/", "r.example//a", "r.example/A", "a b",
                     "a:", "a:b c", "a@", "a@sha256", "a@sha256:x/y", "r.example/a\n", "https://r.example/a",
                     "a:1:2/", "x:tag/y", "../x", "./x", "a@sha256:abc", "reg:5000/x@sha256:zz",
                     "x@sha256:", "reg:0/x", "reg:65536/x", "[::1/x", "fd00::1/x", "-r.example/x",
                     "r-.example/x", "r..example/x", "r_.example/x", "a..b", "a___b", "a._b", "-a", "a-",
                     "_a", "a/../b", "a:-1", "a:.1", "a:1@", "a@md5:0", "a@SHA256:0",
                     "a@blake3:0123456789abcdef0123456789abcde"}) {
                CAPTURE(text);
                const auto result = refusal([&] { parse_image_name(text); });
                CHECK(result.failure == "usage");
        }

        const std::string hash(64, 'a');
        for (const auto& text :
                {std::string(256, 'a'), "a:" + std::string(129, 't'), "a@sha256:" + hash + "a",
                        "a@sha512:" + hash, "a@sha256:" + std::string(64, 'A'), "a@sha256:" + hash + ":1"})
                CHECK(refusal([&] { parse_image_name(text); }).failure == "usage");
}
