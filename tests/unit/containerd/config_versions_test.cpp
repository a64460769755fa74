// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "containerd/config_versions.hpp"
#include "document/toml.hpp"
#include "support.hpp"

using namespace eks;
using test::refusal;
using namespace std::string_literals;

namespace {

constexpr Version containerd_16{1, 6, 20};
constexpr Version containerd_17{1, 7, 27};
constexpr Version containerd_2{2, 1, 0};

Layer layer(const std::string& toml)
{
        return TomlDocument::parse(toml, "file").layer("file");
}

struct Result {
        Json tree;
        std::vector<Note> notes;
};

Result translated(const std::string& toml, const Version& daemon)
{
        Result result;
        result.tree = translate(layer(toml), daemon, result.notes);
        return result;
}

Json tree(const std::string& toml)
{
        return layer(toml).tree;
}

const std::string cri = "plugins.'io.containerd.grpc.v1.cri'.";
const std::string images = "plugins.'io.containerd.cri.v1.images'.";
const std::string runtime = "plugins.'io.containerd.cri.v1.runtime'.";

} // namespace

TEST_CASE("A setting is where the daemon's schema keeps it", "[schemas]")
{
        struct Row {
                std::string two;
                std::string three;
        };
        const std::vector<Row> rows{
                {cri + "sandbox_image = 'a'", images + "pinned_images.sandbox = 'a'"},
                {cri + "registry.config_path = '/x'", images + "registry.config_path = '/x'"},
                {cri + "registry.headers.A = ['b']", images + "registry.headers.A = ['b']"},
                {cri + "registry.configs.'r.example'.auth.auth = 'x'",
                        images + "registry.configs.'r.example'.auth.auth = 'x'"},
                {cri + "image_decryption.key_model = ''", images + "image_decryption.key_model = ''"},
                {cri + "max_concurrent_downloads = 3", images + "max_concurrent_downloads = 3"},
                {cri + "image_pull_progress_timeout = '1m'", images + "image_pull_progress_timeout = '1m'"},
                {cri + "stats_collect_period = 1", images + "stats_collect_period = 1"},
                {cri + "containerd.snapshotter = 'soci'", images + "snapshotter = 'soci'"},
                {cri + "containerd.disable_snapshot_annotations = false",
                        images + "disable_snapshot_annotations = false"},
                {cri + "containerd.discard_unpacked_layers = true",
                        images + "discard_unpacked_layers = true"},
                {cri + "containerd.default_runtime_name = 'x'",
                        runtime + "containerd.default_runtime_name = 'x'"},
                {cri + "containerd.runtimes.x.runtime_type = 't'",
                        runtime + "containerd.runtimes.x.runtime_type = 't'"},
                {cri + "containerd.runtimes.x.options.Own.Thing = 1",
                        runtime + "containerd.runtimes.x.options.Own.Thing = 1"},
                {cri + "containerd.runtimes.x.sandbox_mode = 'shim'",
                        runtime + "containerd.runtimes.x.sandboxer = 'shim'"},
                {cri + "cni.conf_dir = '/x'", runtime + "cni.conf_dir = '/x'"},
                {cri + "enable_selinux = true", runtime + "enable_selinux = true"},
                {cri + "enable_cdi = true", runtime + "enable_cdi = true"},
                {cri + "max_container_log_line_size = -1", runtime + "max_container_log_line_size = -1"},
                {cri + "stream_server_port = '1'", cri + "stream_server_port = '1'"},
                {cri + "x509_key_pair_streaming.tls_key_file = '/k'",
                        cri + "x509_key_pair_streaming.tls_key_file = '/k'"},
                {"plugins.'io.containerd.internal.v1.restart'.interval = '1s'",
                        "plugins.'io.containerd.monitor.container.v1.restart'.interval = '1s'"},
                {"plugins.'io.containerd.monitor.v1.cgroups'.no_prometheus = true",
                        "plugins.'io.containerd.monitor.task.v1.cgroups'.no_prometheus = true"},
                {"plugins.'io.containerd.gc.v1.scheduler'.pause_threshold = 0.5",
                        "plugins.'io.containerd.gc.v1.scheduler'.pause_threshold = 0.5"},
                {"proxy_plugins.soci.exports.root = '/x'", "proxy_plugins.soci.exports.root = '/x'"},
                {"timeouts.'io.containerd.timeout.shim.load' = '1s'",
                        "timeouts.'io.containerd.timeout.shim.load' = '1s'"},
                {"imports = []", "imports = []"},
        };

        for (const auto& row : rows) {
                CAPTURE(row.two, row.three);
                for (const auto& [given, version] : {std::pair(row.two, 2), {row.three, 3}}) {
                        const auto text = "version = " + std::to_string(version) + "\n" + given;
                        const auto old = translated(text, containerd_17);
                        CHECK(old.tree == tree(row.two));
                        CHECK(old.notes.empty());

                        const auto recent = translated(text, containerd_2);
                        CHECK(recent.tree == tree(row.three));
                        CHECK(recent.notes.empty());
                }
        }
}

