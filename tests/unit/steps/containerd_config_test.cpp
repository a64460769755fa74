// SPDX-License-Identifier: Apache-2.0
#include <filesystem>

#include <catch2/catch.hpp>

#include "containerd/files.hpp"
#include "containerd/image_settings.hpp"
#include "document/toml.hpp"
#include "fixture.hpp"
#include "steps/containerd-config/containerd_config.hpp"

using namespace eks;
using test::file_in;
using test::ReferenceNode;
using test::refusal;

namespace {

constexpr Version kubelet_131{1, 31, 0};
constexpr Version kubelet_132{1, 32, 0};
constexpr Version containerd_16{1, 6, 20};
constexpr Version containerd_17{1, 7, 27};
constexpr Version containerd_2{2, 0, 5};

Json tree(const std::string& toml)
{
        return TomlDocument::parse(toml, "x").layer("x").tree;
}

// `containerd.config` of NodeConfig.
std::string user_toml(std::string toml)
{
        for (auto at = toml.find('\n'); at != std::string::npos && at + 1 < toml.size();
                at = toml.find('\n', at + 1))
                toml.insert(at + 1, "      ");
        return "  containerd:\n    config: |\n      " + toml + "\n";
}

Json rendered_containerd(const NodeInputs& node)
{
        return tree(file_in(plan_containerd_config(node), "/etc/containerd/config.toml").content);
}

// A value below plugins, "" if there is none.
Json at(const Json& config, const std::string& pointer)
{
        const Json::json_pointer path(pointer);
        return config.contains(path) ? config.at(path) : Json("(none)");
}

constexpr auto cri2 = "/plugins/io.containerd.grpc.v1.cri";
constexpr auto images3 = "/plugins/io.containerd.cri.v1.images";
constexpr auto runtime3 = "/plugins/io.containerd.cri.v1.runtime";

} // namespace

TEST_CASE("Without user settings containerd is configured as the reference says", "[containerd-config]")
{
        const ReferenceNode node;
        CHECK(rendered_containerd(node.inputs({}, kubelet_132, containerd_17)) ==
                tree(test::reference("containerd-2.toml")));
        CHECK(rendered_containerd(node.inputs({}, kubelet_132, containerd_16)) ==
                tree(test::reference("containerd-2.toml")));
        CHECK(rendered_containerd(node.inputs({}, kubelet_132, containerd_2)) ==
                tree(test::reference("containerd-3.toml")));
}

TEST_CASE("containerd 2.1 and later are given what they do not warn of", "[containerd-config]")
{
        const ReferenceNode node;
        auto expected = tree(test::reference("containerd-2.1.toml"));
        CHECK(rendered_containerd(node.inputs({}, kubelet_132, {2, 1, 9})) == expected);

        expected[Json::json_pointer(runtime3)].erase("enable_cdi");
        for (const auto daemon : {Version{2, 2, 0}, Version{2, 3, 4}, Version{3, 0, 0}})
                for (const auto kubelet : {kubelet_131, kubelet_132})
                        CHECK(rendered_containerd(node.inputs({}, kubelet, daemon)) == expected);
}

TEST_CASE("A containerd newer than the tables gets the newest rules and one notice", "[containerd-config]")
{
        const ReferenceNode node;
        const auto plan = [&](const Version& daemon) {
                return plan_containerd_config(node.inputs({}, kubelet_132, daemon));
        };

        const auto known = plan({2, 3, 99});
        CHECK(known.notes.empty());

        for (const auto daemon : {Version{2, 4, 0}, Version{3, 0, 1}}) {
                const auto newer = plan(daemon);
                CHECK(file_in(newer, "/etc/containerd/config.toml").content ==
                        file_in(known, "/etc/containerd/config.toml").content);
                REQUIRE(newer.notes.size() == 1);
                CHECK(newer.notes[0].level == Level::notice);
                CHECK(newer.notes[0].text ==
                        "containerd " + daemon.text() +
                                " is newer than 2.3, the newest that eksnode knows: its "
                                "rules are used");
        }
}

TEST_CASE("CDI is on for kubelet 1.32 and later", "[containerd-config]")
{
        const ReferenceNode node;
        for (unsigned minor = 28; minor <= 37; ++minor) {
                CAPTURE(minor);
                const bool on = minor >= 32;
                CHECK(at(rendered_containerd(node.inputs({}, {1, minor, 0}, containerd_17)),
                              std::string(cri2) + "/enable_cdi") == Json(on));
                CHECK(at(rendered_containerd(node.inputs({}, {1, minor, 0}, containerd_2)),
                              std::string(runtime3) + "/enable_cdi") == Json(on));
        }
}

