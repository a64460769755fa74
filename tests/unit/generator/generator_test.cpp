// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "base/fs.hpp"
#include "base/process.hpp"
#include "plan.hpp"
#include "support.hpp"

using namespace eks;
using namespace std::string_literals;
using test::TemporaryDirectory;
using std::chrono_literals::operator""s;

namespace {

constexpr auto container = "container:systemd-nspawn";

BootFacts facts(const TemporaryDirectory& machine, std::string_view virtualization = "vm:amazon",
        bool in_initrd = false)
{
        return read_boot_facts(machine.root(), virtualization, in_initrd);
}

void make_ec2(const TemporaryDirectory& machine)
{
        machine.write("/sys/class/dmi/id/sys_vendor", "Amazon EC2\n");
}

// The generator's program, as the manager runs it, on a machine of our making.
struct Generated {
        int status;
        std::string output;
        std::vector<std::string> paths; // "path -> target" or "path: content"
};

Generated generate(const TemporaryDirectory& machine, const std::string& virtualization = "vm:amazon")
{
        const TemporaryDirectory units;
        ::setenv("EKS_ROOT", machine.path().c_str(), 1);
        ::setenv("SYSTEMD_VIRTUALIZATION", virtualization.c_str(), 1);
        const auto result = run_program({GENERATOR, units("/normal"), units("/early"), units("/late")}, 60s);
        ::unsetenv("EKS_ROOT");
        ::unsetenv("SYSTEMD_VIRTUALIZATION");
        Generated generated{result.status, result.output, {}};

        for (const auto& entry : std::filesystem::recursive_directory_iterator(units.path())) {
                const auto path = entry.path().string().substr(units.path().size());
                if (entry.is_symlink())
                        generated.paths.push_back(
                                path + " -> " + std::filesystem::read_symlink(entry.path()).string());
                else if (entry.is_regular_file())
                        generated.paths.push_back(path + ": " + units.read(path));
        }

        std::ranges::sort(generated.paths);
        return generated;
}

} // namespace

TEST_CASE("An EC2 instance is known by its DMI strings", "[generator]")
{
        struct Row {
                const char* file;
                const char* content;
                bool ec2;
        };

        for (const auto& row : {Row{"/sys/class/dmi/id/sys_vendor", "Amazon EC2\n", true},
                     Row{"/sys/class/dmi/id/board_vendor", "Amazon EC2\n", true},
                     Row{"/sys/class/dmi/id/bios_vendor", "Amazon EC2\n", true},
                     Row{"/sys/class/dmi/id/bios_version", "4.11.amazon\n", true},
                     Row{"/sys/class/dmi/id/product_version", "4.2.amazon\n", true},
                     Row{"/sys/hypervisor/uuid", "ec2e1916-9099-7caf-fd21-012345abcdef\n", true},
                     Row{"/sys/class/dmi/id/sys_vendor", "QEMU\n", false},
                     Row{"/sys/class/dmi/id/sys_vendor", "Amazon\n", false},
                     Row{"/sys/class/dmi/id/sys_vendor", "Amazon EC2 fake\n", false},
                     Row{"/sys/class/dmi/id/bios_version", "4.11\n", false},
                     Row{"/sys/class/dmi/id/bios_version", "amazon.1\n", false},
                     Row{"/sys/class/dmi/id/product_name", "Amazon EC2\n", false},
                     Row{"/sys/hypervisor/uuid", "0ec20000-x\n", false},
                     Row{"/sys/class/dmi/id/sys_vendor", "", false}}) {
                CAPTURE(row.file, row.content);
                const TemporaryDirectory machine;
                machine.write(row.file, row.content);
                CHECK(facts(machine).on_ec2 == row.ec2);
        }

        CHECK_FALSE(facts(TemporaryDirectory()).on_ec2);
}