TEST_CASE("What containerd 2.x has dropped is left out, and a note names its replacement", "[schemas]")
{
        struct Row {
                std::string key;
                std::string hint;
        };
        for (const auto& row : {Row{"disable_cgroup = true", "no such setting, ignoring"},
                     Row{"systemd_cgroup = true", "(use options.SystemdCgroup of the runtime)"},
                     Row{"containerd.no_pivot = true", "(use options.NoPivotRoot of the runtime)"},
                     Row{"containerd.runtimes.x.runtime_root = '/r'", "(use options.Root of the runtime)"},
                     Row{"containerd.default_runtime.runtime_type = 'x'",
                             "(use containerd.default_runtime_name)"}}) {
                CAPTURE(row.key);
                const auto recent = translated("version = 2\n" + cri + row.key, containerd_2);
                CHECK(recent.tree == Json::object());
                REQUIRE(recent.notes.size() == 1);
                CHECK(recent.notes[0].text.starts_with("file, line 2, column "));
                CHECK(recent.notes[0].text.find(row.hint) != std::string::npos);
                CHECK(recent.notes[0].text.ends_with(", ignoring"));
                CHECK(translated(cri + row.key, containerd_17).notes.empty());
        }
}

TEST_CASE("What only containerd 2.x has is refused on 1.x", "[schemas]")
{
        for (const auto* key : {"use_local_image_pull = true",
                     "runtime_platforms.x.platform = 'linux/amd64'", "pinned_images.base = 'x'"}) {
                CAPTURE(key);
                const auto result = refusal([&] { translated("\n" + images + key, containerd_17); });
                CHECK(result.failure == "config-invalid");
                CHECK(result.mentions("file, line 2, column "));
                CHECK(result.mentions("containerd 1.7.27 has no such setting"));
                CHECK(translated(images + key, containerd_2).tree == tree(images + key));
        }

        CHECK(refusal([&] {
                translated(runtime + "cni.bin_dirs = ['/a', '/b']", containerd_17);
        }).mentions("bin_dirs"));

        CHECK(translated(runtime + "cni.bin_dirs = ['/a']", containerd_17).tree ==
                tree(cri + "cni.bin_dir = '/a'"));
}

TEST_CASE("Unknown settings are kept in their place, with a note for each setting or plugin", "[schemas]")
{
        const auto text = cri + "tomorrow = 1\n" + images + "later = 2\n" +
                          "plugins.'com.example.x'.a = 1\nplugins.'com.example.x'.b.c = 2\nstranger = 3\n";

        for (const auto daemon : {containerd_17, containerd_2}) {
                const auto result = translated(text, daemon);
                CHECK(result.tree == tree(text));
                REQUIRE(result.notes.size() == 4);

                for (const auto& note : result.notes) {
                        CHECK(note.level == Level::warning);
                        CHECK(note.strict);
                        CHECK(note.text.ends_with(
                                ": not a containerd setting that eksnode knows, proceeding"));
                }

                CHECK(result.notes[0].text.find("plugins.\"com.example.x\": ") != std::string::npos);
        }

        std::vector<Note> notes;
        check_known(layer(text + "version = 3\n"), notes);
        CHECK(notes.size() == 4);
}

