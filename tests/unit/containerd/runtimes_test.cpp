// SPDX-License-Identifier: Apache-2.0
#include <filesystem>

#include <catch2/catch.hpp>

#include "containerd/config_versions.hpp"
#include "containerd/files.hpp"
#include "containerd/runtimes.hpp"
#include "document/toml.hpp"
#include "fixture.hpp"
#include "steps/containerd-config/containerd_config.hpp"

using namespace eks;
using test::ReferenceNode;
using test::refusal;

namespace {

// A node with the descriptors that we ship.
class Node : public ReferenceNode {
public:
        Node()
        {
                for (const auto* name : {"crun", "kata-clh", "kata-fc", "kata-qemu", "krun", "krun-shim",
                             "nvidia", "runc", "runsc", "spin", "wasmedge", "wasmtime", "youki"}) {
                        const auto file = std::string("runtimes.d/") + name + ".toml";
                        write("/usr/share/eks/" + file, test::source_file("helpers/data/share/" + file));
                }

                write("/proc/sys/kernel/osrelease", "6.1.0-13-cloud-amd64\n");
                write("/proc/sys/kernel/arch", "x86_64\n");
        }

        void install_kontain() const
        {
                write("/opt/kontain/bin/krun", "", 0755);
                write("/opt/kontain/bin/km", "", 0755);
                write("/dev/kkm", "");
        }
};

RuntimeSettings settings(const std::string& toml)
{
        const auto layer = TomlDocument::parse(toml, "node.toml").layer("node.toml");
        return node_spec(layer.tree, layer.marks).containerd.runtimes;
}

RuntimeHandlers handlers(const Node& node, const std::string& toml = {})
{
        return runtime_handlers(node.root(), settings(toml));
}

RuntimeHandler named(const RuntimeHandlers& handlers, const std::string& name)
{
        const auto found = std::find_if(
                handlers.all.begin(), handlers.all.end(), [&](const auto& h) { return h.name == name; });
        if (found == handlers.all.end())
                FAIL("no handler " << name);
        return *found;
}

Json tables(const RuntimeHandlers& handlers)
{
        return containerd_settings(
                handlers)["/plugins/io.containerd.cri.v1.runtime/containerd"_json_pointer];
}

std::vector<std::string> rendered(const RuntimeHandlers& handlers)
{
        std::vector<std::string> names;
        for (const auto& handler : handlers.all)
                if (handler.rendered)
                        names.push_back(handler.name);
        return names;
}

using Names = std::vector<std::string>;

} // namespace

TEST_CASE("A plain machine has runc, and it is the default", "[runtimes]")
{
        const Node node;
        const auto found = handlers(node);
        CHECK(found.all.size() == 13);
        CHECK(rendered(found) == Names{"runc"});
        CHECK(found.default_name == "runc");
        CHECK(named(found, "crun").reason == "no /usr/bin/crun or /usr/local/bin/crun");
        CHECK(named(found, "spin").reason == "no containerd-shim-spin-v2");
        CHECK(named(found, "krun-shim").reason == "render is never");
        CHECK_FALSE(named(found, "crun").surprise);
}

