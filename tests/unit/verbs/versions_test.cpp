// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "support.hpp"
#include "verbs/versions/digest.hpp"
#include "verbs/versions/versions.hpp"

using namespace eks;
using namespace test;
using State = Component::State;

namespace {

constexpr auto manifest_text = R"({
  "wanted": {"kubernetes": "1.34.1", "containerd": ">=2.0,<2.3", "runc": "*", "nerdctl": "2.*", "kernel": "6.12"},
  "built": {"kubernetes": "1.34.1", "containerd": "2.1.4-1", "runc": "1.3.0", "cuda": "12.9"},
  "enabled": [], "leftovers": [], "kernel": "6.12.40-63.amzn2023.x86_64", "leastFreeMiB": 1024,
  "files": [{"path": "/usr/bin/kubelet", "mode": "0755", "owner": "0:0", "sha256": "ab"},
            {"path": "/etc/eks/x", "mode": "0777", "owner": "0:0", "target": "y"}]
})";

Component component(const std::vector<Component>& all, std::string_view name)
{
        const auto at = std::ranges::find(all, name, &Component::name);
        REQUIRE(at != all.end());
        return *at;
}

} // namespace

TEST_CASE("a version is what was asked for")
{
        struct Row {
                const char* installed;
                const char* wanted;
                bool expected;
        };

        const auto row = GENERATE(values<Row>({{"1.34.1", "1.34.1", true}, {"1.34.10", "1.34.1", false},
                {"1.34.1-eks-1a2b", "1.34.1", true}, {"6.12.40-63.amzn2023", "6.12", true},
                {"6.120.1", "6.12", false}, {"v1.6.2", "1.6.2", true}, {"1.6.2", "v1.6.2", true},
                {"2.1.4-1.amzn2023", "2.*", true}, {"1.7.27", "2.*", false}, {"anything", "latest", true},
                {"broken", "*", false}, {"unknown", "2.*", false}, {"unknown", ">=1", false},
                {"2.1.4-1", ">=2.0,<2.3", true}, {"2.3.0-1", ">=2.0,<2.3", false},
                {"2.10.0", ">=2.9 <3", true}, {"1.9", ">=2.0,<2.3", false}, {"2.0", ">=2.0", true},
                {"2", ">=2.0", true}, {"2.0.0", ">2", false}, {"2.0.1", "<=2.0", false}, {"2.0", "=2", true},
                {"2.1", "> 2, < 3", true}, {"2.1", ">=", false}, {"1.6.20~ds1-1+deb12u1", "1.6.20", true},
                {"1.6.20~ds1-1", "<=1.6.20", true},
                {"public.ecr.aws/pause:3.10", "public.ecr.aws/pause:3.1", false}}));
        INFO(row.installed << " " << row.wanted);
        CHECK(is_version_of(row.installed, row.wanted) == row.expected);
}

TEST_CASE("versions are compared with the manifest")
{
        TemporaryDirectory node;
        node.write("/etc/eks/image.json", manifest_text);
        const auto manifest = read_manifest(node.root());
        REQUIRE(manifest);
        CHECK(manifest->files.at(0).sha256 == "ab");
        CHECK(manifest->files.at(1).target == "y");

        const auto all =
                compare_versions({{"kubernetes", "1.34.1"}, {"containerd", "1.7.27"}, {"runc", "1.3.1"},
                                         {"kernel", "6.1.9"}, {"cni-plugins", "1.6.2"}, {"cuda", "13.0"}},
                        manifest);
        CHECK(component(all, "kubernetes").state == State::ok);
        CHECK(component(all, "containerd").state == State::differs);
        CHECK(component(all, "containerd").remedy.find(">=2.0,<2.3") != std::string::npos);
        CHECK(component(all, "containerd").remedy.find("containerd_version=") != std::string::npos);
        CHECK(component(all, "runc").state == State::changed);
        CHECK_FALSE(component(all, "runc").is_wrong());
        CHECK(component(all, "nerdctl").state == State::missing);
        CHECK(component(all, "nerdctl").remedy.find("nerdctl_version=") != std::string::npos);
        CHECK(component(all, "kernel").remedy.starts_with("Reboot"));
        CHECK(component(all, "cni-plugins").state == State::unmanaged);
        CHECK(component(all, "cuda").state == State::changed);

        const auto silent = compare_versions(
                {{"containerd", "unknown"}, {"runc", "broken"}, {"nerdctl", "unknown"}}, manifest);
        CHECK(component(silent, "containerd").state == State::differs); // the build knew its version
        CHECK(component(silent, "nerdctl").state == State::unmanaged);
        CHECK(component(silent, "runc").state == State::differs);
        CHECK(std::ranges::find(all, "efa", &Component::name) == all.end());

        const auto text = render_versions(all);
        CHECK(text.find("differs  containerd   1.7.27; wanted: >=2.0,<2.3\n") != std::string::npos);
        CHECK(text.find("missing  nerdctl      not installed; wanted: 2.*\n") != std::string::npos);
        CHECK(text.find("changed  runc         1.3.1; wanted: *; the build installed 1.3.0\n") !=
                std::string::npos);

        const auto tree = nlohmann::json::parse(render_versions_as_json(all, true));
        CHECK(tree["manifest"] == true);
        CHECK(tree["components"][0]["name"] == "kubernetes");
        CHECK(tree["components"][0]["wanted"] == "1.34.1");
}

