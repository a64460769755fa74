// SPDX-License-Identifier: Apache-2.0
#include <filesystem>

#include <catch2/catch.hpp>

#include "containerd/image_settings.hpp"
#include "steps/sandbox-image/sandbox_image.hpp"
#include "support.hpp"

using namespace eks;
using test::refusal;

namespace {

constexpr auto pause_image = "localhost/kubernetes/pause:latest";
constexpr auto pin = "io.cri-containerd.pinned";

using Labels = std::map<std::string, std::string>;

// containerd, as far as this step sees it, and what was asked of it.
struct FakeStore {
        std::map<std::string, Labels> images;
        std::map<std::string, Labels> archive; // what an import brings
        Labels pulled = {};                    // what an image that is pulled has
        bool unpacked = true;                  // for the snapshotter, until it is pulled or imported
        std::vector<std::string> calls = {};

        ImageStore store()
        {
                return {.find =
                                [this](const std::string& name) {
                                        const auto found = images.find(name);
                                        return found != images.end()
                                                       ? std::optional(ContainerdImage{
                                                                 .name = name, .labels = found->second})
                                                       : std::nullopt;
                                },
                        .label =
                                [this](const ContainerdImage& labelled, const std::string& key,
                                        const std::string& value) {
                                        calls.push_back("label " + labelled.name);
                                        images.at(labelled.name)[key] = value;
                                },
                        .unpacked = [this](const ContainerdImage&) { return unpacked; },
                        .import_archive =
                                [this](const std::string& path) {
                                        unpacked = true;
                                        calls.push_back("import " + path);
                                        images.insert(archive.begin(), archive.end());
                                },
                        .pull =
                                [this](const std::string& name) {
                                        unpacked = true;
                                        calls.push_back("pull " + name);
                                        images[name] = pulled;
                                }};
        }
};

using Calls = std::vector<std::string>;

} // namespace

TEST_CASE("An image that is there and pinned is left alone", "[sandbox-image]")
{
        const test::TemporaryDirectory node;
        FakeStore fake{.images = {{pause_image, {{pin, "pinned"}, {"other", "x"}}}}, .archive = {}};
        const auto result = ensure_sandbox_image(node.root(), pause_image, fake.store());
        CHECK_FALSE(result.changed);
        CHECK(result.remark == std::string(pause_image) + " present and pinned");
        CHECK(fake.calls.empty());
}

TEST_CASE("An image that is there and not pinned gets its label", "[sandbox-image]")
{
        const test::TemporaryDirectory node;
        const auto labels = GENERATE(Labels{}, Labels{{pin, ""}}, Labels{{pin, "no"}, {"other", "x"}});
        FakeStore fake{.images = {{pause_image, labels}}, .archive = {}};
        const auto result = ensure_sandbox_image(node.root(), pause_image, fake.store());
        CHECK(result.changed);
        CHECK(result.remark == std::string(pause_image) + " present and pinned");
        CHECK(fake.calls == Calls{"label " + std::string(pause_image)});
        CHECK(fake.images.at(pause_image).at(pin) == "pinned");
        CHECK_FALSE(ensure_sandbox_image(node.root(), pause_image, fake.store()).changed);
}

TEST_CASE("An image that is missing comes from the archive", "[sandbox-image]")
{
        const test::TemporaryDirectory node;
        node.write(pause_archive, "tar");
        const bool pinned = GENERATE(true, false);
        FakeStore fake{
                .images = {}, .archive = {{pause_image, pinned ? Labels{{pin, "pinned"}} : Labels{}}}};
        const auto result = ensure_sandbox_image(node.root(), pause_image, fake.store());
        CHECK(result.changed);
        CHECK(result.remark == std::string(pause_image) + " imported and pinned");

        Calls wanted{"import " + node(pause_archive)};
        if (!pinned)
                wanted.push_back("label " + std::string(pause_image));
        CHECK(fake.calls == wanted);
}

