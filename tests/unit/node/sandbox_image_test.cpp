// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "sandbox_image.hpp"
#include "support.hpp"

using namespace eks;
using test::refusal;

namespace {

constexpr auto image = "localhost/kubernetes/pause:latest";
constexpr auto pin = "io.cri-containerd.pinned";

using Labels = std::map<std::string, std::string>;

// containerd, as far as this step sees it, and what was asked of it.
struct FakeStore {
        std::map<std::string, Labels> images;
        std::map<std::string, Labels> archive; // what an import brings
        std::vector<std::string> calls = {};

        ImageStore store()
        {
                return {.labels =
                                [this](const std::string& name) {
                                        const auto found = images.find(name);
                                        return found != images.end() ? std::optional(found->second)
                                                                     : std::nullopt;
                                },
                        .label =
                                [this](const std::string& name, const std::string& key,
                                        const std::string& value) {
                                        calls.push_back("label " + name);
                                        images.at(name)[key] = value;
                                },
                        .import_archive =
                                [this](const std::string& path) {
                                        calls.push_back("import " + path);
                                        images.insert(archive.begin(), archive.end());
                                }};
        }
};

using Calls = std::vector<std::string>;

} // namespace

TEST_CASE("An image that is there and pinned is left alone", "[sandbox-image]")
{
        const test::TemporaryDirectory node;
        FakeStore fake{.images = {{image, {{pin, "pinned"}, {"other", "x"}}}}, .archive = {}};
        const auto result = ensure_sandbox_image(node.root(), image, fake.store());
        CHECK_FALSE(result.changed);
        CHECK(result.remark == std::string(image) + " present and pinned");
        CHECK(fake.calls.empty());
}

TEST_CASE("An image that is there and not pinned gets its label", "[sandbox-image]")
{
        const test::TemporaryDirectory node;
        const auto labels = GENERATE(Labels{}, Labels{{pin, ""}}, Labels{{pin, "no"}, {"other", "x"}});
        FakeStore fake{.images = {{image, labels}}, .archive = {}};
        const auto result = ensure_sandbox_image(node.root(), image, fake.store());
        CHECK(result.changed);
        CHECK(result.remark == std::string(image) + " present and pinned");
        CHECK(fake.calls == Calls{"label " + std::string(image)});
        CHECK(fake.images.at(image).at(pin) == "pinned");
        CHECK_FALSE(ensure_sandbox_image(node.root(), image, fake.store()).changed);
}

TEST_CASE("An image that is missing comes from the archive", "[sandbox-image]")
{
        const test::TemporaryDirectory node;
        node.write(pause_archive, "tar");
        const bool pinned = GENERATE(true, false);
        FakeStore fake{.images = {}, .archive = {{image, pinned ? Labels{{pin, "pinned"}} : Labels{}}}};
        const auto result = ensure_sandbox_image(node.root(), image, fake.store());
        CHECK(result.changed);
        CHECK(result.remark == std::string(image) + " imported and pinned");
        Calls wanted{"import " + node(pause_archive)};
        if (!pinned)
                wanted.push_back("label " + std::string(image));
        CHECK(fake.calls == wanted);
}

TEST_CASE("An image that is nowhere is an error that says where it was looked for", "[sandbox-image]")
{
        const test::TemporaryDirectory node;
        FakeStore fake{.images = {{"localhost/other:latest", {}}}, .archive = {}};
        const auto nowhere = refusal([&] { ensure_sandbox_image(node.root(), image, fake.store()); });
        CHECK(nowhere.failure == "sandbox-image-missing");
        CHECK(nowhere.mentions(image));
        CHECK(nowhere.mentions("'/etc/eks/pause.tar'"));
        CHECK(fake.calls.empty());

        node.write(pause_archive, "tar");
        fake.archive = {{"localhost/another:latest", {}}};
        const auto other = refusal([&] { ensure_sandbox_image(node.root(), image, fake.store()); });
        CHECK(other.failure == "sandbox-image-missing");
        CHECK(other.mentions(
                "'/etc/eks/pause.tar' was imported, but holds no image '" + std::string(image) + "'"));
        CHECK(other.remedy.find("images export /etc/eks/pause.tar " + std::string(image)) !=
                std::string::npos);
}