TEST_CASE("User settings are merged over ours as the reference shows", "[containerd-config]")
{
        const ReferenceNode node;
        CHECK(rendered_containerd(node.inputs(
                      user_toml("version = 2\n[grpc]\naddress = \"/run/foo/foo.sock\"\n"
                                "[plugins.\"io.containerd.grpc.v1.cri\".containerd]\ndiscard_"
                                "unpacked_layers = false"),
                      kubelet_131, containerd_17)) == tree(test::reference("containerd-2-merged.toml")));
        CHECK(rendered_containerd(node.inputs(
                      user_toml("version = 3\n[grpc]\naddress = \"/run/foo/foo.sock\"\n"
                                "[plugins.'io.containerd.cri.v1.images'.pinned_images]\n"
                                "sandbox = 'registry.k8s.io/pause:3.10'"),
                      kubelet_132, containerd_2)) == tree(test::reference("containerd-3-merged.toml")));
}

TEST_CASE("Several user texts are merged in order", "[containerd-config]")
{
        const ReferenceNode node;
        auto inputs = node.inputs({}, kubelet_132, containerd_17);
        inputs.spec.containerd.configs = {
                {"[grpc]\naddress = '/one'\nuid = 1\n", "first"}, {"[grpc]\naddress = '/two'\n", "second"}};
        CHECK(at(rendered_containerd(inputs), "/grpc") == Json{{"address", "/two"}, {"uid", 1}});
}

TEST_CASE("The schema is the one that the daemon was made for, whatever the user's settings are in",
        "[containerd-config]")
{
        const ReferenceNode node;
        for (const auto* user : {"[grpc]\nuid = 1", "version = 2", "version = 3",
                     "[plugins.'io.containerd.grpc.v1.cri']\nmax_concurrent_downloads = 7",
                     "[plugins.'io.containerd.cri.v1.images']\nmax_concurrent_downloads = 7",
                     "version = 3\n[plugins.'io.containerd.grpc.v1.cri']\nmax_concurrent_downloads = 7"})
                for (const auto daemon : {containerd_16, containerd_17, containerd_2, Version{3, 0, 0}}) {
                        CAPTURE(user, daemon.text());
                        const auto config =
                                rendered_containerd(node.inputs(user_toml(user), kubelet_132, daemon));
                        const bool three = daemon.major >= 2;
                        CHECK(config.at("version") == (three ? 3 : 2));
                        CHECK(config.at("plugins").contains("io.containerd.grpc.v1.cri") == !three);
                        CHECK(config.at("plugins").contains("io.containerd.cri.v1.runtime") == three);
                        CHECK(config.at("plugins").contains("io.containerd.cri.v1.images") == three);

                        if (std::string_view(user).find("downloads") != std::string_view::npos)
                                CHECK(at(config, std::string(three ? images3 : cri2) +
                                                         "/max_concurrent_downloads") == 7);
                }
}

TEST_CASE("Settings of schema 3 that containerd 1.x has not are refused with their lines",
        "[containerd-config]")
{
        const ReferenceNode node;
        const auto result = refusal([&] {
                plan_containerd_config(node.inputs(
                        user_toml(
                                "version = 3\n[plugins.'io.containerd.cri.v1.images']\nuse_local_image_pull "
                                "= "
                                "true\n[plugins.'io.containerd.cri.v1.runtime'.cni]\nuse_internal_loopback "
                                "= true"),
                        kubelet_132, containerd_17));
        });

        CHECK(result.failure == "config-invalid");
        CHECK(result.mentions(
                "containerd.config (user data, line 10, column 5), line 3, column 1: "
                "plugins.\"io.containerd.cri.v1.images\".use_local_image_pull: containerd 1.7.27 has "
                "no such setting"));
        CHECK(result.mentions("line 5, column 1: plugins.\"io.containerd.cri.v1.runtime\".cni.use_internal_"
                              "loopback: containerd 1.7.27 has no such setting"));
        CHECK(result.advises("containerd 2.x"));
}