TEST_CASE("An image that another snapshotter has unpacked is unpacked again", "[sandbox-image]")
{
        const test::TemporaryDirectory node;
        node.write(pause_archive, "tar");
        FakeStore fake{.images = {{pause_image, {{pin, "pinned"}}}},
                .archive = {{pause_image, {}}},
                .unpacked = false};
        CHECK(ensure_sandbox_image(node.root(), pause_image, fake.store()).remark ==
                std::string(pause_image) + " imported and pinned");
        CHECK(fake.calls == Calls{"import " + node(pause_archive)});
        CHECK_FALSE(ensure_sandbox_image(node.root(), pause_image, fake.store()).changed);

        const std::string remote = "602401143452.dkr.ecr.us-west-2.amazonaws.com/eks/pause:3.10";
        std::filesystem::remove(node(pause_archive));
        FakeStore pulling{.images = {{remote, {{pin, "pinned"}}}},
                .archive = {},
                .pulled = {{pin, "pinned"}},
                .unpacked = false};
        CHECK(ensure_sandbox_image(node.root(), remote, pulling.store()).changed);
        CHECK(pulling.calls == Calls{"pull " + remote});
}

TEST_CASE("With soci-snapshotter, it is the one that pulls", "[sandbox-image]")
{
        const test::TemporaryDirectory node;
        CHECK(containerd_options(node.root(), "").image_service.empty());
        CHECK(containerd_options(node.root(), "native").image_service.empty());
        CHECK(containerd_options(node.root(), "soci").image_service ==
                node("/run/soci-snapshotter-grpc/soci-snapshotter-grpc.sock"));
}

TEST_CASE("An image that is nowhere is an error that says where it was looked for", "[sandbox-image]")
{
        const test::TemporaryDirectory node;
        FakeStore fake{.images = {{"localhost/other:latest", {}}}, .archive = {}};
        const auto nowhere = refusal([&] { ensure_sandbox_image(node.root(), pause_image, fake.store()); });
        CHECK(nowhere.failure == "sandbox-image-missing");
        CHECK(nowhere.mentions(pause_image));
        CHECK(nowhere.mentions("'/etc/eks/pause.tar'"));
        CHECK(fake.calls.empty());

        node.write(pause_archive, "tar");
        fake.archive = {{"localhost/another:latest", {}}};
        const auto other = refusal([&] { ensure_sandbox_image(node.root(), pause_image, fake.store()); });
        CHECK(other.failure == "sandbox-image-missing");
        CHECK(other.mentions(
                "'/etc/eks/pause.tar' was imported, but holds no image '" + std::string(pause_image) + "'"));
        CHECK(other.remedy.find("images export /etc/eks/pause.tar " + std::string(pause_image)) !=
                std::string::npos);
}

TEST_CASE("An image of a registry is pulled once, and pinned", "[sandbox-image]")
{
        const test::TemporaryDirectory node;
        const bool archive = GENERATE(true, false); // it holds the image of another name
        if (archive)
                node.write(pause_archive, "tar");
        const std::string name = "602401143452.dkr.ecr.us-west-2.amazonaws.com/eks/pause:3.10";
        const bool pinned = GENERATE(true, false);
        FakeStore fake{.images = {}, .archive = {}, .pulled = pinned ? Labels{{pin, "pinned"}} : Labels{}};
        const auto result = ensure_sandbox_image(node.root(), name, fake.store());
        CHECK(result.changed);
        CHECK(result.remark == name + " pulled and pinned");

        Calls wanted{"pull " + name};
        if (archive)
                wanted.insert(wanted.begin(), "import " + node(pause_archive));
        if (!pinned)
                wanted.push_back("label " + name);
        CHECK(fake.calls == wanted);

        fake.calls.clear();
        CHECK_FALSE(ensure_sandbox_image(node.root(), name, fake.store()).changed);
        CHECK(fake.calls.empty());
}

TEST_CASE("An image that is gone after its import is an error", "[sandbox-image]")
{
        const test::TemporaryDirectory node;
        node.write(pause_archive, "tar");
        FakeStore fake{.images = {}, .archive = {{pause_image, {}}}};
        auto store = fake.store();
        store.unpacked = [&](const ContainerdImage&) { // the last look of the import
                fake.images.clear();
                return true;
        };

        const auto lost = refusal([&] { ensure_sandbox_image(node.root(), pause_image, store); });
        CHECK(lost.failure == "sandbox-image-missing");
        CHECK(lost.mentions(
                "containerd lost the image '" + std::string(pause_image) + "' after it was imported"));
}