TEST_CASE("without a manifest nothing is wrong")
{
        TemporaryDirectory node;
        CHECK_FALSE(read_manifest(node.root()));
        const auto all = compare_versions({{"containerd", "1.7.27"}}, std::nullopt);
        CHECK(component(all, "containerd").state == State::unmanaged);
        CHECK(render_versions(all) == "-        containerd  1.7.27\n");
}

TEST_CASE("a manifest that cannot be parsed is an error")
{
        TemporaryDirectory node;
        for (const auto* text : {"", "{", "[]", R"({"wanted": {}})", R"({"wanted": 1})"}) {
                node.write("/etc/eks/image.json", text);
                const auto refused = refusal([&] { read_manifest(node.root()); });
                CHECK(refused.failure == "config-syntax");
                CHECK(refused.mentions("/etc/eks/image.json"));
                CHECK_FALSE(refused.remedy.empty());
        }
}

TEST_CASE("versions of Debian's packages, programs and files")
{
        TemporaryDirectory node;
        node.write("/var/lib/dpkg/status",
                "Package: containerd\nStatus: install ok installed\nVersion: 1.6.20~ds1-1\n\n"
                "Package: runc\nStatus: deinstall ok config-files\nVersion: 1.1.5\n\n"
                "Package: amazon-ssm-agent\nStatus: install ok installed\nVersion: 1:3.3.1\n");
        node.write("/usr/bin/kubelet", "#!/bin/sh\necho Kubernetes v1.34.1\n", 0755);
        node.write("/usr/bin/runc", "#!/bin/sh\necho runc version 1.3.0\n", 0755);
        node.write("/usr/bin/containerd", "#!/bin/sh\nexit 1\n", 0755); // not asked: the package says it
        node.write("/opt/cni/bin/bridge", "#!/bin/sh\necho CNI bridge plugin v1.6.2 >&2\n", 0755);
        node.write("/usr/lib/cni/bridge", "", 0755); // not asked: there is one already
        node.write("/usr/local/bin/nerdctl", "#!/bin/sh\nexit 1\n", 0755);
        node.write("/etc/eks/image-credential-provider/ecr-credential-provider",
                "#!/bin/sh\necho no such flag\nexit 1\n", 0755);
        node.write("/usr/bin/soci", "half a program", 0755);
        node.write("/etc/eks/pause-image.txt", "public.ecr.aws/pause:3.10\n");
        node.write("/opt/amazon/efa_installed_packages",
                "# EFA installer version: 1.49.0\n# Packages: efa-2.17\n");
        node.write(
                "/usr/local/cuda/version.json", R"({"cuda" : {"name" : "CUDA SDK", "version" : "12.9.1"}})");
        node.write("/sys/module/nvidia/version", "580.95.05\n");
        node.write("/proc/sys/kernel/osrelease",
                "6.18.1-host\n"); // without modules: the kernel of another system
        node.write("/boot/vmlinuz-6.1.9", "");
        node.write("/boot/vmlinuz-6.1.28", "");
        auto found = installed_versions(node.root());
        CHECK(found.at("kubernetes") == "1.34.1");
        CHECK(found.at("containerd") == "1.6.20~ds1-1");
        CHECK(found.at("runc") == "1.3.0");
        CHECK(found.at("ssm-agent") == "3.3.1");
        CHECK(found.at("cni-plugins") == "1.6.2");
        CHECK(found.at("nerdctl") == "broken");
        CHECK(found.at("soci-snapshotter") == "broken");
        CHECK(found.at("credential-provider") == "unknown");
        CHECK_FALSE(found.contains("pause")); // there is a name, but no archive
        CHECK(found.at("efa") == "1.49.0");
        CHECK(found.at("cuda") == "12.9.1");
        CHECK(found.at("nvidia-driver") == "580.95.05");
        CHECK(found.at("kernel") == "6.1.28");
        CHECK_FALSE(found.contains("neuron"));

        // the build has written down what it installed
        const auto record = [&](const std::string& digest) {
                node.write("/etc/eks/credential-provider-version.txt", "1.34.1 " + digest + "\n");
                return installed_versions(node.root()).at("credential-provider");
        };
        CHECK(record("76a3ec0df60eebe0ff8ccbad0e45a5cb49b8a7cb1e8b5f47a8e4fd4e5a2d5b8d") == "unknown");
        CHECK(record(sha256_of_file(node.root()(
                      "/etc/eks/image-credential-provider/ecr-credential-provider"))) == "1.34.1");
        CHECK(record("") == "unknown");

        node.write("/usr/lib/modules/6.18.1-host/modules.dep", "");
        node.write("/etc/eks/pause.tar", "x");
        // Debian's does not say its version, but those of a protocol
        node.write("/opt/cni/bin/bridge",
                "#!/bin/sh\necho CNI bridge plugin version unknown; echo CNI protocol versions: 0.1.0\n",
                0755);
        found = installed_versions(node.root());
        CHECK(found.at("kernel") == "6.18.1-host");
        CHECK(found.at("pause") == "public.ecr.aws/pause:3.10");
        CHECK(found.at("cni-plugins") == "unknown");
}

TEST_CASE("versions of RPM packages")
{
        TemporaryDirectory node;
        node.write("/usr/bin/rpm",
                "#!/bin/sh\necho \"$@\" >\"$2/called\"\nprintf 'containerd\\t2.1.4-1.amzn2023\\n'\n"
                "echo package nerdctl is not installed\nexit 1\n",
                0755);
        const auto found = installed_versions(node.root());
        CHECK(found.at("containerd") == "2.1.4-1.amzn2023");
        CHECK_FALSE(found.contains("nerdctl"));
        CHECK(node.read("/called").starts_with("--root " + node.path() + " --query --queryformat "));
}