TEST_CASE("Drop-ins come between the vendor's file and the node's configuration", "[containerd-config]")
{
        const ReferenceNode node;
        node.write("/usr/lib/eks/containerd.d/10-a.toml",
                "[debug]\nlevel = 'info'\nformat = 'json'\nuid = 1\n");
        node.write("/usr/lib/eks/containerd.d/20-b.toml", "[debug]\nuid = 2\n");
        node.write("/etc/eks/containerd.d/20-b.toml", "");
        node.write("/etc/eks/containerd.d/05-c.toml",
                "root = '/data'\n[debug]\nlevel = 'trace'\nformat = 'text'\n"
                "[plugins.'io.containerd.cri.v1.images'.pinned_images]\nsandbox = 'example.com/pause:1'\n");
        node.write("/etc/eks/containerd.d/note.txt", "not TOML");
        const auto config = rendered_containerd(
                node.inputs(user_toml("[debug]\nformat = ''"), kubelet_132, containerd_17));
        CHECK(config.at("root") == "/data");
        CHECK(at(config, "/debug") == Json{{"level", "info"}, {"format", ""}, {"uid", 1}});
        CHECK(at(config, std::string(cri2) + "/sandbox_image") == "example.com/pause:1");

        node.write("/etc/eks/containerd.d/99-broken.toml", "[debug\n");
        const auto broken = refusal([&] { plan_containerd_config(node.inputs()); });
        CHECK(broken.failure == "config-syntax");
        CHECK(broken.mentions("/etc/eks/containerd.d/99-broken.toml, line 1, column "));
}

TEST_CASE("A list of CNI directories takes the place of the vendor's one directory", "[containerd-config]")
{
        const ReferenceNode node;
        const auto user = user_toml("[plugins.'io.containerd.cri.v1.runtime'.cni]\nbin_dirs = ['/a']");
        CHECK(at(rendered_containerd(node.inputs(user, kubelet_132, {2, 2, 1})),
                      std::string(runtime3) + "/cni") ==
                Json{{"bin_dirs", {"/a"}}, {"conf_dir", "/etc/cni/net.d"}});

        for (const auto daemon : {containerd_17, containerd_2})
                CHECK(at(rendered_containerd(node.inputs(user, kubelet_132, daemon)),
                              std::string(daemon.major == 1 ? cri2 : runtime3) + "/cni") ==
                        Json{{"bin_dir", "/a"}, {"conf_dir", "/etc/cni/net.d"}});

        // The last layer says it.
        const std::string cni = "[plugins.'io.containerd.cri.v1.runtime'.cni]\n";
        auto inputs = node.inputs({}, kubelet_132, {2, 1, 0});
        inputs.spec.containerd.configs = {
                {cni + "bin_dirs = ['/a', '/b']", "first"}, {cni + "bin_dir = '/c'", "second"}};
        CHECK(at(rendered_containerd(inputs), std::string(runtime3) + "/cni") ==
                Json{{"bin_dirs", {"/c"}}, {"conf_dir", "/etc/cni/net.d"}});

        std::swap(inputs.spec.containerd.configs[0], inputs.spec.containerd.configs[1]);
        CHECK(at(rendered_containerd(inputs), std::string(runtime3) + "/cni") ==
                Json{{"bin_dirs", {"/a", "/b"}}, {"conf_dir", "/etc/cni/net.d"}});

        inputs.spec.containerd.configs = {{cni + "bin_dirs = ['/a', '/b']\nbin_dir = '/a'", "both"}};
        const auto both = refusal([&] { plan_containerd_config(inputs); });
        CHECK(both.failure == "config-invalid");
        CHECK(both.mentions("containerd.config (both), line 2, column 1: "
                            "plugins.\"io.containerd.cri.v1.runtime\".cni.bin_dirs: the same setting as"));
}