TEST_CASE("Each shipped runtime is there once what it needs is", "[runtimes]")
{
        struct Row {
                std::string name;
                Names files;
                Json table;
        };

        const Json base = "/etc/containerd/base-runtime-spec.json";
        const auto runc_like = [&](const std::string& binary) {
                return Json{{"base_runtime_spec", base}, {"runtime_type", "io.containerd.runc.v2"},
                        {"options", {{"BinaryName", binary}, {"SystemdCgroup", true}}}};
        };

        const auto kata = [](const std::string& name) {
                return Json{{"runtime_type", "io.containerd." + name + ".v2"},
                        {"runtime_path", "/opt/kata/bin/containerd-shim-kata-v2"},
                        {"privileged_without_host_devices", true},
                        {"pod_annotations", {"io.katacontainers.*"}},
                        {"options",
                                {{"ConfigPath", "/opt/kata/share/defaults/kata-containers/configuration-" +
                                                        name.substr(5) + ".toml"}}}};
        };

        const auto wasm = [](const std::string& type) {
                return Json{{"runtime_type", type}, {"options", Json::object()}};
        };

        auto kata_fc = kata("kata-fc");
        kata_fc["snapshotter"] = "devmapper";
        const std::string kata_shim = "/opt/kata/bin/containerd-shim-kata-v2";
        const std::string kata_config = "/opt/kata/share/defaults/kata-containers/configuration-";
        const std::vector<Row> rows{
                {"crun", {"/usr/local/bin/crun"}, runc_like("/usr/local/bin/crun")},
                {"youki", {"/usr/bin/youki"}, runc_like("/usr/bin/youki")},
                {"kata-qemu", {kata_shim, kata_config + "qemu.toml", "/dev/kvm"}, kata("kata-qemu")},
                {"kata-clh", {kata_shim, kata_config + "clh.toml", "/dev/kvm"}, kata("kata-clh")},
                {"kata-fc",
                        {kata_shim, kata_config + "fc.toml", "/dev/kvm",
                                "/sys/module/dm_thin_pool/initstate"},
                        kata_fc},
                {"krun", {"/opt/kontain/bin/krun", "/opt/kontain/bin/km", "/dev/kvm"},
                        {{"runtime_type", "io.containerd.runc.v2"},
                                {"privileged_without_host_devices", true},
                                {"pod_annotations", {"app.kontain.*"}},
                                {"options", {{"BinaryName", "/opt/kontain/bin/krun"},
                                                    {"SystemdCgroup", true}}}}},
                {"runsc", {"/usr/local/bin/runsc", "/usr/local/bin/containerd-shim-runsc-v1"},
                        {{"runtime_type", "io.containerd.runsc.v1"}, {"pod_annotations", {"dev.gvisor.*"}},
                                {"options", {{"TypeUrl", "io.containerd.runsc.v1.options"},
                                                    {"ConfigPath", "/etc/containerd/runsc.toml"}}}}},
                {"wasmtime", {"/usr/bin/containerd-shim-wasmtime-v1"}, wasm("io.containerd.wasmtime.v1")},
                {"wasmedge", {"/opt/containerd/bin/containerd-shim-wasmedge-v1"},
                        wasm("io.containerd.wasmedge.v1")},
                {"spin", {"/usr/local/bin/containerd-shim-spin-v2"}, wasm("io.containerd.spin.v2")},
        };

        for (const auto& row : rows) {
                CAPTURE(row.name);
                const Node node;

                for (std::size_t i = 0; i < row.files.size(); ++i) {
                        CHECK_FALSE(named(handlers(node), row.name).rendered); // one is still missing
                        node.write(row.files[i], "", 0755);
                }

                const auto found = handlers(node);
                CHECK(rendered(found).size() == 2);
                CHECK(named(found, row.name).rendered);
                CHECK(named(found, row.name).reason.empty());
                CHECK(tables(found)["runtimes"][row.name] == row.table);
                CHECK(tables(found)["runtimes"]["runc"] == runc_like("/usr/sbin/runc"));
                CHECK(found.default_name == "runc");
        }
}

TEST_CASE("NVIDIA's runtime takes its program and a device, and then is the default", "[runtimes]")
{
        const Node node;
        node.write("/usr/bin/nvidia-container-runtime", "", 0755);
        const auto inert = handlers(node);
        CHECK(rendered(inert) == Names{"runc"});
        CHECK(named(inert, "nvidia").reason == "no PCI device of vendor 0x10de");
        CHECK(named(inert, "nvidia").surprise);

        node.write("/sys/bus/pci/devices/0000:00:03.0/vendor", "0x1d0f\n");
        node.write("/sys/bus/pci/devices/0000:00:1e.0/vendor", "0x10de\n");
        const auto found = handlers(node);
        CHECK(rendered(found) == Names{"nvidia", "runc"});
        CHECK(found.default_name == "nvidia");
        CHECK(tables(found)["default_runtime_name"] == "nvidia");
        CHECK(handlers(node, "containerd.defaultRuntime = 'runc'").default_name == "runc");
}