TEST_CASE("The kernel command line switches, word by word", "[generator]")
{
        struct Row {
                std::string text;
                std::optional<bool> node;
                bool debug;
        };

        const std::vector<Row> rows{
                {"", std::nullopt, false},
                {"BOOT_IMAGE=/vmlinuz root=/dev/xvda1 ro quiet\n", std::nullopt, false},
                {"ro eks.node=1 quiet\n", true, false},
                {"eks.node=0\n", false, false},
                {"eks.node\n", true, false},
                {"eks.node=yes", true, false},
                {"eks.node=on", true, false},
                {"eks.node=true", true, false},
                {"eks.node=no", false, false},
                {"eks.node=off", false, false},
                {"eks.node=false", false, false},
                {"eks.node=1 eks.node=0\n", false, false},
                {"eks.node=maybe\n", std::nullopt, false},
                {"xeks.node=1 eks.nodes=1 eks.node2\n", std::nullopt, false},
                {"eks.debug\n", std::nullopt, true},
                {"eks.debug=1 eks.node=1\n", true, true},
                {"eks.debug=0\n", std::nullopt, false},
                {"eks.debug=maybe\n", std::nullopt, false},
                {"  ro   eks.node=1  \n", true, false},
        };

        for (const auto& row : rows) {
                CAPTURE(row.text);
                const TemporaryDirectory machine;
                machine.write("/proc/cmdline", row.text);
                machine.write("/proc/1/cmdline",
                        "eks.node=0\0eks.debug"s); // the host's business only in a container
                CHECK(facts(machine).node_option == row.node);
                CHECK(facts(machine).debug == row.debug);
        }
}

TEST_CASE("In a container the manager's own arguments count", "[generator]")
{
        const TemporaryDirectory machine;
        machine.write("/proc/cmdline", "eks.node=0 eks.debug\n");
        machine.write("/proc/1/cmdline", "/usr/lib/systemd/systemd\0eks.node=1\0"s);
        CHECK(facts(machine, container).node_option == true);
        CHECK_FALSE(facts(machine, container).debug);
        CHECK(facts(machine, container).in_container);
        CHECK_FALSE(facts(machine, "vm:kvm").in_container);
        CHECK_FALSE(facts(machine, "").in_container);

        const TemporaryDirectory bare;
        CHECK_FALSE(facts(bare, container).node_option);
}

TEST_CASE("Files of admin and image switch too, and the one that disables wins", "[generator]")
{
        const TemporaryDirectory machine;
        CHECK_FALSE(facts(machine).admin);
        CHECK_FALSE(facts(machine).image);

        machine.write("/usr/lib/eks/node.enabled", "");
        machine.write("/etc/eks/node.disabled", "");
        CHECK(facts(machine).image == true);
        CHECK(facts(machine).admin == false);

        machine.write("/etc/eks/node.enabled", "");
        machine.write("/usr/lib/eks/node.disabled", "");
        CHECK(facts(machine).admin == false);
        CHECK(facts(machine).image == false);
}

TEST_CASE("The decision: command line, admin, image, and last the hardware", "[generator]")
{
        struct Row {
                BootFacts facts;
                bool node;
        };
        const std::vector<Row> rows{
                {{}, false},
                {{.on_ec2 = true}, true},
                {{.in_container = true, .on_ec2 = true}, false},
                {{.in_initrd = true, .on_ec2 = true}, false},
                {{.node_option = true, .in_initrd = true, .on_ec2 = true}, false},
                {{.node_option = true}, true},
                {{.node_option = true, .in_container = true}, true},
                {{.node_option = false, .on_ec2 = true}, false},
                {{.node_option = true, .admin = false, .image = false}, true},
                {{.node_option = false, .on_ec2 = true, .admin = true, .image = true}, false},
                {{.on_ec2 = true, .admin = false}, false},
                {{.admin = true}, true},
                {{.on_ec2 = true, .admin = false, .image = true}, false},
                {{.admin = true, .image = false}, true},
                {{.image = true}, true},
                {{.in_container = true, .image = true}, true},
                {{.on_ec2 = true, .image = false}, false},
                {{.on_ec2 = true, .installed_now = true}, false},
                {{.on_ec2 = true, .installed_now = true, .image = true}, false},
                {{.on_ec2 = true, .installed_now = true, .admin = true}, true},
                {{.node_option = true, .installed_now = true}, true},
        };

        for (const auto& row : rows) {
                const auto& f = row.facts;
                CAPTURE(f.node_option, f.in_initrd, f.in_container, f.on_ec2, f.admin, f.image);
                CHECK(is_node(f) == row.node);

                const auto outputs = plan_generator(f);
                CHECK(std::ranges::any_of(outputs, [](const Output& output) { return output.link; }) ==
                        row.node);
                CHECK_FALSE((row.node && !why_no_node(f).empty()));
        }
}