TEST_CASE("Mirrors of the old form beside config_path are refused with their place", "[containerd-config]")
{
        const ReferenceNode node;
        const std::string registry = "\n[plugins.'io.containerd.grpc.v1.cri'.registry.";
        const auto mirrors = registry + "mirrors.'docker.io']\nendpoint = ['https://m.example']\n";
        const auto tls = registry + "configs.'r.example'.tls]\nca_file = '/ca.crt'\n";

        for (const auto daemon : {containerd_16, containerd_17, containerd_2}) {
                auto inputs = node.inputs({}, kubelet_132, daemon);
                const auto with = [&](const std::string& text) {
                        inputs.spec.containerd.configs = {{text, "user data"}};
                        return plan_containerd_config(inputs);
                };

                const auto one = refusal([&] { with(mirrors); });
                CHECK(one.failure == "config-invalid");
                CHECK(one.mentions("containerd.config (user data), line 3, column 1: registry.mirrors: "));
                CHECK(one.remedy.find("eks-node.toml(5)") != std::string::npos);
                CHECK(one.remedy.find("/etc/containerd/certs.d") != std::string::npos);
                CHECK(refusal([&] {
                        with(tls);
                }).mentions("line 3, column 1: registry.configs.\"r.example\".tls: "));

                CHECK_NOTHROW(with(registry + "configs.'r.example'.auth]\nauth = 'x'\n"));

                const auto old = registry.substr(0, registry.size() - 1) + "]\nconfig_path = ''\n";
                CHECK_NOTHROW(with(old + mirrors + tls));
        }
}

TEST_CASE("Invalid TOML is refused with its source and line", "[containerd-config]")
{
        const ReferenceNode node;
        const auto result =
                refusal([&] { plan_containerd_config(node.inputs(user_toml("version = 2\n[grpc\n"))); });
        CHECK(result.failure == "config-syntax");
        CHECK(result.mentions("containerd.config (user data, line 10, column 5), line 2, column "));
}

TEST_CASE("A host with NVIDIA's runtime runs everything through it", "[containerd-config]")
{
        const ReferenceNode node;
        node.write("/usr/bin/nvidia-container-runtime", "", 0755);
        node.write("/sys/bus/pci/devices/0000:00:1e.0/vendor", "0x10de\n");
        struct Row {
                Version daemon;
                std::string containerd;
                std::string reference;
        };

        for (const auto& row : {Row{containerd_17, std::string(cri2) + "/containerd", "containerd-2.toml"},
                     Row{containerd_2, std::string(runtime3) + "/containerd", "containerd-3.toml"}}) {
                CAPTURE(row.reference);
                auto wanted = tree(test::reference(row.reference));
                auto& containerd = wanted[Json::json_pointer(row.containerd)];
                containerd["default_runtime_name"] = "nvidia";
                containerd["runtimes"]["nvidia"] = containerd["runtimes"]["runc"];
                containerd["runtimes"]["nvidia"]["options"]["BinaryName"] =
                        "/usr/bin/nvidia-container-runtime";
                CHECK(rendered_containerd(node.inputs({}, kubelet_132, row.daemon)) == wanted);
        }

        // The user has the last word there as well.
        const auto user = rendered_containerd(node.inputs(
                user_toml("[plugins.'io.containerd.grpc.v1.cri'.containerd]\ndefault_runtime_name = 'runc'"),
                kubelet_132, containerd_17));
        CHECK(at(user, std::string(cri2) + "/containerd/default_runtime_name") == "runc");
}

TEST_CASE("The base runtime spec is the vendor's, and the user's is merged over it", "[containerd-config]")
{
        const ReferenceNode node;
        const auto spec = [&](const std::string& user) {
                return Json::parse(file_in(
                        plan_containerd_config(node.inputs(user)), "/etc/containerd/base-runtime-spec.json")
                                           .content);
        };
        const auto vendor = Json::parse(test::reference("base-runtime-spec.json"));
        CHECK(spec({}) == vendor);

        auto wanted = vendor;
        wanted["process"]["rlimits"] =
                Json::parse(R"([{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}])"); // replaced whole
        wanted["process"]["noNewPrivileges"] = false;
        wanted["linux"]["seccomp"] = {{"defaultAction", "SCMP_ACT_ALLOW"}};
        wanted.erase("root"); // null removes
        CHECK(spec("  containerd:\n    baseRuntimeSpec:\n      root: null\n      process:\n        rlimits: "
                   "[{type: RLIMIT_CORE, soft: 0, hard: 0}]\n"
                   "        noNewPrivileges: false\n      linux: {seccomp: {defaultAction: SCMP_ACT_ALLOW}, "
                   "resources: {}}\n") == wanted);
}