TEST_CASE("Requirements are looked up on the machine", "[runtimes]")
{
        struct Row {
                std::string requirement;
                std::string missing; // empty: it holds
        };
        const std::vector<Row> rows{
                {"architectures = ['x86_64']", ""},
                {"architectures = ['aarch64|x86_64']", ""},
                {"architectures = ['aarch64']", "no architecture aarch64"},
                {"kernel = '6.1'", ""},
                {"kernel = '6.2'", "kernel 6.1.0-13-cloud-amd64 is older than 6.2"},
                {"cpu_flags = ['pti', 'xsave']", ""},
                {"cpu_flags = ['vmx|svm']", "no CPU flag vmx or svm"},
                {"cpu_flags = ['pt']", "no CPU flag pt"},
                {"modules = ['kkm']", ""},
                {"modules = ['kvm']", "no module kvm"},
                {"devices = ['/dev/here']", ""},
                {"devices = ['/dev/kvm|/dev/kkm']", "no device /dev/kvm or /dev/kkm"},
                {"binaries = ['/usr/bin/x', '/usr/bin/y']", "no file /usr/bin/y"},
                {"pci_vendors = ['0x10de']", "no PCI device of vendor 0x10de"},
        };

        for (const auto& row : rows) {
                CAPTURE(row.requirement);
                const Node node;
                node.write("/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu pti xsave\n\nprocessor\t: 1\n");
                node.write("/sys/module/kkm/version", "0.9\n");
                node.write("/dev/here", "");
                node.write("/usr/bin/x", "", 0755);
                node.write("/etc/eks/runtimes.d/x.toml",
                        "binary = '/usr/bin/x'\n[requires]\n" + row.requirement + "\n");
                const auto handler = named(handlers(node), "x");
                CHECK(handler.rendered == row.missing.empty());
                CHECK(handler.reason == row.missing);
                CHECK(handler.surprise == !row.missing.empty());
        }
}

TEST_CASE("A runtime is forced or kept out by render", "[runtimes]")
{
        Node node;
        const auto forced = handlers(node, "containerd.runtimes.krun.render = 'always'");
        CHECK(named(forced, "krun").rendered);
        CHECK(named(forced, "krun").reason.find("render is always") != std::string::npos);

        node.install_kontain();
        CHECK(named(handlers(node), "krun").rendered);
        CHECK_FALSE(named(handlers(node, "containerd.runtimes.krun.render = 'never'"), "krun").rendered);

        // The original form, for who asks.
        node.write("/opt/kontain/shim/containerd-shim-krun-v2", "", 0755);
        const auto shim = handlers(node, "containerd.runtimes.krun-shim.render = 'auto'");
        CHECK(tables(shim)["runtimes"]["krun-shim"] ==
                Json{{"runtime_type", "io.containerd.krun.v2"},
                        {"runtime_path", "/opt/kontain/shim/containerd-shim-krun-v2"},
                        {"privileged_without_host_devices", true}, {"pod_annotations", {"app.kontain.*"}},
                        {"options", Json::object()}});
}

TEST_CASE("Descriptors come from the image, the admin and the configuration", "[runtimes]")
{
        const Node node;
        node.write("/usr/bin/x", "", 0755);
        node.write("/usr/share/eks/runtimes.d/x.toml", "binary = '/usr/bin/x'\npod_annotations = ['a']\n");
        CHECK(tables(handlers(node))["runtimes"]["x"]["pod_annotations"] == Json{"a"});

        // Another file of the same handler replaces all of it.
        node.write("/etc/eks/runtimes.d/my-x.toml",
                "name = 'x'\nbinary = '/usr/bin/x'\nsystemd_cgroup = false\n");
        auto table = tables(handlers(node))["runtimes"]["x"];
        CHECK_FALSE(table.contains("pod_annotations"));
        CHECK(table["options"]["SystemdCgroup"] == false);

        // The configuration is merged over it.
        const auto merged = tables(handlers(node, "[containerd.runtimes.x]\noptions = {Root = '/r'}\n"));
        CHECK(merged["runtimes"]["x"]["options"] ==
                Json{{"BinaryName", "/usr/bin/x"}, {"SystemdCgroup", false}, {"Root", "/r"}});

        // An empty file of the same name takes the image's away.
        std::filesystem::remove(node("/etc/eks/runtimes.d/my-x.toml"));
        node.write("/etc/eks/runtimes.d/x.toml", "");
        CHECK_FALSE(tables(handlers(node))["runtimes"].contains("x"));
        CHECK(named(handlers(node, "containerd.runtimes.x.binary = '/usr/bin/x'"), "x").rendered);
}