TEST_CASE("A machine that is no node keeps the reason and what to do about it", "[generator]")
{
        struct Row {
                BootFacts facts;
                std::vector<std::string> words;
        };
        const std::vector<Row> rows{
                {{.node_option = false, .on_ec2 = true}, {"eks.node=0", "reboot"}},
                {{.on_ec2 = true, .admin = false}, {"/etc/eks/node.disabled", "remove it", "daemon-reload"}},
                {{.on_ec2 = true, .image = false},
                        {"/usr/lib/eks/node.disabled", "/etc/eks/node.enabled", "daemon-reload"}},
                {{.on_ec2 = true, .installed_now = true}, {"installed in this boot", "next boot"}},
                {{.installed_now = true}, {}}, // not at its next boot either
                {{.in_initrd = true, .on_ec2 = true}, {}},
                {{}, {}},
                {{.node_option = true}, {}},
        };

        for (const auto& row : rows) {
                const auto why = why_no_node(row.facts);
                CAPTURE(why);
                CHECK(why.empty() == row.words.empty());

                for (const auto& word : row.words)
                        CHECK(why.find(word) != std::string::npos);
                const auto outputs = plan_generator(row.facts);
                CHECK(std::ranges::any_of(outputs, [](const Output& output) {
                        return output.path == decision_file;
                }) == !row.words.empty());
        }
}

TEST_CASE("A node's chain is linked in, with our units as targets", "[generator]")
{
        const auto outputs = plan_generator({.node_option = true});
        std::vector<std::string> links;

        for (const auto& output : outputs) {
                if (output.link)
                        links.push_back(output.path + " -> " + output.content);
        }

        std::ranges::sort(links);
        const std::string units = UNITDIR;
        const std::string of_nodes = "/usr/lib/eks/units";
        CHECK(links ==
                std::vector<std::string>{"amazon-ssm-agent.service.d/10-eks-environment.conf -> " +
                                                 of_nodes +
                                                 "/amazon-ssm-agent.service.d/10-eks-environment.conf",
                        "containerd.service.d/10-eks.conf -> " + of_nodes +
                                "/containerd.service.d/10-eks.conf",
                        "containerd.service.d/50-eks-node.conf -> " + of_nodes +
                                "/containerd.service.d/50-eks-node.conf",
                        "containerd.service.requires/eks-containerd-config.service -> " + units +
                                "/eks-containerd-config.service",
                        "containerd.service.requires/eks-containerd-volume.service -> " + units +
                                "/eks-containerd-volume.service",
                        "containerd.service.requires/eks-instance-store.service -> " + units +
                                "/eks-instance-store.service",
                        "containerd.service.wants/kubelet.service -> " + of_nodes + "/kubelet.service",
                        "docker.service.d/10-eks-environment.conf -> " + of_nodes +
                                "/docker.service.d/10-eks-environment.conf",
                        "docker.service.d/50-eks-node.conf -> " + of_nodes +
                                "/docker.service.d/50-eks-node.conf",
                        "kubelet.service -> " + of_nodes + "/kubelet.service",
                        "kubelet.service.d/10-kubeadm.conf -> /dev/null",
                        "kubelet.service.wants/eks-join.service -> " + units + "/eks-join.service",
                        "local-fs.target.wants/eks-readahead.service -> " + units + "/eks-readahead.service",
                        "multi-user.target.wants/eks-configured.target -> " + units +
                                "/eks-configured.target",
                        "multi-user.target.wants/eks-node.target -> " + units + "/eks-node.target",
                        "system.slice.d/50-eks-node.conf -> " + of_nodes +
                                "/system.slice.d/50-eks-node.conf"});
}

TEST_CASE("A node reads ahead, but not in a container or against the kernel command line", "[generator]")
{
        CHECK(reads_ahead({.node_option = true}));
        CHECK_FALSE(reads_ahead({.node_option = false}));
        CHECK_FALSE(reads_ahead({.node_option = true, .in_container = true}));
        CHECK_FALSE(reads_ahead({.node_option = true, .readahead = false}));

        for (const auto& output : plan_generator({.node_option = true, .readahead = false}))
                CHECK(output.path.find("readahead") == std::string::npos);
        TemporaryDirectory machine;
        const auto on = [&](const char* options) {
                machine.write("/proc/cmdline", options);
                return read_boot_facts(Root{machine.path()}, "", false).readahead;
        };

        CHECK(on("quiet\n"));
        CHECK_FALSE(on("eks.readahead=no\n"));
        CHECK_FALSE(on("quiet eks.readahead=0\n"));
        CHECK(on("eks.readahead=1\n"));
        CHECK(on("eks.readahead=maybe\n"));
}