TEST_CASE("A daemon too old for a setting is named", "[schemas]")
{
        const auto result = translated(runtime + "cdi_spec_dirs = ['/x']", containerd_16);
        CHECK(result.tree == tree(cri + "cdi_spec_dirs = ['/x']"));
        REQUIRE(result.notes.size() == 1);
        CHECK(result.notes[0].text.ends_with(
                ".cdi_spec_dirs: containerd 1.6.20 does not read it, 1.7 and later do, proceeding"));
}

TEST_CASE("One setting with two values is refused, with the same value it is not", "[schemas]")
{
        const auto text = cri + "sandbox_image = 'a'\n" + images + "pinned_images.sandbox = ";
        for (const auto daemon : {containerd_17, containerd_2}) {
                const auto result = refusal([&] { translated(text + "'b'", daemon); });
                CHECK(result.failure == "config-invalid");
                CHECK(result.mentions("line 1, column "));
                CHECK(result.mentions("line 2, column "));
                CHECK(result.mentions("with another value"));
                CHECK(translated(text + "'a'", daemon).notes.empty());
        }
}

TEST_CASE("Settings of servers in the places of schema 4 are those of schema 3", "[schemas]")
{
        constexpr Version containerd_23{2, 3, 0};
        const std::string server = "plugins.'io.containerd.server.v1.";

        const std::vector<std::pair<std::string, std::string>> rows{
                {server + "grpc'.address = '/a'", "grpc.address = '/a'"},
                {server + "grpc'.max_recv_message_size = 5", "grpc.max_recv_message_size = 5"},
                {server + "grpc-tcp'.address = 'a:1'", "grpc.tcp_address = 'a:1'"},
                {server + "grpc-tcp'.tls_common_name = 'b'", "grpc.tcp_tls_common_name = 'b'"},
                {server + "grpc-tcp'.max_send_message_size = 5", "grpc.max_send_message_size = 5"},
                {server + "ttrpc'.uid = 7", "ttrpc.uid = 7"},
                {server + "debug'.address = '/d'", "debug.address = '/d'"},
                {server + "metrics'.address = 'a:2'", "metrics.address = 'a:2'"},
                {"plugins.'io.containerd.metrics.v1.grpc-prometheus'.grpc_histogram = true",
                        "metrics.grpc_histogram = true"},
                {runtime + "enable_selinux = true", runtime + "enable_selinux = true"}};
        for (const auto& [four, three] : rows)
                for (const auto& daemon : {containerd_2, containerd_23}) {
                        CAPTURE(four);
                        const auto found = translated("version = 4\n" + four, daemon);
                        CHECK(found.tree == tree(three));
                        CHECK(found.notes.empty());
                }

        CHECK(translated("version = 4\n" + rows[0].first, containerd_17).tree == tree(rows[0].second));

        const auto too_new = translated(runtime + "enable_criu = false", containerd_2);
        REQUIRE(too_new.notes.size() == 1);
        CHECK(too_new.notes[0].text.ends_with("does not read it, 2.3 and later do, proceeding"));

        const auto wrong = refusal([&] { translated(server + "grpc'.address = 5", containerd_23); });
        CHECK(wrong.mentions("file, line 1, column "));
        CHECK(wrong.mentions("plugins.\"io.containerd.server.v1.grpc\".address = 5"));

        const auto twice = refusal([&] {
                translated("grpc.address = '/a'\n" + server + "grpc'.address = '/b'", containerd_23);
        });

        CHECK(twice.mentions("the same setting as grpc.address"));
        CHECK(refusal([&] { translated(server + "grpc' = 5", containerd_23); }).mentions("must be a table"));
}

TEST_CASE("A version other than 2, 3 and 4 is refused", "[schemas]")
{
        for (const auto* version : {"1", "5", "'3'"}) {
                CAPTURE(version);
                const auto text = std::string("version = ") + version;
                CHECK(refusal([&] {
                        translated(text, containerd_2);
                }).mentions("file, line 1, column 1: version ="));

                std::vector<Note> notes;
                CHECK(refusal([&] { check_known(layer(text), notes); }).failure == "config-invalid");
        }
}