TEST_CASE("An error in a descriptor is reported with its place", "[runtimes]")
{
        struct Row {
                std::string text;
                std::string wanted;
        };
        const std::vector<Row> rows{
                {"binary = '/x'\nbinray = 1\n",
                        "file.toml, line 2, column 1: binray: unknown key; did you mean 'binary'?"},
                {"binary = 5\n", "line 1, column 1: binary = \"5\": must be a string or a list of strings"},
                {"kind = 'vm'\n", "line 1, column 1: kind = \"vm\": must be one of runc-compatible, shim"},
                {"binary = '/x'\n[requires]\nkernel = 'new'\n",
                        "line 3, column 1: requires.kernel = \"new\": must be a version"},
                {"binary = '/x'\n[requires]\nkernels = '5'\n",
                        "line 3, column 1: requires.kernels: unknown key"},
                {"about = 'x'\n", "binary: is missing"},
                {"kind = 'shim'\n", "runtime_type: is missing"},
                {"kind = 'shim'\nruntime_type = 'a.b.v1'\nsystemd_cgroup = true\n",
                        "line 3, column 1: systemd_cgroup: is for"},
                {"name = 'Big_One'\nbinary = '/x'\n",
                        "line 1, column 1: name = \"Big_One\": must be a lower-case DNS label"},
                {"binary = '/x'\nfiles.'/etc/passwd' = ''\n",
                        "must be a file of its own below /etc/containerd/"},
                {"binary = '/x'\nfiles.'/etc/containerd/config.toml' = ''\n", "must be a file of its own"},
                {"binary = '/x'\nfiles.'/etc/containerd/../x' = ''\n", "must be a file of its own"},
                {"binary = '/x'\nfiles.'/etc/containerd/' = ''\n", "must be a file of its own"},
                {"binary = '/x'\nfiles.'/etc/containerd/certs.d/a/hosts.toml' = ''\n",
                        "must be a file of its own"},
                {"binary = 'x'\n", "line 1, column 1: binary = \"x\": must be an absolute path"},
                {"binary = '/x'\ndocker.binary = ['/x', 'x']\n",
                        "docker.binary = \"x\": must be an absolute path"},
                {"binary = '/x'\ndocker.triggers.x = ''\n", "docker.triggers: must be an absolute path"},
                {"kind = 'shim'\nruntime_type = 'a.b.v1'\nruntime_path = \"/x\\n\"\n",
                        "line 3, column 1: runtime_path = "},
                {"binary = '/x'\nrequires = 3\n", "line 2, column 1: requires = \"3\": must be a map"},
        };

        for (const auto& row : rows) {
                CAPTURE(row.text);
                const Node node;
                node.write("/etc/eks/runtimes.d/file.toml", row.text);
                const auto result = refusal([&] { handlers(node); });
                CHECK(result.failure == "runtime-invalid");

                CAPTURE(result.what);
                CHECK(result.mentions(row.wanted));
        }

        const Node node;
        node.write("/etc/eks/runtimes.d/file.toml", "binary = \n");
        CHECK(refusal([&] { handlers(node); }).failure == "config-syntax");

        const auto given = refusal([&] { handlers(Node(), "\n[containerd.runtimes.x]\nbinray = '/x'\n"); });
        CHECK(given.mentions("node.toml, line 3, column 1: containerd.runtimes.x.binray"));
        CHECK(refusal([&] {
                check_runtime_settings(settings("containerd.runtimes.x = 1"));
        }).mentions("containerd.runtimes.x: must be a map"));
}