TEST_CASE("A node's containerd does not start without its steps, however they were kept from running",
        "[generator]")
{
        const auto drop_in = read_file(SOURCE_DIR "/dropins/containerd.service.d/50-eks-node.conf");
        for (const auto* line : {"[Unit]", "AssertPathExists=/run/eks/done/eks-containerd-config",
                     "AssertPathExists=|!/run/eks/enabled/containerd-volume",
                     "AssertPathExists=|/run/eks/done/eks-containerd-volume", "StartLimitIntervalSec=0",
                     "DefaultDependencies=no", "After=sysinit.target basic.target"}) {
                CAPTURE(line);
                CHECK(drop_in.find("\n"s + line + "\n") != std::string::npos);
        }

        // cloud-init's last stage may wait for multi-user.target, and eks-config for that stage.
        const auto docker = read_file(SOURCE_DIR "/dropins/docker.service.d/50-eks-node.conf");
        CHECK(docker.find("Assert") == std::string::npos);
        CHECK(docker.find("\nDefaultDependencies=no\n") != std::string::npos);
}

TEST_CASE("A kubelet that feeds systemd's watchdog is watched", "[generator]")
{
        for (const auto& [text, watched] : std::vector<std::pair<std::string, bool>>{{"1.32.0\n", true},
                     {"v1.34.1-eks-abcdef", true}, {"1.32", true}, {"2.0.0", true}, {"1.31.9\n", false},
                     {"1.29.0", false}, {"", false}, {"latest", false}}) {
                CAPTURE(text);
                const TemporaryDirectory machine;
                make_ec2(machine);
                machine.write("/etc/eks/kubelet-version.txt", text);
                CHECK(facts(machine).watchdog == watched);
                const auto paths = generate(machine).paths;
                CHECK(std::ranges::any_of(paths, [](const std::string& path) {
                        return path == "/normal/kubelet.service.d/50-watchdog.conf -> "
                                       "/usr/lib/eks/units/kubelet.service.d/50-watchdog.conf";
                }) == watched);
        }

        const TemporaryDirectory machine;
        make_ec2(machine);
        CHECK_FALSE(facts(machine).watchdog);
        CHECK(plan_generator({.watchdog = true}).empty());
}

TEST_CASE("A node with a GPU of NVIDIA wants its driver, unless a file says otherwise", "[generator]")
{
        const TemporaryDirectory machine;
        make_ec2(machine);
        const auto linked = [&] {
                return std::ranges::count(generate(machine).paths,
                               "/normal/eks-configured.target.wants/eks-nvidia.service -> " UNITDIR
                               "/eks-nvidia.service"s) == 1;
        };

        const auto device = "/sys/bus/pci/devices/0000:00:1e.0"s;
        CHECK_FALSE(linked());

        machine.write("/etc/eks/nvidia.enabled", "");
        CHECK(linked());

        ::unlink(machine("/etc/eks/nvidia.enabled").c_str());
        machine.write(device + "/vendor", "0x10de\n");
        machine.write(device + "/class", "0x068000\n"); // a switch
        CHECK_FALSE(linked());

        machine.write(device + "/class", "0x030200\n");
        CHECK(linked());

        machine.write("/usr/lib/eks/nvidia.disabled", "");
        CHECK_FALSE(linked());

        machine.write("/etc/eks/nvidia.enabled", "");
        CHECK(linked());

        machine.write("/etc/eks/node.disabled", "");
        CHECK_FALSE(linked());
}

