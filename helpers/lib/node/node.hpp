// SPDX-License-Identifier: Apache-2.0
// The input of the steps: the configuration, the facts of the instance, the versions of the daemons.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/root.hpp"
#include "config/node_spec.hpp"
#include "config/sources.hpp"
#include "document/layer.hpp"
#include "node/version.hpp"

namespace eks {

inline constexpr std::string_view node_path = "/run/eks/node.json";
inline constexpr std::string_view cluster_path = "/run/eks/cluster.json";
inline constexpr std::string_view gates_directory = "/run/eks/enabled/"; // only for units' conditions

inline constexpr std::string_view soci_socket = "/run/soci-snapshotter-grpc/soci-snapshotter-grpc.sock";

// The instance metadata, in the form of /run/eks/imds.json. An absent fact is empty.
struct InstanceFacts {
        std::string instance_id;
        std::string instance_type;
        std::string region;
        std::string availability_zone;
        std::string local_hostname;
        std::string local_ipv4;
        std::vector<std::string> ipv6s;              // of the primary interface
        Json all = Json::object();                   // the document, for templates
        std::string source = std::string(imds_path); // its file, for messages
};

struct Versions {
        Version kubelet;
        Version containerd;
};

// The decisions of eks-config for all steps.
struct Decisions {
        bool soci = false;         // images are unpacked by soci-snapshotter
        std::string sandbox_image; // EKS's own; "" if the machine image carries one, or it is not known
        std::string spared_image;  // that kubelet must be told not to collect; "" if containerd says so
};

struct NodeInputs {
        ~NodeInputs(); // in the library once, with those of all its members: 2 KB in each of sixty programs

        Root root;
        NodeSpec spec;
        InstanceFacts facts;
        Versions versions;
        std::string credential_provider; // path of the binary
        Decisions decided = {};
        bool lacks_cluster =
                false; // the configuration lacks values of the cluster, and EKS has not answered yet
};

InstanceFacts instance_facts(const Json& imds, std::string_view source = imds_path);

// The object in a file that was named with --imds. Throws Error (facts_missing, file_io).
Json facts_in(const std::string& path);

// The fact, or Error (facts_missing) that names it.
std::string require(const std::string& fact, std::string_view name, std::string_view source = imds_path);

// From /etc/eks/{kubelet,containerd}-version.txt, else by asking the binary, which costs a start of it. A
// binary is run only on a node, never with a root prefix. Throws Error (kubelet_missing,
// containerd_missing).
Version kubelet_version(const Root& root);
Version containerd_version(const Root& root);

std::string credential_provider_path(); // $ECR_CREDENTIAL_PROVIDER_BIN_PATH, or the usual place

// /run/eks/node.json as eks-config writes it, and back. It contains the spec, the source of every value, the
// versions, the decisions, and whether EKS is asked for the cluster.
std::string render_node_json(const Layer& merged, const Versions& versions, const Decisions& decided = {});

// /run/eks/imds.json. Throws Error (facts_missing) if eks-imds has not run.
Json load_imds(const Root& root);

// /run/eks/node.json unchanged.
struct NodeDocument {
        Json tree; // with "spec", and "cluster" in that
        Marks marks;
        bool asks_eks = false; // the configuration lacks something of the cluster
};
NodeDocument load_node_document(const Root& root);

// The answer of EKS about the cluster, from /run/eks/cluster.json: keys of cluster. Nothing if eks-cluster
// has not run, or the answer is about a cluster of another name. Throws Error (facts_missing) if the file is
// broken.
std::optional<Json> described_cluster(const Root& root, const std::string& name);

// Whether a step needs values of the cluster that the configuration may lack.
enum class ClusterNeed { complete, as_configured };

// The input of a step: node.json, completed from cluster.json if the configuration lacks values of the
// cluster. Throws Error (facts_missing) if eks-imds, eks-config or eks-cluster has not run.
NodeInputs load_node_inputs(const Root& root, ClusterNeed need = ClusterNeed::complete);

} // namespace eks
