// SPDX-License-Identifier: Apache-2.0
// eks-node-generator: whether this machine is to become a node, or serves Docker, and what that links in.
// Reads: the kernel command line, DMI, PCI, files in /etc/eks, /usr/lib/eks and /run/eks; at the first boot
// of an instance what the manager is about to load. Writes: symlinks and drop-ins in the generator
// directories. Again: the same input, the same output, byte for byte.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/root.hpp"
#include "systemd/node_decision.hpp"

namespace eks {

// Everything the decision rests on.
struct BootFacts {
        std::optional<bool> node_option; // eks.node=
        bool debug = false;              // eks.debug
        bool readahead = true;           // eks.readahead=
        bool in_initrd = false;
        bool in_container = false;
        bool on_ec2 = false;
        bool installed_now = false;      // the package came during this boot: installed_marker is there
        std::optional<bool> admin;       // /etc/eks/node.enabled, node.disabled
        std::optional<bool> image;       // the same in /usr/lib/eks
        bool docker = false;             // docker.enabled, docker.disabled; /etc overrides
        bool soci = false;               // soci-snapshotter is installed
        bool nvidia = false;             // a GPU of NVIDIA is there; nvidia.enabled, nvidia.disabled
        bool neuron = false;             // the same of Neuron devices
        bool efa = false;                // and of Elastic Fabric Adapters
        std::set<std::string> installed; // programs of NVIDIA's daemons
        bool watchdog = false;           // kubelet is of a version that feeds systemd's watchdog
};

// `virtualization` and `in_initrd` are the manager's ($SYSTEMD_VIRTUALIZATION, $SYSTEMD_IN_INITRD).
BootFacts read_boot_facts(const Root& root, std::string_view virtualization, bool in_initrd);

// eks.node= decides; else the admin's file, the image's file, and last whether this is an EC2 instance (a
// container on one is not) that had the package when it was booted.
bool is_node(const BootFacts& facts);

// What keeps the machine from being a node, and how to change that, as a line of text; "" if it is one, or
// if only its kind decides. It is kept in decision_file.
std::string why_no_node(const BootFacts& facts);

// Whether this boot reads files ahead, if it is the first one of the instance. A container reads from the
// disk of its host.
bool reads_ahead(const BootFacts& facts);

// One thing to make below the generator directory.
struct Output {
        std::string path;    // relative
        std::string content; // a link's target, or the text of decision_file
        bool link = true;
};

std::vector<Output> plan_generator(const BootFacts& facts);

} // namespace eks