TEST_CASE("Empty tables say nothing", "[schemas]")
{
        CHECK(translated("[plugins.'io.containerd.cri.v1.images']\n[a.b]\n", containerd_17).tree ==
                Json::object());
}

TEST_CASE("A type that containerd does not start with is refused with its place", "[schemas]")
{
        struct Row {
                std::string text;
                std::string wanted; // after "file, line 2, column "
        };
        const std::string containerd = "plugins.\"io.containerd.grpc.v1.cri\".containerd";
        const std::vector<Row> rows{
                {"plugins = 5", "1: plugins = 5: must be a table"},
                {"debug = 'x'", "1: debug = \"x\": must be a table"},
                {"plugins.'io.containerd.cri.v1.runtime' = 5",
                        "9: plugins.\"io.containerd.cri.v1.runtime\" = 5: must be a table"},
                {"plugins.'com.example.x' = 5", "9: plugins.\"com.example.x\" = 5: must be a table"},
                {"plugins = ['x']", "1: plugins = [\"x\"]: must be a table"},
                {cri + "containerd = 5", "37: " + containerd + " = 5: must be a table"},
                {cri + "containerd.default_runtime_name = 3",
                        "48: " + containerd + ".default_runtime_name = 3: must be a string"},
                {cri + "containerd.runtimes.runc = 5",
                        "57: " + containerd + ".runtimes.runc = 5: must be a table"},
                {cri + "containerd.runtimes.runc.options.BinaryName = true",
                        ".options.BinaryName = true: must be a string"},
                {cri + "cni = 'x'", ".cni = \"x\": must be a table"},
                {cri + "sandbox_image = 5", ".sandbox_image = 5: must be a string"},
                {cri + "sandbox_image.name = 'x'", ".sandbox_image: must be a string"},
                {cri + "enable_cdi = 'yes'", ".enable_cdi = \"yes\": must be true or false"},
                {cri + "max_concurrent_downloads = 1.5", ".max_concurrent_downloads = 1.5: must be a whole"},
                {cri + "cdi_spec_dirs = '/etc/cdi'", ".cdi_spec_dirs = \"/etc/cdi\": must be a list of str"},
                {cri + "cdi_spec_dirs = [1]", ".cdi_spec_dirs = [1]: must be a list of strings"},
                {images + "pinned_images = 'x'", ".pinned_images = \"x\": must be a table"},
                {images + "pinned_images.sandbox = 1", ".pinned_images.sandbox = 1: must be a string"},
                {"proxy_plugins.x = 1", "15: proxy_plugins.x = 1: must be a table"},
        };

        for (const auto& row : rows) {
                CAPTURE(row.text);
                const auto check = [&](const auto& f) {
                        const auto result = refusal(f);
                        CHECK(result.failure == "config-invalid");
                        CAPTURE(result.what);
                        CHECK(result.mentions("file, line 2, column "));
                        CHECK(result.mentions(row.wanted));
                        CHECK_FALSE(result.remedy.empty());
                };

                for (const auto daemon : {containerd_16, containerd_17, containerd_2})
                        check([&] { translated("\n" + row.text, daemon); });
                std::vector<Note> notes;
                check([&] { check_known(layer("\n" + row.text), notes); });
        }

        // What nobody knows may be anything, below the tables that are known.
        CHECK(translated(cri + "tomorrow = 5\nstranger = ''\n" + cri +
                                 "containerd.runtimes.x.options.Own = {a = 1}",
                      containerd_2)
                        .notes.size() == 2);
}

TEST_CASE("Imports put their tables in the place of ours on 1.x, and are refused there", "[schemas]")
{
        for (const auto daemon : {containerd_16, containerd_17}) {
                const auto result = refusal([&] { translated("\nimports = ['/etc/x/*.toml']", daemon); });
                CHECK(result.failure == "config-invalid");
                CHECK(result.mentions("file, line 2, column 1: imports: containerd 1."));
                CHECK(result.advises("/etc/eks/containerd.d/"));
        }

        const auto* itself = "imports = ['/etc/containerd/config.toml']"; // `containerd config dump` says it
        CHECK(translated(itself, containerd_17).tree == tree(itself));
        CHECK(translated("imports = ['/x']", containerd_2).tree == tree("imports = ['/x']"));
}