TEST_CASE("Limits override those of the base runtime spec, one by one", "[containerd-config]")
{
        const ReferenceNode node;
        auto inputs = node.inputs();
        auto& user = inputs.spec.containerd.base_runtime_spec;
        auto& limits = inputs.spec.containerd.limits;
        const auto rlimits = [&] {
                const auto spec = Json::parse(
                        file_in(plan_containerd_config(inputs), "/etc/containerd/base-runtime-spec.json")
                                .content);
                return spec["process"]["rlimits"];
        };
        const auto vendor = Json::parse(R"({"type": "RLIMIT_NOFILE", "soft": 65536, "hard": 1048576})");
        const auto locked = Json::parse(
                R"({"type": "RLIMIT_MEMLOCK", "soft": 18446744073709551615, "hard": 18446744073709551615})");
        const auto files = Json::parse(R"({"type": "RLIMIT_NOFILE", "soft": 1024, "hard": 4096})");
        CHECK(rlimits() == Json::array({vendor}));
        limits = Json::array({locked});
        CHECK(rlimits() == Json::array({vendor, locked}));
        limits = Json::array({files});
        CHECK(rlimits() == Json::array({files}));
        user["process"]["rlimits"] = nullptr;
        CHECK(rlimits() == Json::array({files}));
        user["process"]["rlimits"] = Json::array({locked, vendor});
        CHECK(rlimits() == Json::array({locked, files}));
}

TEST_CASE("The files of containerd are planned, again the same", "[containerd-config]")
{
        const ReferenceNode node;
        auto inputs = node.inputs(user_toml("[debug]\nlevel = 'info'") + "    baseRuntimeSpec: {a: 1}\n");
        inputs.decided.soci = true;
        const auto once = plan_containerd_config(inputs);
        const auto again = plan_containerd_config(inputs);
        REQUIRE(once.files.size() == 3);
        CHECK(once.files[2].path == soci_config_path);

        for (std::size_t i = 0; i < once.files.size(); ++i) {
                CHECK(once.files[i].path == again.files[i].path);
                CHECK(once.files[i].content == again.files[i].content);
                // What the user wrote into it may be secret.
                CHECK(once.files[i].mode == (once.files[i].path == containerd_config_path ? 0600 : 0644));
                CHECK(once.files[i].content.ends_with('\n'));
        }

        CHECK(once.notes.empty());
}

TEST_CASE("An image may replace the vendor's files; what is broken there is said so", "[containerd-config]")
{
        const ReferenceNode node;
        auto soci = node.inputs();
        soci.decided.soci = true;

        for (const auto* text : {"[pull_modes.parallel_pull_unpack]\ndecompress_streams = 5\n",
                     "[pull_modes.parallel_pull_unpack.decompress_streams]\ngzip = 'x'\n", "not TOML"}) {
                node.write("/usr/share/eks/containerd/soci-snapshotter.toml", text);
                CHECK(refusal([&] { plan_containerd_config(soci); }).failure == "vendor-file");
        }

        node.write("/usr/share/eks/containerd/config-2.toml", "version = 2\nroot = '/data'\n");
        const auto config = rendered_containerd(node.inputs({}, kubelet_132, containerd_17));
        CHECK(config.at("root") == "/data");
        CHECK(at(config, std::string(cri2) + "/enable_cdi") == Json(true));

        node.write("/usr/share/eks/containerd/config-2.toml", "version = \n");
        const auto broken = refusal([&] { plan_containerd_config(node.inputs()); });
        CHECK(broken.mentions("/usr/share/eks/containerd/config-2.toml, line 1"));

        node.write("/usr/share/eks/containerd/config-2.toml", "version = 2\n");
        node.write("/usr/share/eks/containerd/base-runtime-spec.json", "{");
        const auto spec = refusal([&] { plan_containerd_config(node.inputs()); });
        CHECK(spec.failure == "vendor-file");
        CHECK(spec.mentions("/usr/share/eks/containerd/base-runtime-spec.json"));

        const test::TemporaryDirectory bare;
        bare.write("/usr/share/eks/runtimes.d/runc.toml",
                test::source_file("helpers/data/share/runtimes.d/runc.toml"));
        auto nothing = node.inputs();
        nothing.root = bare.root();
        CHECK(refusal([&] { plan_containerd_config(nothing); }).mentions("config-2.toml"));
}

TEST_CASE("A broken vendor file is not an error of the user's configuration", "[containerd-config]")
{
        const ReferenceNode node;
        node.write("/usr/share/eks/containerd/config-2.toml", "version = \n");
        CHECK(refusal([&] { plan_containerd_config(node.inputs()); }).failure == "vendor-file");
}

