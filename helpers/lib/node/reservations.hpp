// SPDX-License-Identifier: Apache-2.0
// The resources that pods cannot use: kubeReserved by one of several policies, systemReserved, and their
// explanation.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "node/node.hpp"

namespace eks {

// The reserved CPU, in milliCPU, of a machine with so many milliCPU: 6 % of the first core, 1 % of the
// second, 0.5 % of the third and fourth, 0.25 % of the rest, each rounded down. Source: the EKS images; GKE
// has the same.
unsigned reserved_millicpus(unsigned total);

// The reserved memory, in MiB: 255 and 11 for each pod. Source: the EKS images.
constexpr unsigned eks_reserved_mib(unsigned max_pods)
{
        return 11 * max_pods + 255;
}

// The same by the size of the machine: 255 below 1 GiB; else 25 % of the first 4 GiB, 20 % of the next 4,
// 10 % of the next 8, 6 % of the next 112, 2 % of the rest. Source: GKE, "Plan GKE Standard node sizes",
// https://cloud.google.com/kubernetes-engine/docs/concepts/plan-node-sizes
std::uint64_t gke_reserved_mib(std::uint64_t machine_mib);

// systemReserved, for the daemons of the machine that are not kubelet's. Source: what Talos Linux reserves
// on a worker (KubeletSystemReserved* in pkg/machinery/constants/constants.go); the EKS images reserve
// nothing.
Json default_system_reserved();

struct KubeReserved {
        std::string cpu;    // "70m"; empty: nothing is to be written
        std::string memory; // "893Mi"
        std::string why;    // "eks policy: 11 MiB x 58 pods + 255 MiB"
};

// By kubelet.reservations, from the pods that kubelet will run (see max_pods.hpp) and the machine in sysfs.
// Throws Error (facts_missing, vendor_file); if the size of the machine is unknown, a note says so.
KubeReserved kube_reserved(const NodeInputs& node, unsigned pods, std::vector<Note>& notes);

} // namespace eks