TEST_CASE("Settings that came after 2.0 are known by their release", "[schemas]")
{
        constexpr Version containerd_20{2, 0, 5};
        for (const auto& key :
                {images + "use_local_image_pull = true", images + "concurrent_layer_fetch_buffer = 1",
                        runtime + "containerd.runtimes.x.cgroup_writable = true"}) {
                CAPTURE(key);
                const auto old = translated(key, containerd_20);
                CHECK(old.tree == tree(key));
                REQUIRE(old.notes.size() == 1);
                CHECK(old.notes[0].text.ends_with(
                        ": containerd 2.0.5 does not read it, 2.1 and later do, proceeding"));
                CHECK(translated(key, containerd_2).notes.empty());
        }

        CHECK(translated(runtime + "cni.bin_dirs = ['/a']", containerd_20).tree ==
                tree(runtime + "cni.bin_dir = '/a'"));

        const auto several =
                refusal([&] { translated("\n" + runtime + "cni.bin_dirs = ['/a', '/b']", containerd_20); });
        CHECK(several.mentions("file, line 2, column "));
        CHECK(several.mentions(".cni.bin_dirs: containerd 2.0.5"));
        CHECK(several.advises("containerd 2.1"));
}

TEST_CASE("One directory of CNI programs becomes a list where containerd wants one", "[schemas]")
{
        for (const auto daemon : {Version{2, 1, 0}, Version{2, 4, 0}, Version{3, 0, 0}})
                for (const auto& table : {cri, runtime}) {
                        CAPTURE(daemon.text(), table);
                        const auto one = translated(table + "cni.bin_dir = '/a'", daemon);
                        CHECK(one.tree == tree(runtime + "cni.bin_dirs = ['/a']"));
                        CHECK(one.notes.empty());
                        CHECK(translated(table + "cni.bin_dir = ''", daemon).tree == tree(""));
                }
        CHECK(translated(cri + "cni.bin_dir = '/a'", {2, 0, 5}).tree ==
                tree(runtime + "cni.bin_dir = '/a'"));
}

TEST_CASE("What is ours and too new for the daemon is left out", "[schemas]")
{
        std::vector<Note> notes;
        const Layer ours{
                .tree = tree(images + "use_local_image_pull = true\n" + images + "snapshotter = 'x'")};
        CHECK(translate(ours, {2, 0, 5}, notes) == tree(images + "snapshotter = 'x'"));
        CHECK(translate(ours, {2, 1, 0}, notes) == ours.tree);
        CHECK(notes.empty());
}

TEST_CASE("What containerd 2.x has dropped goes without a word if it says nothing", "[schemas]")
{
        const auto result =
                translated("plugin_dir = ''\n" + cri + "disable_cgroup = false\n" + cri +
                                   "containerd.untrusted_workload_runtime.runtime_type = ''\n" + cri +
                                   "containerd.untrusted_workload_runtime.pod_annotations = []",
                        containerd_2);
        CHECK(result.tree == Json::object());
        CHECK(result.notes.empty());
}

TEST_CASE("Settings are found again where they were given", "[schemas]")
{
        std::vector<Note> notes;
        Marks places;
        translate(layer("\n" + cri + "sandbox_image = 'a'"), containerd_2, notes, &places);
        CHECK(places ==
                Marks{{"plugins.\"io.containerd.cri.v1.images\".pinned_images.sandbox", {"file", 2, 37}}});
}

TEST_CASE("Nothing is noted of our own settings", "[schemas]")
{
        const auto text = runtime + "containerd.runtimes.x.snapshotter = 'y'";
        Layer ours{.tree = tree(text)};
        std::vector<Note> notes;
        translate(ours, containerd_16, notes);
        CHECK(notes.empty());

        ours.marks["plugins.\"io.containerd.cri.v1.runtime\".containerd.runtimes.x.snapshotter"] = {
                "theirs"};
        translate(ours, containerd_16, notes);
        REQUIRE(notes.size() == 1);
        CHECK(notes[0].text.starts_with("theirs: "));
}