TEST_CASE("Two descriptors of one handler in one directory must agree", "[runtimes]")
{
        const Node node;
        node.write("/etc/eks/runtimes.d/a.toml", "name = 'x'\nbinary = '/a'\n");
        node.write("/etc/eks/runtimes.d/b.toml", "name = 'x'\nbinary = '/a'\n");
        CHECK(handlers(node).all.size() == 14);

        node.write("/etc/eks/runtimes.d/b.toml", "# remark\nname = 'x'\nbinary = '/b'\n");
        const auto result = refusal([&] { handlers(node); });
        CHECK(result.failure == "runtime-invalid");
        CHECK(result.mentions("/etc/eks/runtimes.d/b.toml, line 2, column 1"));
        CHECK(result.mentions("/etc/eks/runtimes.d/a.toml, line 1, column 1"));
}

TEST_CASE("There is exactly one default, and it works", "[runtimes]")
{
        const Node node;
        const auto awaited = handlers(node, "\ncontainerd.defaultRuntime = 'krun'");
        CHECK(awaited.default_name == "krun");
        CHECK(rendered(awaited) == Names{"krun", "runc"}); // a script may still install it
        REQUIRE(awaited.notes.size() == 1);
        CHECK(awaited.notes[0].level == Level::warning);
        CHECK(awaited.notes[0].text.find("node.toml, line 2, column ") != std::string::npos);
        CHECK(awaited.notes[0].text.find("requires is not here yet: no /opt/kontain/bin/krun") !=
                std::string::npos);

        const auto never = refusal([&] { handlers(node, "containerd.defaultRuntime = 'krun-shim'"); });
        CHECK(never.failure == "runtime-invalid");
        CHECK(never.mentions("says that it is never rendered"));
        CHECK(refusal([&] {
                handlers(node, "containerd.defaultRuntime = 'x'");
        }).mentions("no such runtime is described"));

        node.install_kontain();
        CHECK(handlers(node, "containerd.defaultRuntime = 'krun'").notes.empty());

        node.write("/usr/bin/x", "", 0755);
        for (const auto* name : {"a", "b"})
                node.write(std::string("/etc/eks/runtimes.d/") + name + ".toml",
                        "binary = '/usr/bin/x'\ndefault = true\n");
        const auto two = refusal([&] { handlers(node); });
        CHECK(two.mentions("/etc/eks/runtimes.d/a.toml and /etc/eks/runtimes.d/b.toml both make their "
                           "runtime the default"));
        CHECK(handlers(node, "containerd.defaultRuntime = 'b'").default_name == "b");
}

TEST_CASE("runc stays", "[runtimes]")
{
        const Node node;
        CHECK(refusal([&] { handlers(node, "containerd.runtimes.runc.render = 'never'"); })
                        .mentions("node.toml, line 1, column 21: the runtime handler runc is not rendered "
                                  "(render is "
                                  "never)"));

        node.write("/etc/eks/runtimes.d/runc.toml", "");
        const auto result = refusal([&] { handlers(node); });
        CHECK(result.failure == "runtime-invalid");
        CHECK(result.mentions("runc is not described"));
}

TEST_CASE("A default that containerd.config names must be defined, and is rendered", "[runtimes]")
{
        const Node node;
        auto inputs = node.inputs();

        for (const auto daemon : {Version{1, 7, 27}, Version{2, 1, 0}}) {
                inputs.versions.containerd = daemon;
                const auto with = [&](const std::string& text) {
                        inputs.spec.containerd.configs = {{text, "user data"}};
                        return plan_containerd_config(inputs);
                };

                const std::string containerd = "[plugins.'io.containerd.grpc.v1.cri'.containerd]\n";
                const auto plan = with(containerd + "default_runtime_name = 'krun'");
                const auto table = (schema_of(schema_for(daemon)).cri_containerd / "runtimes") / "krun";
                const auto& config = test::file_in(plan, std::string(containerd_config_path)).content;
                CHECK(TomlDocument::parse(config, "x")
                                .layer("x")
                                .tree.at(table)
                                .at("options")
                                .at("BinaryName") == "/opt/kontain/bin/krun");
                REQUIRE(plan.notes.size() == 1);
                CHECK(plan.notes[0].text.starts_with(
                        "containerd.config (user data), line 2, column 1: default_runtime_name = \"krun\": what "
                        "this runtime requires is not here yet: no /opt/"));

                const auto result = refusal([&] { with(containerd + "default_runtime_name = 'x'"); });
                CHECK(result.failure == "runtime-invalid");
                CHECK(result.mentions(
                        "containerd.config (user data), line 2, column 1: default_runtime_name"));
                CHECK(result.mentions("no such runtime is defined"));
                CHECK(refusal([&] {
                        with(containerd + "default_runtime_name = 'krun-shim'");
                }).mentions("says that it is never rendered"));

                CHECK_NOTHROW(with(
                        containerd +
                        "default_runtime_name = 'x'\nruntimes.x.runtime_type = 'io.containerd.runc.v2'"));
        }
}