TEST_CASE("A GPU's daemons start after kubelet, and not at all where there is none", "[generator]")
{
        const TemporaryDirectory machine;
        make_ec2(machine);
        machine.write("/usr/bin/nvidia-persistenced", "");
        machine.write("/usr/bin/nv-fabricmanager", "");
        machine.write("/usr/bin/set-nvidia-clocks", "");
        const auto drop_in = [&](const std::string& unit) {
                const auto link =
                        "/normal/" + unit + ".service.d/50-eks-node.conf -> /usr/lib/eks/units/node/";
                for (const auto& path : generate(machine).paths)
                        if (path.starts_with(link))
                                return path.substr(link.size());
                return "(none)"s;
        };

        CHECK(drop_in("nvidia-persistenced") == "no-gpu.conf");
        CHECK(drop_in("nvidia-fabricmanager") == "no-gpu.conf");

        machine.write("/etc/eks/nvidia.enabled", "");
        CHECK(drop_in("nvidia-persistenced") == "after-kubelet.conf");
        CHECK(drop_in("set-nvidia-clocks") == "after-kubelet.conf");
        CHECK(drop_in("nvidia-fabricmanager") == "(none)");

        for (const auto* unit : {"eks-nvidia-cdi", "eks-nvidia-clocks", "eks-nvidia-mig"})
                CHECK(std::ranges::count(generate(machine).paths,
                              fmt::format("/normal/kubelet.service.wants/{0}.service -> {1}/{0}.service",
                                      unit, UNITDIR)) == 1);
}

TEST_CASE("Neuron devices and Elastic Fabric Adapters have their steps", "[generator]")
{
        const TemporaryDirectory machine;
        make_ec2(machine);
        const auto has = [&](const std::string& text) {
                return std::ranges::any_of(generate(machine).paths,
                        [&](const std::string& path) { return path.starts_with("/normal/" + text); });
        };

        const auto neuron = "eks-configured.target.wants/eks-neuron.service -> "s;
        const auto efa = "eks-configured.target.wants/eks-efa.service -> "s;
        const auto limit = "containerd.service.d/50-efa.conf -> /usr/lib/eks/units/"s;
        const auto device = "/sys/bus/pci/devices/0000:00:1e.0"s;
        machine.write(device + "/vendor", "0x1d0f\n");
        machine.write(device + "/device", "0xec20\n");
        CHECK_FALSE((has(neuron) || has(efa) || has(limit)));

        machine.write(device + "/device", "0x7164\n");
        CHECK((has(neuron) && !has(efa) && !has(limit)));

        machine.write(device + "/device", "0xefa2\n");
        CHECK((!has(neuron) && has(efa) && has(limit)));

        machine.write("/etc/eks/efa.disabled", "");
        CHECK_FALSE((has(efa) || has(limit)));

        machine.write("/usr/lib/eks/neuron.enabled", "");
        CHECK(has(neuron));
}

TEST_CASE("With soci-snapshotter installed, containerd of a node wants it", "[generator]")
{
        const TemporaryDirectory machine;
        make_ec2(machine);
        const auto link = "/normal/containerd.service.wants/soci-snapshotter.service -> " UNITDIR
                          "/soci-snapshotter.service"s;
        CHECK(std::ranges::count(generate(machine).paths, link) == 0);

        machine.write("/usr/bin/soci-snapshotter-grpc", "");
        CHECK(std::ranges::count(generate(machine).paths, link) == 1);
        CHECK(std::ranges::count(generate(machine).paths,
                      "/normal/soci-snapshotter.service.wants/eks-sandbox-image.service -> " UNITDIR
                      "/eks-sandbox-image.service"s) == 1);

        for (const auto& step : {"/eks-containerd-volume.service"s, "/eks-instance-store.service"s})
                CHECK(std::ranges::count(generate(machine).paths,
                              "/normal/soci-snapshotter.service.requires" + step + " -> " UNITDIR + step) ==
                        1);
        machine.write("/etc/eks/node.disabled", "");
        CHECK(std::ranges::count(generate(machine).paths, link) == 0);
}

TEST_CASE("Docker waits for its runtimes where that is enabled, on a node or not", "[generator]")
{
        const TemporaryDirectory machine;
        CHECK_FALSE(facts(machine).docker);

        machine.write("/etc/eks/docker.enabled", "");
        CHECK(facts(machine).docker);

        const auto alone = generate(machine);
        CHECK(alone.status == 0);
        CHECK(alone.paths ==
                std::vector<std::string>{
                        "/normal/docker.service.requires/eks-docker-runtimes.service -> " UNITDIR
                        "/eks-docker-runtimes.service"});

        machine.write("/etc/eks/docker.disabled", "");
        CHECK_FALSE(facts(machine).docker);

        const TemporaryDirectory image;
        image.write("/usr/lib/eks/docker.enabled", "");
        CHECK(facts(image).docker);

        image.write("/etc/eks/docker.disabled", "");
        CHECK_FALSE(facts(image).docker);

        CHECK(plan_generator({.node_option = true, .docker = true}).size() == 17);
        CHECK(plan_generator({.in_initrd = true, .docker = true}).empty());
        CHECK(plan_generator({.debug = true, .docker = true}).size() > 1);
}