TEST_CASE("Settings of the daemon have types and nearest names", "[schemas]")
{
        struct Row {
                std::string toml;
                const char* wrong;
        };
        for (const auto& daemon : {containerd_16, containerd_17, containerd_2}) {
                for (const auto& [toml, wrong] : std::vector<Row>{
                             {"grpc.uid = 'root'", "grpc.uid = \"root\": must be a whole number"},
                             {"grpc.max_recv_message_size = '16M'", "must be a whole number"},
                             {"debug.format = 5", "must be a string"},
                             {"ttrpc.address = 1", "must be a string"},
                             {"metrics.grpc_histogram = 'yes'", "must be true or false"},
                             {"timeouts.'io.containerd.timeout.shim.load' = 5", "must be a string"},
                             {"cgroup = 'x'", "must be a table"},
                             {"proxy_plugins.soci.address = []", "must be a string"},
                             {"stream_processors.a.accepts = 'b'", "must be a list of strings"},
                             {"required_plugins = 'a'", "must be a list of strings"},
                             {"root = 5", "must be a string"},
                     }) {
                        CAPTURE(toml);
                        CHECK(refusal([&, &toml = toml] { translated(toml, daemon); }).mentions(wrong));
                        std::vector<Note> notes;
                        CHECK(refusal([&, &toml = toml] {
                                check_known(layer(toml), notes);
                        }).mentions(wrong));
                }

                for (const auto& [toml, hint] : std::vector<Row>{
                             {"grpc.adress = '/a'", "knows; did you mean 'address'?, proceeding"},
                             {"grcp.address = '/a'", "knows; did you mean 'grpc'?, proceeding"},
                             {"disabled_plugin = []", "knows; did you mean 'disabled_plugins'?, proceeding"},
                             {"proxy_plugins.soci.adress = '/a'",
                                     "knows; did you mean 'address'?, proceeding"},
                             {"plugins.'io.containerd.grpc.v1.crj'.x = 1",
                                     "knows; did you mean 'io.containerd.grpc.v1.cri'?, proceeding"},
                             {"nothing.like.it = 1", "knows, proceeding"},
                     }) {
                        CAPTURE(toml);
                        const auto result = translated(toml, daemon);
                        REQUIRE(result.notes.size() == 1);
                        CHECK(result.notes[0].text.ends_with(hint));
                        std::vector<Note> notes;
                        check_known(layer(toml), notes);
                        CHECK(notes.size() == 1);
                }

                for (const auto* name : {"cri", "io.containerd.grpc.v1.cri"}) {
                        const auto result =
                                translated("disabled_plugins = ['a.b.c.d', '"s + name + "']", daemon);
                        REQUIRE(result.notes.size() == 1);
                        CHECK(result.notes[0].text.starts_with(
                                "file, line 1, column 32: disabled_plugins = \""));
                }

                CHECK(translated(
                        "version = 2\nroot = '/r'\nstate = '/s'\nimports = []\nrequired_plugins = []\n"
                        "disabled_plugins = ['io.containerd.snapshotter.v1.btrfs']\noom_score = -999\n"
                        "[grpc]\naddress = '/run/containerd/containerd.sock'\nuid = 0\ngid = 0\ntcp_address = ''\n"
                        "max_recv_message_size = 16777216\n[ttrpc]\naddress = ''\nuid = 0\n"
                        "[debug]\naddress = ''\nlevel = 'debug'\nformat = 'json'\n"
                        "[metrics]\naddress = '127.0.0.1:1338'\ngrpc_histogram = false\n"
                        "[timeouts]\n'io.containerd.timeout.task.state' = '2s'\n"
                        "[cgroup]\npath = ''\n[proxy_plugins.soci]\ntype = 'snapshot'\naddress = '/a'\n"
                        "[proxy_plugins.soci.exports]\nroot = '/x'\n"
                        "[stream_processors.x]\naccepts = ['a']\nreturns = 'b'\npath = 'c'\nargs = ['d']\n"
                        "env = ['E=f']\n",
                        daemon)
                                .notes.empty());
        }
}
