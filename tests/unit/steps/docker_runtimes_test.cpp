// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "config/node_spec.hpp"
#include "document/toml.hpp"
#include "steps/docker-runtimes/docker_runtimes.hpp"
#include "support.hpp"

using namespace eks;
using test::refusal;
using test::TemporaryDirectory;

namespace {

constexpr auto config = docker_config_path;
constexpr auto kept = "/etc/docker/daemon.json.user-edited";
constexpr auto with_trigger = "[docker]\ndefaultRuntime = \"krun-label-trigger\"\n";

// A host of Docker with the descriptors that we ship.
class Host : public TemporaryDirectory {
public:
        Host()
        {
                for (const auto* name : {"kata-qemu", "krun", "nvidia", "runc", "runsc"}) {
                        const auto file = std::string("runtimes.d/") + name + ".toml";
                        write("/usr/share/eks/" + file, test::source_file("helpers/data/share/" + file));
                }
                write("/proc/sys/kernel/osrelease", "5.10.0\n");
                write("/proc/sys/kernel/arch", "x86_64\n");
        }

        void install_kontain() const
        {
                for (const auto* program : {"km", "krun", "krun-label-trigger"})
                        write(std::string("/opt/kontain/bin/") + program, "", 0755);
                write("/dev/kkm", "");
        }

        void install_kata() const
        {
                write("/opt/kata/bin/containerd-shim-kata-v2", "", 0755);
                write("/opt/kata/share/defaults/kata-containers/configuration-qemu.toml", "");
                write("/dev/kvm", "");
        }

        Json keys(const std::string& toml = {}, std::optional<Version> docker = Version{20, 10, 25})
        {
                notes.clear();
                const auto layer = TomlDocument::parse(toml, "node.toml").layer("node.toml");
                const auto spec = node_spec(layer.tree, layer.marks);
                return docker_keys(
                        root(), docker_handlers(root(), spec.containerd.runtimes), spec.host.docker_runtime,
                        [&] { return docker; }, notes);
        }

        // The whole step; what became of each file.
        std::vector<Outcome> run(const std::string& toml = {})
        {
                const auto plan = plan_docker_runtimes(root(), keys(toml));
                notes.insert(notes.end(), plan.step.notes.begin(), plan.step.notes.end());

                std::vector<Outcome> outcomes;
                for (const auto& file : plan.step.files)
                        outcomes.push_back(put_in_place(root(), file));
                remember_docker_keys(root(), plan);
                return outcomes;
        }

        Json file() const { return Json::parse(read(config)); }

        bool noted(const std::string& text) const
        {
                return std::any_of(notes.begin(), notes.end(),
                        [&](const Note& note) { return note.text.find(text) != std::string::npos; });
        }

        std::vector<Note> notes;
};

using Outcomes = std::vector<Outcome>;

const Json kontain{{"krun", {{"path", "/opt/kontain/bin/krun"}}},
        {"krun-label-trigger", {{"path", "/opt/kontain/bin/krun-label-trigger"}}}};

} // namespace

TEST_CASE("Docker gets the runtimes that are there, by path, and never runc", "[docker-runtimes]")
{
        Host host;
        CHECK(host.keys() == Json{{"runtimes", Json::object()}});

        host.install_kontain();
        host.write("/usr/bin/runsc", "", 0755);
        host.write("/usr/bin/containerd-shim-runsc-v1", "", 0755);
        auto expected = kontain;
        expected["runsc"] = {{"path", "/usr/bin/runsc"}};
        CHECK(host.keys() == Json{{"runtimes", expected}});
        CHECK(host.notes.empty());

        host.write("/etc/eks/runtimes.d/own.toml",
                "binary = \"/opt/own\"\nrender = \"always\"\n[docker]\narguments = [\"--debug\"]\n");
        CHECK(host.keys()["runtimes"]["own"] == Json{{"path", "/opt/own"}, {"runtimeArgs", {"--debug"}}});
}