TEST_CASE("An image without a pause image of its own has EKS's", "[containerd-config]")
{
        const ReferenceNode node;
        const auto image = [&](const Version& containerd, const std::string& spec = {}) {
                return sandbox_image_in(
                        file_in(plan_containerd_config(node.inputs(spec, kubelet_132, containerd)),
                                "/etc/containerd/config.toml")
                                .content,
                        "x");
        };

        for (const auto& containerd : {containerd_17, containerd_2}) {
                node.write(pause_archive, "tar");
                CHECK(image(containerd) == "localhost/kubernetes/pause:latest");
                std::filesystem::remove(node(pause_archive));
                CHECK(image(containerd) == "602401143452.dkr.ecr.us-west-2.amazonaws.com/eks/pause:3.10");
        }

        CHECK(image(containerd_17,
                      user_toml("[plugins.'io.containerd.grpc.v1.cri']\nsandbox_image = 'mine:1'")) ==
                "mine:1");

        auto inputs = node.inputs();
        inputs.facts.region.clear();
        CHECK(refusal([&] { plan_containerd_config(inputs); }).failure == "facts-missing");

        inputs.decided.sandbox_image = "ecr/p:1"; // by eks-config, for all steps
        CHECK(sandbox_image_in(
                      file_in(plan_containerd_config(inputs), "/etc/containerd/config.toml").content, "x") ==
                "ecr/p:1");
}

TEST_CASE("The sandbox image is found in either schema", "[containerd-config]")
{
        const ReferenceNode node;
        const auto image = [&](const std::string& user, Version daemon) {
                return sandbox_image_in(
                        file_in(plan_containerd_config(node.inputs(user, kubelet_132, daemon)),
                                "/etc/containerd/config.toml")
                                .content,
                        "x");
        };

        CHECK(image({}, containerd_17) == "localhost/kubernetes/pause:latest");
        CHECK(image({}, containerd_2) == "localhost/kubernetes/pause:latest");
        CHECK(image(user_toml("[plugins.'io.containerd.grpc.v1.cri']\nsandbox_image = "
                              "'registry.k8s.io/pause:3.10'"),
                      containerd_2) == "registry.k8s.io/pause:3.10");
        CHECK(sandbox_image_in("version = 2\n", "x").empty());
        CHECK(refusal([] {
                sandbox_image_in("version =", "/etc/containerd/config.toml");
        }).mentions("/etc/containerd/config.toml, line 1"));

        CHECK(is_local_image("localhost/kubernetes/pause:latest"));
        CHECK_FALSE(is_local_image("localhost"));
        CHECK_FALSE(is_local_image("localhost.example.com/pause"));
        CHECK_FALSE(is_local_image("registry.k8s.io/localhost/pause"));
        CHECK_FALSE(is_local_image(""));
}

TEST_CASE("A socket at which kubelet finds no containerd is worth a warning", "[containerd-config]")
{
        const ReferenceNode node;
        struct Row {
                std::string text;
                std::string warning; // its beginning; "": none
        };
        const std::vector<Row> rows{
                {"[grpc]\naddress = '/run/other.sock'\n",
                        "containerd.config (user data), line 2, column 1: grpc.address = \"/run/other.sock\": "
                        "kubelet and eksnode connect to /run/containerd/containerd.sock, "},
                {"version = 4\n[plugins.'io.containerd.server.v1.grpc']\naddress = '/x'\n",
                        "containerd.config (user data), line 3, column 1: grpc.address = \"/x\": "},
                {"[grpc]\naddress = '/run/containerd/containerd.sock'\n", ""},
                {"[grpc]\naddress = '/var/run/containerd/containerd.sock'\n", ""},
                {"[grpc]\nuid = 1000\n", ""},
        };

        for (const auto daemon : {containerd_17, containerd_2})
                for (const auto& row : rows) {
                        CAPTURE(row.text);
                        auto inputs = node.inputs({}, kubelet_132, daemon);
                        inputs.spec.containerd.configs = {{row.text, "user data"}};

                        std::string warning;
                        for (const auto& note : plan_containerd_config(inputs).notes)
                                if (note.text.find("grpc.address") != std::string::npos)
                                        warning = note.text;
                        CHECK(warning.starts_with(row.warning));
                        CHECK(warning.empty() == row.warning.empty());
                }
}

