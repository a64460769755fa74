// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "support.hpp"
#include "verbs/plan/difference.hpp"

using namespace eks;
using test::TemporaryDirectory;

namespace {

std::string numbers(int first, int last)
{
        std::string text;
        for (int i = first; i <= last; ++i)
                text += std::to_string(i) + "\n";
        return text;
}

FileChange change(const std::string& path, const std::string& content, mode_t mode = 0644)
{
        return {"eks-step", {.path = path, .content = content, .mode = mode}, Outcome::written,
                "kubelet.service"};
}

} // namespace

TEST_CASE("A difference has two lines around each change", "[difference]")
{
        CHECK(difference("a\nb\n", "a\nb\n").empty());
        CHECK(difference("", "a\nb\n") == "@@ -0,0 +1,2 @@\n+a\n+b\n");
        CHECK(difference("a\nb\n", "") == "@@ -1,2 +0,0 @@\n-a\n-b\n");
        CHECK(difference(numbers(1, 9), numbers(1, 4) + "x\n" + numbers(6, 9)) ==
                "@@ -3,5 +3,5 @@\n 3\n 4\n-5\n+x\n 6\n 7\n");

        const auto two = difference(numbers(1, 20), "0\n" + numbers(1, 18) + numbers(20, 20));
        CHECK(two == "@@ -1,2 +1,3 @@\n+0\n 1\n 2\n@@ -17,4 +18,3 @@\n 17\n 18\n-19\n 20\n");
}

TEST_CASE("A long difference is counted, not shown", "[difference]")
{
        const auto text = difference("", numbers(1, 100));
        CHECK(text.starts_with("@@ -0,0 +1,100 @@\n+1\n"));
        CHECK(text.ends_with("+60\n(40 more lines)\n"));
}

TEST_CASE("kubelet's flags are compared one by one", "[difference]")
{
        std::string flags = "KUBELET_ARGS=--a=1";
        for (int i = 0; i < 30; ++i)
                flags += " --flag-" + std::to_string(i) + "=value";
        auto other = flags;
        other.replace(other.find("--flag-20=value"), 15, "--flag-20=other");
        CHECK(difference(flags + "\n", other + "\n") ==
                "@@ -20,5 +20,5 @@\n  --flag-18=value\n  --flag-19=value\n- --flag-20=value\n+ "
                "--flag-20=other\n"
                "  --flag-21=value\n  --flag-22=value\n");
}

TEST_CASE("Secrets are hidden in every format", "[difference]")
{
        for (const auto& [text, shown] : {
                     std::pair(
                             "password = \"a\"\nserver = \"b\"\n", "password = (hidden)\nserver = \"b\"\n"),
                     {"  \"identityToken\": \"a\",\n", "  \"identityToken\": (hidden)\n"},
                     {"[host.\"https://m\".header]\n\"X-Key\" = [\"a\"]\n[other]\nx = 1\n",
                             "[host.\"https://m\".header]\n\"X-Key\" = (hidden)\n[other]\nx = 1\n"},
                     {"{\n  \"staticPodURLHeader\": {\n    \"A\": [\n      \"secret\"\n    ]\n  },\n  "
                      "\"x\": 1\n}\n",
                             "{\n  \"staticPodURLHeader\": {\n    (hidden)\n      (hidden)\n    (hidden)\n  "
                             "},\n  "
                             "\"x\": 1\n}\n"},
                     {"  \"env\": [\n    {\n      \"value\": \"s\"\n    }\n  ]\n",
                             "  \"env\": [\n    (hidden)\n      (hidden)\n    (hidden)\n  ]\n"},
                     {"server: https://me:pass@host/path\n", "server: https://…@host/path\n"},
                     {"HTTPS_PROXY=http://me:p%40ss@proxy:3128\n", "HTTPS_PROXY=http://…@proxy:3128\n"},
                     {"staticPodURL: https://host/path?token=abc\n", "staticPodURL: https://host/path?…\n"},
                     {"server: https://me:pa/ss@host\n", "server: https://…@host\n"},
                     {"KUBELET_ARGS=--image-service-endpoint=https://host/?token=abc --v=2\n",
                             "KUBELET_ARGS=--image-service-endpoint=https://host/?… --v=2\n"},
                     {"KUBELET_ARGS=--a=1 --manifest-url-header=A:b --v=2\n",
                             "KUBELET_ARGS=--a=1 --manifest-url-header=(hidden) --v=2\n"},
                     {"KUBELET_ARGS=--a=1 --manifest-url-header A:b --v=2\n",
                             "KUBELET_ARGS=--a=1 --manifest-url-header (hidden) --v=2\n"},
                     {"A=--manifest-url-header=X:\\\\\\ Bearer\\\\\\ abc --v=2\n",
                             "A=--manifest-url-header=(hidden) --v=2\n"},
                     {"A=--manifest-url-header X:\\\\\\ abc --v=2\n",
                             "A=--manifest-url-header (hidden) --v=2\n"},
                     {"  \"secretAccessKey\": \"a\",\n", "  \"secretAccessKey\": (hidden)\n"},
                     {"AWS_SECRET_ACCESS_KEY=abc\n", "AWS_SECRET_ACCESS_KEY= (hidden)\n"},
             }) {
                CAPTURE(text);
                CHECK(hide_values(text) == shown);
        }
}

TEST_CASE("Text that is not secret is unchanged", "[difference]")
{
        for (const auto* path : {"kubelet-config.json", "kubelet-drop-in.json", "containerd-3-merged.toml",
                     "containerd-2.toml", "kubeconfig.yaml"}) {
                CAPTURE(path);
                const auto text = test::source_file(std::string("tests/unit/reference/") + path);
                CHECK(hide_values(text) == text);
        }
}

TEST_CASE("A change is described with its step and daemon; what only root may read is not shown",
        "[difference]")
{
        const TemporaryDirectory node;
        node.write("/etc/a", "one\n");
        CHECK(describe(node.root(), change("/etc/a", "two\n")) ==
                "/etc/a changes (eks-step; kubelet.service reads it)\n  @@ -1,1 +1,1 @@\n  -one\n  +two\n");
        CHECK(describe(node.root(), change("/etc/b", "two\n")).starts_with("/etc/b is new ("));
        CHECK(describe(node.root(), change("/etc/a", "hush\n", 0600)) ==
                "/etc/a changes (eks-step; kubelet.service reads it)\n  not shown, because it may be secret: others than root cannot read it\n");

        node.write("/etc/a", "hush\n", 0600);
        CHECK(describe(node.root(), change("/etc/a", "two\n")).find("hush") == std::string::npos);

        node.write("/etc/a", "password = 1\n");
        CHECK(describe(node.root(), change("/etc/a", "password = 2\n"))
                        .ends_with("  the changes are secret and not shown\n"));

        auto stands = change("/etc/a", "password = 2\n");
        stands.outcome = Outcome::edit_stands;
        CHECK(describe(node.root(), stands) == "/etc/a was edited by hand and stays as it is (eks-step)\n"
                                               "  our version is /var/lib/eks/rendered/etc/a\n");
}
