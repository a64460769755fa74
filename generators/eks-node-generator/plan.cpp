// SPDX-License-Identifier: Apache-2.0
#include "plan.hpp"

#include <array>

#include <fmt/format.h>

#include "base/command_line.hpp"
#include "base/fs.hpp"
#include "base/pci.hpp"
#include "base/text.hpp"
#include "node/version.hpp"

namespace eks {

namespace {

// Nitro: the vendor strings. Xen: the version string ends in ".amazon" or the hypervisor's UUID begins with
// "ec2".
bool is_ec2(const Root& root)
{
        const auto dmi = [&](const char* name) {
                const auto text = read_file_if_exists(root(fmt::format("/sys/class/dmi/id/{}", name)));
                return std::string(trim(text.value_or("")));
        };

        if (dmi("sys_vendor") == "Amazon EC2" || dmi("board_vendor") == "Amazon EC2" ||
                dmi("bios_vendor") == "Amazon EC2")
                return true;
        if (dmi("bios_version").ends_with(".amazon") || dmi("product_version").ends_with(".amazon"))
                return true;

        return read_file_if_exists(root("/sys/hypervisor/uuid")).value_or("").starts_with("ec2");
}

// kubelet feeds systemd's watchdog from this version on.
const std::optional<Version> first_with_watchdog(Version{1, 32, 0});

std::optional<bool> switch_in(const Root& root, std::string_view directory, std::string_view what)
{
        if (exists(root(fmt::format("{}/{}.disabled", directory, what))))
                return false;
        if (exists(root(fmt::format("{}/{}.enabled", directory, what))))
                return true;
        return std::nullopt;
}

// Units of NVIDIA's driver and of EKS's own images for it, by the program that is installed with each, and
// whether they wait for the daemon that initialises each GPU, which kubelet need not wait for.
struct NvidiaUnit {
        std::string_view program;
        std::string_view unit;
        bool after_kubelet;
};
constexpr std::array nvidia_units{
        NvidiaUnit{"/usr/bin/nvidia-persistenced", "nvidia-persistenced.service", true},
        NvidiaUnit{"/usr/bin/set-nvidia-clocks", "set-nvidia-clocks.service", true},
        NvidiaUnit{"/usr/bin/nv-fabricmanager", "nvidia-fabricmanager.service", false}};

// A file of ours that only nodes have, under the same name or another one.
Output node_file(std::string path, std::string_view file)
{
        return {std::move(path), fmt::format(NODE_UNITDIR "/{}", file)};
}

Output node_file(std::string_view file)
{
        return node_file(std::string(file), file);
}

// Files that machines which are not nodes must not have. A link here has precedence over a file of a
// package, and a file of the admin over the link.
void add_node_files(std::vector<Output>& outputs)
{
        for (const auto file : split("kubelet.service " NODE_DROP_INS, ' '))
                outputs.push_back(node_file(file));
        // kubeadm's package has it. It would replace kubelet's arguments.
        outputs.push_back({"kubelet.service.d/10-kubeadm.conf", "/dev/null"});
}

// Only wanted: a driver that fails or hangs must not keep kubelet down.
void add_devices(std::vector<Output>& outputs, const BootFacts& facts)
{
        const auto want = [&](std::string_view by, std::string_view unit) {
                outputs.push_back(
                        {fmt::format("{}.wants/{}", by, unit), fmt::format("{}/{}", UNITDIR, unit)});
        };

        if (facts.nvidia) {
                want("eks-configured.target", "eks-nvidia.service");
                want("kubelet.service", "eks-nvidia-cdi.service");
                want("kubelet.service", "eks-nvidia-clocks.service");
                want("kubelet.service", "eks-nvidia-mig.service");
        }

        for (const auto& [program, unit, after_kubelet] : nvidia_units)
                if (facts.installed.contains(std::string(program)) && (!facts.nvidia || after_kubelet))
                        outputs.push_back(node_file(fmt::format("{}.d/50-eks-node.conf", unit),
                                facts.nvidia ? "node/after-kubelet.conf" : "node/no-gpu.conf"));

        if (facts.neuron)
                want("eks-configured.target", "eks-neuron.service");

        if (facts.efa) {
                want("eks-configured.target", "eks-efa.service");
                outputs.push_back(node_file("containerd.service.d/50-efa.conf"));
        }
}

} // namespace

BootFacts read_boot_facts(const Root& root, std::string_view virtualization, bool in_initrd)
{
        BootFacts facts{.in_initrd = in_initrd,
                .in_container = virtualization.starts_with("container:"),
                .on_ec2 = is_ec2(root),
                .admin = switch_in(root, "/etc/eks", "node"),
                .image = switch_in(root, "/usr/lib/eks", "node")};

        // A machine whose steps have run is a node, even if the package was installed since then.
        facts.installed_now = exists(root(std::string(installed_marker))) && !exists(root("/run/eks/done"));
        facts.soci = exists(root("/usr/bin/soci-snapshotter-grpc"));
        const auto devices = known_devices(root);
        const auto wanted = [&](const char* what, const std::vector<PciDevice>& found) {
                const auto admin = switch_in(root, "/etc/eks", what);
                return admin ? *admin : switch_in(root, "/usr/lib/eks", what).value_or(!found.empty());
        };

        facts.nvidia = wanted("nvidia", devices.nvidia_gpus);
        facts.neuron = wanted("neuron", devices.neuron);
        facts.efa = wanted("efa", devices.efa);

        for (const auto& known : nvidia_units)
                if (exists(root(known.program)))
                        facts.installed.emplace(known.program);
        const auto kubelet = read_file_if_exists(root("/etc/eks/kubelet-version.txt"));
        facts.watchdog = kubelet && find_version(*kubelet) >= first_with_watchdog;
        const auto docker = switch_in(root, "/etc/eks", "docker");
        const auto of_image = facts.installed_now ? false : switch_in(root, "/usr/lib/eks", "docker");
        facts.docker = docker ? *docker : of_image.value_or(false);

        for (const auto& word : kernel_command_line(root, facts.in_container)) {
                if (word == "eks.node")
                        facts.node_option = true;
                else if (word.starts_with("eks.node="))
                        facts.node_option = parse_boolean(word.substr(9));
                else if (word.starts_with("eks.readahead="))
                        facts.readahead = parse_boolean(word.substr(14)).value_or(true);
                else if (word == "eks.debug")
                        facts.debug = true;
                else if (word.starts_with("eks.debug="))
                        facts.debug = parse_boolean(word.substr(10)).value_or(false);
        }

        return facts;
}

bool is_node(const BootFacts& facts)
{
        if (facts.in_initrd)
                return false;
        if (facts.node_option)
                return *facts.node_option;
        if (facts.admin)
                return *facts.admin;
        if (facts.installed_now) // it becomes an image, or a node at the next boot
                return false;
        if (facts.image)
                return *facts.image;

        return facts.on_ec2 && !facts.in_container;
}

std::string why_no_node(const BootFacts& facts)
{
        if (facts.in_initrd || is_node(facts))
                return {};
        if (facts.node_option)
                return "eks.node=0 is on the kernel command line; remove it and reboot\n";
        if (facts.admin)
                return "/etc/eks/node.disabled exists; remove it, then run `systemctl daemon-reload` and "
                       "`systemctl start eks-node.target`\n";
        if (facts.installed_now && facts.image.value_or(facts.on_ec2 && !facts.in_container))
                return "eksnode was installed in this boot; the machine becomes a node at its next boot\n";
        if (facts.image)
                return "/usr/lib/eks/node.disabled exists; create /etc/eks/node.enabled, then run `systemctl "
                       "daemon-reload` and `systemctl start eks-node.target`\n";

        return {};
}

bool reads_ahead(const BootFacts& facts)
{
        return is_node(facts) && facts.readahead && !facts.in_container;
}

std::vector<Output> plan_generator(const BootFacts& facts)
{
        std::vector<Output> outputs;
        if (is_node(facts)) {
                // Its own link beside eks-node.target: the steps run even if kubelet cannot be queued.
                outputs.push_back(
                        {"multi-user.target.wants/eks-configured.target", UNITDIR "/eks-configured.target"});
                outputs.push_back({"multi-user.target.wants/eks-node.target", UNITDIR "/eks-node.target"});

                if (reads_ahead(facts))
                        outputs.push_back({"local-fs.target.wants/eks-readahead.service",
                                UNITDIR "/eks-readahead.service"});
                add_node_files(outputs);

                // containerd is another package, and must wait for our steps on nodes only.
                outputs.push_back({"containerd.service.requires/eks-containerd-config.service",
                        UNITDIR "/eks-containerd-config.service"});
                outputs.push_back({"containerd.service.requires/eks-containerd-volume.service",
                        UNITDIR "/eks-containerd-volume.service"});
                outputs.push_back({"containerd.service.requires/eks-instance-store.service",
                        UNITDIR "/eks-instance-store.service"});

                // Starting containerd after a stop, or after an attempt that failed, starts kubelet.
                outputs.push_back(node_file("containerd.service.wants/kubelet.service", "kubelet.service"));
                outputs.push_back({"kubelet.service.wants/eks-join.service", UNITDIR "/eks-join.service"});
                add_devices(outputs, facts);

                if (facts.watchdog)
                        outputs.push_back(node_file("kubelet.service.d/50-watchdog.conf"));

                // eks-config decides whether it runs. containerd only wants it, because it restarts itself;
                // see its unit.
                if (facts.soci) {
                        outputs.push_back({"containerd.service.wants/soci-snapshotter.service",
                                UNITDIR "/soci-snapshotter.service"});

                        // What it wrote before a mount would be hidden below it.
                        for (const auto* const step :
                                {"eks-containerd-volume.service", "eks-instance-store.service"})
                                outputs.push_back({fmt::format("soci-snapshotter.service.requires/{}", step),
                                        fmt::format(UNITDIR "/{}", step)});

                        // An import that failed without the snapshotter is tried again when it starts.
                        outputs.push_back({"soci-snapshotter.service.wants/eks-sandbox-image.service",
                                UNITDIR "/eks-sandbox-image.service"});
                }
        }

        // Without our file, a container that should be isolated would run under plain runc.
        if (facts.docker && !facts.in_initrd)
                outputs.push_back({"docker.service.requires/eks-docker-runtimes.service",
                        UNITDIR "/eks-docker-runtimes.service"});

        // A drop-in for each step: one in eks-.service.d would apply to other people's eks-* units as well.
        if (facts.debug && !outputs.empty())
                for (const auto unit : split(STEP_UNITS, ' '))
                        outputs.push_back(
                                node_file(fmt::format("{}.d/50-debug.conf", unit), "node/debug.conf"));

        if (auto why = why_no_node(facts); !why.empty())
                outputs.push_back({decision_file, std::move(why), false});

        return outputs;
}

} // namespace eks