TEST_CASE("An archive is tried first, whatever the image's name", "[sandbox-image]")
{
        const test::TemporaryDirectory node;
        node.write(pause_archive, "tar");
        const std::string name =
                GENERATE(std::string("602401143452.dkr.ecr.us-west-2.amazonaws.com/eks/pause:3.10"),
                        std::string("registry.k8s.io/pause:3.10"));
        CHECK(keeps_sandbox_image(node.root(), name));

        FakeStore fake{.images = {}, .archive = {{name, {}}}};
        const auto result = ensure_sandbox_image(node.root(), name, fake.store());
        CHECK(result.changed);
        CHECK(result.remark == name + " imported and pinned");
        CHECK(fake.calls == Calls{"import " + node(pause_archive), "label " + name});

        // One that is broken does not keep the image away.
        FakeStore broken{.images = {}, .archive = {}};
        auto store = broken.store();
        store.import_archive = [](const std::string&) {
                throw Error(failure::sandbox_image_missing, "the archive is broken");
        };

        const auto after = ensure_sandbox_image(node.root(), name, store);
        if (is_node_s_image(name)) {
                CHECK(after.remark == name + " pulled (the archive is broken) and pinned");
        } else {
                CHECK_FALSE(after.changed);
                CHECK(after.remark == "'/etc/eks/pause.tar' does not contain '" + name +
                                              "', and containerd pulls that when it is needed");
                CHECK(broken.calls.empty());
        }
}

TEST_CASE("Without an archive, what containerd can pull is left to it", "[sandbox-image]")
{
        const test::TemporaryDirectory node;
        CHECK_FALSE(keeps_sandbox_image(node.root(), "registry.k8s.io/pause:3.10"));
        CHECK(keeps_sandbox_image(node.root(), pause_image));
        CHECK(keeps_sandbox_image(
                node.root(), "602401143452.dkr.ecr.us-west-2.amazonaws.com/eks/pause:3.10"));

        node.write(pause_archive, "tar");
        CHECK(keeps_sandbox_image(node.root(), "registry.k8s.io/pause:3.10"));
        CHECK_FALSE(keeps_sandbox_image(node.root(), "")); // containerd's own default
}

TEST_CASE("The image is kept under the name that containerd looks for", "[sandbox-image]")
{
        const test::TemporaryDirectory node;
        const std::string digest = "@sha256:" + std::string(64, 'a');
        for (const auto& [configured, full] :
                std::map<std::string, std::string>{{"localhost/pause", "localhost/pause:latest"},
                        {"localhost/pause:3" + digest, "localhost/pause" + digest}}) {
                FakeStore fake{.images = {{full, {}}}, .archive = {}};
                CHECK(ensure_sandbox_image(node.root(), configured, fake.store()).remark ==
                        full + " present and pinned");
                CHECK(fake.calls == Calls{"label " + full});
        }

        FakeStore fake{.images = {}, .archive = {}};
        const auto bad =
                refusal([&] { ensure_sandbox_image(node.root(), "localhost/a@sha256:b", fake.store()); });
        CHECK(bad.failure == "config-invalid");
        CHECK(bad.mentions("/etc/containerd/config.toml: the sandbox image: 'localhost/a@sha256:b' is not"));
}

TEST_CASE("Only registries of ECR are given the role's login", "[sandbox-image]")
{
        ::setenv("EKS_IMDS_ENDPOINT", "http://127.0.0.1:1", 1); // where nobody answers, should it be asked
        for (const auto* host : {"docker.io", "registry.k8s.io", "localhost:5000", "public.ecr.aws",
                     "602401143452.dkr.ecr.us-west-2.amazonaws.com.evil"}) {
                CAPTURE(host);
                CHECK_FALSE(registry_login(host, std::chrono::steady_clock::now(), [](const auto&) {}));
        }

        ::unsetenv("EKS_IMDS_ENDPOINT");
}

TEST_CASE("A pull has as long as the environment says", "[sandbox-image]")
{
        const auto timeout = [](const char* text) {
                ::setenv("EKS_IMAGE_PULL_TIMEOUT", text, 1);
                return pull_timeout();
        };

        CHECK(timeout("") == std::chrono::seconds(60));
        CHECK(timeout("5") == std::chrono::seconds(5));

        for (const auto* text : {"0", "-1", "x", "5s"})
                CHECK(refusal([&] { timeout(text); }).failure == "usage");
        ::unsetenv("EKS_IMAGE_PULL_TIMEOUT");
        CHECK(pull_timeout() == std::chrono::seconds(60));
}