TEST_CASE("NVIDIA's runtime is registered with a GPU, and is not Docker's default by itself",
        "[docker-runtimes]")
{
        Host host;
        host.write("/usr/bin/nvidia-container-runtime", "", 0755);
        CHECK(host.keys()["runtimes"].empty());
        host.write("/sys/bus/pci/devices/0000:00:1e.0/vendor", "0x10de\n");
        CHECK(host.keys() ==
                Json{{"runtimes", {{"nvidia", {{"path", "/usr/bin/nvidia-container-runtime"}}}}}});
}

TEST_CASE("A shim of its own takes Docker 24", "[docker-runtimes]")
{
        Host host;
        host.install_kata();
        CHECK(host.keys({}, Version{23, 0, 6})["runtimes"].empty());
        CHECK(host.noted("'kata-qemu' is left out"));
        CHECK(host.keys({}, std::nullopt)["runtimes"].empty());
        CHECK(host.noted("an unknown version"));
        CHECK(host.keys({}, Version{24, 0, 0})["runtimes"]["kata-qemu"] ==
                Json{{"runtimeType", "/opt/kata/bin/containerd-shim-kata-v2"},
                        {"options", {{"ConfigPath", "/opt/kata/share/defaults/kata-containers/"
                                                    "configuration-qemu.toml"}}}});
        CHECK(host.notes.empty());

        const auto refused = refusal([&] {
                host.keys("[docker]\ndefaultRuntime = \"kata-qemu\"\n", Version{20, 10, 0});
        });

        CHECK(refused.failure == "runtime-invalid");
        CHECK(refused.mentions("shim"));
}

TEST_CASE("The version of Docker is the file's, else the program's", "[docker-runtimes]")
{
        const Host host;
        CHECK_FALSE(docker_version(host.root()));

        host.write(
                "/usr/sbin/dockerd", "#!/bin/sh\necho 'Docker version 26.1.5+dfsg1, build 411e817'\n", 0755);
        CHECK(docker_version(host.root()) == Version{26, 1, 5});

        host.write("/usr/bin/dockerd", "#!/bin/sh\necho 'Docker version 25.0.3, build f417435'\n", 0755);
        CHECK(docker_version(host.root()) == Version{25, 0, 3});

        host.write("/usr/bin/dockerd", "#!/bin/sh\necho 25.0.3\nexit 1\n", 0755);
        CHECK_FALSE(docker_version(host.root()));

        host.write("/etc/eks/docker-version.txt", "20.10.25\n");
        CHECK(docker_version(host.root()) == Version{20, 10, 25});
}

TEST_CASE("The default: a trigger, a runtime with a warning, runc, or none", "[docker-runtimes]")
{
        Host host;
        host.install_kontain();
        CHECK(host.keys(with_trigger)["default-runtime"] == "krun-label-trigger");
        CHECK(host.notes.empty());
        CHECK(host.keys("[docker]\ndefaultRuntime = \"runc\"\n")["default-runtime"] == "runc");
        CHECK(host.notes.empty());
        CHECK(host.keys("[docker]\ndefaultRuntime = \"krun\"\n")["default-runtime"] == "krun");
        CHECK(host.noted("every container that names no runtime"));
        CHECK(host.noted("'krun-label-trigger' decides for each"));

        // Those of containerd are another matter.
        CHECK_FALSE(host.keys("[containerd]\ndefaultRuntime = \"none\"\n").contains("default-runtime"));
}

TEST_CASE("A default that is not available is refused with its place and the reason", "[docker-runtimes]")
{
        Host host;
        auto refused = refusal([&] { host.keys(with_trigger); });
        CHECK(refused.failure == "runtime-invalid");
        CHECK(refused.mentions("node.toml, line 2"));
        CHECK(refused.mentions("no /opt/kontain/bin/krun"));

        refused = refusal([&] { host.keys("[docker]\ndefaultRuntime = \"krum\"\n"); });
        CHECK(refused.mentions("no such runtime is described"));

        host.install_kontain();
        host.root();
        REQUIRE(::remove(host("/opt/kontain/bin/krun-label-trigger").c_str()) == 0);

        refused = refusal([&] { host.keys(with_trigger); });
        CHECK(refused.mentions("no /opt/kontain/bin/krun-label-trigger"));
}

