// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "config/toml.hpp"
#include "schemas.hpp"
#include "support.hpp"

using namespace eks;
using test::refusal;

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
                {"imports = ['/x']", "imports = ['/x']"},
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

TEST_CASE("What containerd 2.x has dropped is left out, and what stands in for it is said", "[schemas]")
{
        struct Row {
                std::string key;
                std::string hint;
        };
        for (const auto& row : {Row{"disable_cgroup", "no such setting, ignoring"},
                     Row{"systemd_cgroup", "(use options.SystemdCgroup of the runtime)"},
                     Row{"containerd.no_pivot", "(use options.NoPivotRoot of the runtime)"},
                     Row{"containerd.runtimes.x.runtime_root", "(use options.Root of the runtime)"},
                     Row{"containerd.default_runtime.runtime_type",
                             "(use containerd.default_runtime_name)"}}) {
                CAPTURE(row.key);
                const auto recent = translated("version = 2\n" + cri + row.key + " = 1", containerd_2);
                CHECK(recent.tree == Json::object());
                REQUIRE(recent.notes.size() == 1);
                CHECK(recent.notes[0].text.starts_with("file, line 2, column "));
                CHECK(recent.notes[0].text.find(row.hint) != std::string::npos);
                CHECK(recent.notes[0].text.ends_with(", ignoring"));
                CHECK(translated(cri + row.key + " = 1", containerd_17).notes.empty());
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

TEST_CASE("What nobody knows is kept in its place, with a note for each setting or plugin", "[schemas]")
{
        const auto text = cri + "tomorrow = 1\n" + images + "later = 2\n" +
                          "plugins.'com.example.x'.a = 1\nplugins.'com.example.x'.b.c = 2\nstranger = 3\n";
        for (const auto daemon : {containerd_17, containerd_2}) {
                const auto result = translated(text, daemon);
                CHECK(result.tree == tree(text));
                REQUIRE(result.notes.size() == 4);
                for (const auto& note : result.notes) {
                        CHECK(note.level == Level::warning);
                        CHECK(note.unknown_key);
                        CHECK(note.text.ends_with(
                                ": no setting of containerd that eksnode knows, proceeding"));
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

TEST_CASE("A version that is neither 2 nor 3 is refused", "[schemas]")
{
        for (const auto* version : {"1", "4", "'3'"}) {
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