TEST_CASE("What is installed on a running machine changes nothing before the next boot", "[generator]")
{
        const TemporaryDirectory machine;
        make_ec2(machine);
        machine.write("/usr/lib/eks/docker.enabled", "");
        CHECK_FALSE(generate(machine).paths.empty());

        machine.write("/run/eks/installed", "");
        const auto reason = "/normal/" + std::string(decision_file) + ": " + why_no_node(facts(machine));
        CHECK(generate(machine).paths == std::vector<std::string>{reason});

        machine.write("/etc/eks/docker.enabled", "");
        CHECK(generate(machine).paths.size() == 2);

        machine.write("/run/eks/done/eks-ca/x", ""); // a node, on which it was removed and installed again
        const auto node = "/normal/multi-user.target.wants/eks-node.target -> " UNITDIR "/eks-node.target"s;
        CHECK(std::ranges::count(generate(machine).paths, node) == 1);
}

TEST_CASE("Debugging is a drop-in for each step, and not for units of others", "[generator]")
{
        std::vector<std::string> units;
        for (const auto& output : plan_generator({.node_option = true, .debug = true})) {
                if (!output.path.ends_with(".service.d/50-debug.conf"))
                        continue;
                units.push_back(output.path.substr(0, output.path.find(".d/")));
                CHECK(output.content == "/usr/lib/eks/units/node/debug.conf");
        }

        std::vector<std::string> steps;
        for (const auto& file : std::filesystem::directory_iterator(SOURCE_DIR "/units"))
                if (const auto name = file.path().filename().string(); name.ends_with(".service.in"))
                        steps.push_back(name.substr(0, name.size() - 3));
        std::ranges::sort(units);
        std::ranges::sort(steps);
        CHECK(units == steps);
        CHECK(plan_generator({.debug = true}).empty());
}

TEST_CASE("The program writes what was planned, to the directory of normal priority, and the same again",
        "[generator]")
{
        const TemporaryDirectory machine;
        make_ec2(machine);
        machine.write("/proc/cmdline", "ro eks.debug\n");
        const auto once = generate(machine);
        CHECK(once.status == 0);
        CHECK(once.output.empty());

        const std::string units = UNITDIR;
        CHECK(std::ranges::count(once.paths,
                      "/normal/eks-ca.service.d/50-debug.conf -> /usr/lib/eks/units/node/debug.conf") == 1);
        CHECK(std::ranges::find(once.paths, "/normal/multi-user.target.wants/eks-node.target -> " + units +
                                                    "/eks-node.target") != once.paths.end());
        CHECK(std::ranges::all_of(
                once.paths, [](const std::string& path) { return path.starts_with("/normal/"); }));
        CHECK(generate(machine).paths == once.paths);
}

TEST_CASE("Elsewhere the program writes nothing and succeeds", "[generator]")
{
        const TemporaryDirectory machine;
        CHECK(generate(machine).status == 0);
        CHECK(generate(machine).paths.empty());

        make_ec2(machine);
        const auto in_container = generate(machine, container);
        CHECK(in_container.status == 0);
        CHECK(in_container.paths.empty());

        ::setenv("SYSTEMD_IN_INITRD", "1", 1);
        CHECK(generate(machine).paths.empty());

        ::unsetenv("SYSTEMD_IN_INITRD");
        CHECK_FALSE(generate(machine).paths.empty());
}

TEST_CASE("The program takes one or three directories", "[generator]")
{
        const TemporaryDirectory units;
        for (const auto& arguments : std::vector<std::vector<std::string>>{
                     {}, {units("/a"), units("/b")}, {units("/a"), units("/b"), units("/c"), units("/d")}}) {
                std::vector<std::string> argv{GENERATOR};
                argv.insert(argv.end(), arguments.begin(), arguments.end());
                CHECK(run_program(argv, 60s).status == 1);
        }

        CHECK_FALSE(units.has("/a"));
}