TEST_CASE("A handler's own files come and go with it", "[runtimes]")
{
        const Node node;
        const auto file = [&] {
                return test::file_in(plan_containerd_config(node.inputs()), "/etc/containerd/runsc.toml");
        };

        CHECK(file().kind == File::Kind::absent);

        node.write("/usr/bin/runsc", "", 0755);
        node.write("/usr/bin/containerd-shim-runsc-v1", "", 0755);
        CHECK(file().kind == File::Kind::regular);
        CHECK(TomlDocument::parse(file().content, "x").layer("x").tree ==
                Json{{"runsc_config", {{"systemd-cgroup", "true"}}}});

        for (const auto* name : {"a", "b"})
                node.write(std::string("/etc/eks/runtimes.d/") + name + ".toml",
                        std::string("binary = '/usr/bin/runsc'\nfiles.'/etc/containerd/own.toml' = '") +
                                name + "'\n");
        CHECK(refusal([&] { file(); }).mentions("/etc/containerd/own.toml"));
}

TEST_CASE("What was asked for and is left out is noted", "[runtimes]")
{
        const Node node;
        CHECK(plan_containerd_config(node.inputs()).notes.empty());

        node.write("/opt/kontain/bin/krun", "", 0755);
        const auto notes = plan_containerd_config(node.inputs()).notes;
        REQUIRE(notes.size() == 1);
        CHECK(notes[0].level == Level::info);
        CHECK(notes[0].text == "runtime krun (/usr/share/eks/runtimes.d/krun.toml) is left out: no file "
                               "/opt/kontain/bin/km, no device /dev/kkm or /dev/kvm");
}

TEST_CASE("A RuntimeClass says what the descriptor does", "[runtimes]")
{
        const Node node;
        node.write("/etc/eks/runtimes.d/x.toml",
                "binary = '/usr/bin/x'\n[runtimeclass]\nnode_selector = {sandbox = 'true'}\n"
                "overhead = {cpu = '250m'}\ntolerations = [{key = 'a', operator = 'Exists'}]\n");
        const auto found = handlers(node);
        CHECK(runtime_class(named(found, "krun")) ==
                "apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata:\n  name: \"kontain\"\nhandler: "
                "\"krun\"\n");
        CHECK(runtime_class(named(found, "x")) ==
                "apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata:\n  name: \"x\"\nhandler: \"x\"\n"
                "overhead:\n  podFixed:\n    \"cpu\": \"250m\"\nscheduling:\n  nodeSelector:\n    "
                "\"sandbox\": \"true\"\n"
                "  tolerations:\n  - {\"key\":\"a\",\"operator\":\"Exists\"}\n");
}

TEST_CASE("runc is found where packages put it", "[runtimes]")
{
        Node node;
        const auto binary = [&](const std::string& toml = {}) {
                return tables(handlers(node, toml))["runtimes"]["runc"]["options"]["BinaryName"];
        };

        CHECK(binary() == "/usr/sbin/runc");

        for (const auto* path : {"/usr/local/sbin/runc", "/usr/bin/runc", "/usr/sbin/runc"}) {
                node.write(path, "", 0755);
                CHECK(binary() == path);
        }

        CHECK(binary("containerd.runtimes.runc.binary = '/opt/runc'") == "/opt/runc");
}

TEST_CASE("A default runtime without its program is reported if containerd is installed", "[runtimes]")
{
        const Node node;
        CHECK(plan_containerd_config(node.inputs()).notes.empty());

        node.write("/usr/bin/containerd", "", 0755);
        const auto notes = plan_containerd_config(node.inputs()).notes;
        REQUIRE(notes.size() == 1);
        CHECK(notes[0].level == Level::warning);
        CHECK(notes[0].text == "runtime runc (/usr/share/eks/runtimes.d/runc.toml) is the default, and its "
                               "program is missing: no /usr/sbin/runc, proceeding");

        node.write("/usr/bin/runc", "", 0755);
        CHECK(plan_containerd_config(node.inputs()).notes.empty());
}