TEST_CASE("A trigger cannot take the name of another runtime", "[docker-runtimes]")
{
        Host host;
        host.install_kontain();

        for (const auto* name : {"krun", "runc"}) {
                host.write("/opt/own", "");
                host.write("/etc/eks/runtimes.d/own.toml",
                        std::string("binary = \"/opt/own\"\n[docker.triggers]\n") + name +
                                " = \"/opt/own\"\n");
                const auto refused = refusal([&] { host.keys(); });
                CHECK(refused.failure == "runtime-invalid");
                CHECK(refused.mentions(name));
        }
}

TEST_CASE("daemon.json is made, stays the same, and goes again", "[docker-runtimes]")
{
        Host host;
        CHECK(host.run().empty());
        CHECK_FALSE(host.has(config));

        host.install_kontain();
        CHECK(host.run(with_trigger) == Outcomes{Outcome::written});
        CHECK(host.file() == Json{{"runtimes", kontain}, {"default-runtime", "krun-label-trigger"}});
        CHECK(host.run(with_trigger) == Outcomes{Outcome::unchanged});
        CHECK(host.run() == Outcomes{Outcome::written}); // the default is no longer wanted
        CHECK(host.file() == Json{{"runtimes", kontain}});
        REQUIRE(::remove(host("/dev/kkm").c_str()) == 0);
        CHECK(host.run() == Outcomes{Outcome::removed});
        CHECK(host.run().empty());
        CHECK_FALSE(host.has(config));
        CHECK_FALSE(host.has(kept));
}

TEST_CASE(
        "What others wrote stays: keys, order, runtimes, mode; what was there is kept", "[docker-runtimes]")
{
        Host host;
        const std::string theirs = "{\n  \"log-driver\": \"awslogs\",\n"
                                   "  \"runtimes\": {\"mine\": {\"path\": \"/opt/mine\"}},\n"
                                   "  \"data-root\": \"/data\"\n}\n";
        host.write(config, theirs, 0600);
        CHECK(host.run().empty()); // nothing to add, so not even a memory

        host.install_kontain();
        CHECK(host.run(with_trigger) == Outcomes{Outcome::edit_kept_beside});
        CHECK(host.read(kept) == theirs);
        CHECK(host.mode(config) == 0600);

        auto expected = Json::parse(theirs);
        expected["runtimes"].update(kontain);
        expected["default-runtime"] = "krun-label-trigger";
        CHECK(host.file() == expected);

        const auto text = host.read(config);
        CHECK(text.find("log-driver") < text.find("runtimes"));
        CHECK(text.find("\"mine\"") < text.find("\"krun\""));
        CHECK(text.find("runtimes") < text.find("data-root"));

        // Somebody adds a key in a form of their own: nothing of ours changes, so not a byte does.
        const std::string edited = "{\"debug\": true,\n" + text.substr(1);
        host.write(config, edited, 0600);
        CHECK(host.run(with_trigger) == Outcomes{Outcome::unchanged});
        CHECK(host.read(config) == edited);

        REQUIRE(::remove(host("/opt/kontain/bin/km").c_str()) == 0);
        CHECK(host.run() == Outcomes{Outcome::written});

        expected = Json::parse(theirs);
        expected["debug"] = true;
        CHECK(host.file() == expected);
}