TEST_CASE("A default that containerd.config names without its program is worth a warning",
        "[containerd-config]")
{
        const auto warning_of = [](const StepPlan& plan) {
                for (const auto& note : plan.notes)
                        if (note.text.find("its program is missing") != std::string::npos)
                                return note.text;
                return std::string();
        };

        const ReferenceNode node;
        const std::string containerd = "[plugins.'io.containerd.grpc.v1.cri'.containerd]\n";
        const std::string named = containerd + "default_runtime_name = 'x'\n";
        struct Row {
                std::string handler;
                std::string missing;
        };
        const std::vector<Row> rows{
                {"runtimes.x = {runtime_type = 'io.containerd.runc.v2', options.BinaryName = '/opt/x'}",
                        "/opt/x"},
                {"runtimes.x = {runtime_type = 'io.containerd.x.v1', runtime_path = '/opt/x'}", "/opt/x"},
                {"runtimes.x.runtime_type = '/opt/x'", "/opt/x"},
                {"runtimes.x.runtime_type = 'io.containerd.x.v1'", "containerd-shim-x-v1"},
        };

        for (const auto daemon : {containerd_17, containerd_2}) {
                auto inputs = node.inputs({}, kubelet_132, daemon);
                const auto with = [&](const std::string& text) {
                        inputs.spec.containerd.configs = {{text, "user data"}};
                        return plan_containerd_config(inputs);
                };

                for (const auto& row : rows) {
                        CAPTURE(row.handler);
                        CHECK(warning_of(with(named + row.handler))
                                        .starts_with(
                                                "containerd.config (user data), line 2, column 1: "
                                                "default_runtime_name = \"x\": its program is missing: no " +
                                                row.missing));
                        CHECK(warning_of(with(containerd + row.handler)).empty()); // not the default

                        const auto path =
                                row.missing.starts_with('/') ? row.missing : "/usr/local/bin/" + row.missing;
                        node.write(path, "", 0755);
                        CHECK(warning_of(with(named + row.handler)).empty());

                        std::filesystem::remove(node(path));
                }

                CHECK_NOTHROW(with(containerd + "default_runtime_name = 'runc'"));
                CHECK_NOTHROW(with(named + "runtimes.x.runtime_type = 'io.containerd.runc.v2'"));

                // The default stays runc, but is another program.
                CHECK(warning_of(with(containerd + "runtimes.runc.options.BinaryName = '/opt/x'"))
                                .find("line 2, column 23: default_runtime_name = \"runc\": its program is "
                                      "missing") != std::string::npos);
        }
}

TEST_CASE("One handler with two programs is refused, another program for ours gives a warning",
        "[containerd-config]")
{
        const ReferenceNode node;
        node.write("/opt/runc", "", 0755);
        const std::string runtimes = "[plugins.'io.containerd.grpc.v1.cri'.containerd.runtimes]\n";

        for (const auto daemon : {containerd_17, containerd_2}) {
                auto inputs = node.inputs({}, kubelet_132, daemon);
                const auto with = [&](const std::string& one, const std::string& two) {
                        inputs.spec.containerd.configs = {{runtimes + one, "one"}, {runtimes + two, "two"}};
                        return plan_containerd_config(inputs);
                };

                const auto result = refusal([&] {
                        with("x.options.BinaryName = '/a'", "x.options = {BinaryName = '/b', Root = '/r'}");
                });

                CHECK(result.failure == "runtime-invalid");
                CHECK(result.mentions("containerd.config (two), line 2, column "));
                CHECK(result.mentions(": runtimes.x.options.BinaryName = \"/b\": it is \"/a\" in "
                                      "containerd.config (one), line 2, column "));
                CHECK(with("x.options.BinaryName = '/a'", "x.options = {BinaryName = '/a', Root = '/r'}")
                                .notes.empty());
                CHECK(with(
                        "runc.options.SystemdCgroup = false", "runc.options.BinaryName = '/usr/sbin/runc'")
                                .notes.empty());

                const auto notes = with("", "runc.options.BinaryName = '/opt/runc'").notes;
                REQUIRE(notes.size() == 1);
                CHECK(notes[0].level == Level::warning);
                CHECK(notes[0].text ==
                        "containerd.config (two), line 2, column 14: runtimes.runc.options.BinaryName = "
                        "\"/opt/runc\": replaces the program of the runtime runc "
                        "(/usr/share/eks/runtimes.d/runc.toml), proceeding");
        }
}