TEST_CASE("Another program for runc gives a warning", "[runtimes]")
{
        const Node node;
        const auto notes = handlers(node, "\ncontainerd.runtimes.runc.binary = '/opt/runc'").notes;
        REQUIRE(notes.size() == 1);
        CHECK(notes[0].level == Level::warning);
        CHECK(notes[0].text ==
                "node.toml, line 2, column 26: containerd.runtimes.runc.binary = \"/opt/runc\": replaces "
                "the "
                "program of the runtime runc (/usr/share/eks/runtimes.d/runc.toml), proceeding");
        CHECK(handlers(node, "containerd.runtimes.runc.binary = '/usr/bin/runc'").notes.empty());
        CHECK(handlers(node, "containerd.runtimes.runc.options.Root = '/r'").notes.empty());
        CHECK(handlers(node, "containerd.runtimes.crun.binary = '/opt/crun'").notes.empty());
}

TEST_CASE("What no machine would take is known without one", "[runtimes]")
{
        struct Row {
                std::string text;
                std::string wanted;
        };
        const std::vector<Row> rows{
                {"Foo]\nbinary = '/x'", "node.toml, line 2, column 22: containerd.runtimes.Foo.name = "
                                        "\"Foo\": must be a lower-case DNS label"},
                {"foo]\nbinary = 'x'",
                        "line 3, column 1: containerd.runtimes.foo.binary = \"x\": must be an"},
                {"a]\nkind = 'shim'", "line 2, column 22: containerd.runtimes.a.runtime_type: is missing"},
                {"a]\nkind = 'runc-compatible'", "line 2, column 22: containerd.runtimes.a.binary: is miss"},
                {"a]\nrequires.kernel = 'new'", "line 3, column 10: containerd.runtimes.a.requires.kernel"},
                {"a]\nfiles.'/etc/passwd' = ''", "must be a file of its own below /etc/containerd/"},
        };

        for (const auto& row : rows) {
                const auto text = "\n[containerd.runtimes." + row.text;
                CAPTURE(text);
                const auto check = [&](const auto& f) {
                        const auto result = refusal(f);
                        CHECK(result.failure == "runtime-invalid");
                        CAPTURE(result.what);
                        CHECK(result.mentions(row.wanted));
                };

                check([&] { check_runtime_settings(settings(text)); });
                check([&] { handlers(Node(), text); });
        }

        for (const auto* merged : {"runsc.options.x = 1", "crun.render = 'always'", "mine.class = 'm'"})
                CHECK_NOTHROW(
                        check_runtime_settings(settings(std::string("containerd.runtimes.") + merged)));
}

TEST_CASE("A key that containerd 1.6 does not read is noted of the admin's descriptors only", "[runtimes]")
{
        const Node node;
        for (const auto* path : {"/opt/kata/bin/containerd-shim-kata-v2", "/dev/kvm",
                     "/opt/kata/share/defaults/kata-containers/configuration-fc.toml",
                     "/sys/module/dm_thin_pool/initstate", "/usr/bin/x"})
                node.write(path, "", 0755);
        auto inputs = node.inputs();
        inputs.versions.containerd = {1, 6, 20};
        CHECK(named(handlers(node), "kata-fc").rendered);

        const auto warnings = [&] {
                auto notes = plan_containerd_config(inputs).notes;
                std::erase_if(notes, [](const Note& note) { return note.level != Level::warning; });
                return notes;
        };

        CHECK(warnings().empty());

        node.write("/etc/eks/runtimes.d/x.toml", "name = 'x'\nbinary = '/usr/bin/x'\nsnapshotter = 'y'\n");
        const auto notes = warnings();
        REQUIRE(notes.size() == 1);
        CHECK(notes[0].text.starts_with("/etc/eks/runtimes.d/x.toml, line 1, column 1: plugins."));
        CHECK(notes[0].text.ends_with("1.7 and later do, proceeding"));
}