TEST_CASE("An entry of another program wins over ours, and a user's edit of ours stays", "[docker-runtimes]")
{
        Host host;
        host.install_kontain();
        host.write(config, R"({"default-runtime": "runc", "runtimes": {"krun": {"path": "/opt/other"}}})");
        host.run(with_trigger);
        CHECK(host.noted("the runtime 'krun' is not ours"));
        CHECK(host.noted("default-runtime is not ours (\"runc\")"));
        CHECK(host.file()["runtimes"]["krun"]["path"] == "/opt/other");
        CHECK(host.file()["runtimes"]["krun-label-trigger"] == kontain["krun-label-trigger"]);
        CHECK(host.file()["default-runtime"] == "runc");

        // One of ours is taken out by hand: it stays out, until ours is another.
        host.write(config, R"({"default-runtime": "runc"})");
        CHECK(host.run(with_trigger) == Outcomes{Outcome::edit_kept_beside}); // for krun, which was theirs
        CHECK(host.file()["runtimes"] == Json{{"krun", kontain["krun"]}});
        CHECK(host.noted("'krun-label-trigger' was removed by hand"));
        const std::string moved = "binary = \"/opt/kontain/bin/km\"\n[docker.triggers]\n"
                                  "krun-label-trigger = \"/opt/kontain/bin/krun\"\n";
        host.write("/etc/eks/runtimes.d/krun.toml", moved);
        host.run();
        CHECK(host.file()["runtimes"] ==
                Json{{"krun", {{"path", "/opt/kontain/bin/km"}}},
                        {"krun-label-trigger", {{"path", "/opt/kontain/bin/krun"}}}});
}

TEST_CASE("An entry that was the same before us is not ours to take away", "[docker-runtimes]")
{
        Host host;
        host.install_kontain();
        host.write(config, Json{{"runtimes", kontain}}.dump());
        CHECK(host.run().empty());
        REQUIRE(::remove(host("/dev/kkm").c_str()) == 0);
        CHECK(host.run().empty());
        CHECK(host.file() == Json{{"runtimes", kontain}});
}

TEST_CASE(
        "A default of the file that would name nothing is refused, and the file stays", "[docker-runtimes]")
{
        Host host;
        host.install_kontain();
        host.run();
        auto file = host.file();
        file["default-runtime"] = "krun";
        host.write(config, file.dump());
        host.run();
        REQUIRE(::remove(host("/dev/kkm").c_str()) == 0);

        const auto refused = refusal([&] { host.run(); });
        CHECK(refused.failure == "runtime-invalid");
        CHECK(refused.mentions("default-runtime = \"krun\""));
        CHECK(host.file() == file);
}

TEST_CASE(
        "JSON that is not an object is refused with its place, and nothing is written", "[docker-runtimes]")
{
        struct Row {
                const char* text;
                const char* failure;
                const char* mention;
        };

        for (const auto& row : {Row{"{\n  \"debug\": true,\n}\n", "config-syntax", "line 3, column 1"},
                     Row{"{\"debug\": tru}", "config-syntax", "line 1, column"},
                     Row{"runtimes:\n  a: b\n", "config-syntax", "line 1, column 1"},
                     Row{"{\"a\": \"\xff\"}", "config-syntax", "line 1"},
                     Row{"{\"a\": 1e999}", "config-syntax", "not JSON"},
                     Row{"[]", "config-invalid", "must be an object, not array"},
                     Row{"null", "config-invalid", "must be an object, not null"},
                     Row{"{\"runtimes\": []}", "config-invalid", "runtimes: must be an object"}}) {
                CAPTURE(row.text);
                Host host;
                host.install_kontain();
                host.write(config, row.text);
                const auto refused = refusal([&] { host.run(with_trigger); });
                CHECK(refused.failure == row.failure);
                CHECK(refused.mentions("/etc/docker/daemon.json"));
                CHECK(refused.mentions(row.mention));
                CHECK(host.read(config) == row.text);
                CHECK(host.names("/etc/docker") == std::vector<std::string>{"daemon.json"});
                CHECK_FALSE(host.has("/var/lib/eks"));
        }

        for (const auto* text : {"", " \n", "{}", "{\"runtimes\": null}"}) {
                Host host;
                host.install_kontain();
                host.write(config, text);
                host.run();
                CHECK(host.file() == Json{{"runtimes", kontain}});
        }
}

TEST_CASE("A damaged memory makes nothing ours", "[docker-runtimes]")
{
        Host host;
        host.install_kontain();
        host.run();

        for (const auto* text : {"", "[]", "{", "{\"runtimes\": 3}"}) {
                host.write(docker_memory_path, text);
                CHECK(host.run().empty());
                CHECK(host.file() == Json{{"runtimes", kontain}});
        }
}
