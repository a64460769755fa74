// SPDX-License-Identifier: Apache-2.0
#include "node/join_causes.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "base/json.hpp"
#include "config/kubelet_flags.hpp"
#include "config/sources.hpp"
#include "systemd/kubelet_arguments.hpp"

namespace eks {

const JoinCause* find_join_cause(std::string_view message)
{
        // What is more special stands above.
        static const std::vector<JoinCause> causes{
                {"containerd-without-cri", {"unknown service runtime.v1"},
                        "containerd runs without its CRI plugin: see disabled_plugins in /etc/containerd/config.toml "
                        "and in containerd.config"},
                {"containerd-listener", {"get listener for main endpoint"},
                        "what is at the path of containerd's socket, /run/containerd/containerd.sock or grpc.address in "
                        "containerd's configuration: it is not a socket, or a running process has it"},
                {"address-in-use", {"address already in use"},
                        "what listens at that address: `ss -ltnp` names the process, which may be a second kubelet or "
                        "containerd"},
                {"cgroup-driver", {"cgroup driver"},
                        "kubelet.config.cgroupDriver, which must be systemd as for containerd, or containerd.config"},
                {"configuration", // `eksnode status` names the key
                        {"unknown flag", "kubelet flag", "kubelet config file", "unrecognized feature gate",
                                "cannot set feature gate", "invalid configuration",
                                "validate kubelet configuration"},
                        ""},
                {"swap", {"running with swap on"},
                        "swap, which `swapon --show` lists: set the key swap, remove it from the image, or set "
                        "kubelet.config.failSwapOn to false"},
                {"cni", {"cni plugin not initialized", "NetworkPluginNotReady", "cni config uninitialized"},
                        "the CNI plugin: its pod, such as aws-node, has not written /etc/cni/net.d; see `crictl ps -a` and "
                        "/var/log/aws-routed-eni/"},
                {"daemon", {"dial unix", "unix://"}, ""}, // of this machine
                {"credentials", {"getting credentials"},
                        "the program that gets kubelet's token, and the instance's role: see `eksnode token`"},
                {"certificate-expired", {"certificate has expired"},
                        "the clock of this machine: compare `date`; if it is right, the certificate of the server at "
                        "cluster.apiServerEndpoint"},
                {"certificate-authority",
                        {"signed by unknown authority", "certificate is valid for", "is not valid for"},
                        "cluster.certificateAuthority or cluster.apiServerEndpoint: they are of different clusters"},
                {"dns", {"no such host", "server misbehaving"},
                        "cluster.apiServerEndpoint, or DNS: enableDnsSupport and the DHCP options of the VPC"},
                {"webhook", {"admission webhook", "failed calling webhook"},
                        "the admission webhook of the cluster that is named: it refuses nodes, or does not answer"},
                {"quota", {"exceeded quota"}, "the quota of the cluster that is named"},
                {"unreachable",
                        {"i/o timeout", "no route to host", "network is unreachable", "connection refused",
                                "handshake timeout", "deadline exceeded", "Client.Timeout"},
                        "the network path to the API server: routes, NAT or VPC endpoints, security groups, proxy"},
                {"labels", {"following labels"},
                        "node.labels: kubelet may set only some labels of kubernetes.io itself"},
                {"node-name", {"not allowed to modify node", "can only"},
                        "the node's name, which has to be that of the instance in EC2: instance.nodeName"},
                {unauthorized, {"nauthorized", "orbidden"},
                        "the access entry (or aws-auth) of the instance's role in the cluster, of type EC2_LINUX"},
                {"certificate-request",
                        {"certificate signing request", "certificate request", "signed certificate"},
                        "the certificate signing request of this node, which `kubectl get csr` shows: it is denied, or no "
                        "controller approves it"}};

        const auto found = std::ranges::find_if(causes, [&](const JoinCause& cause) {
                return std::ranges::any_of(cause.texts,
                        [&](std::string_view text) { return message.find(text) != message.npos; });
        });
        return found == causes.end() ? nullptr : &*found;
}

NodeIdentity node_identity(const Root& root, std::string_view role)
{
        NodeIdentity identity;

        const auto facts = try_parse_json(read_file_if_exists(root(imds_path)).value_or(""));
        const auto fact = [&](const char* name) {
                return facts.is_object() ? facts.value(name, std::string()) : std::string();
        };
        if (!role.empty() && !fact("accountId").empty())
                identity.role = fmt::format("arn:{}:iam::{}:role/{}",
                        fact("partition").empty() ? "aws" : fact("partition"), fact("accountId"), role);

        const auto flags = parse_kubelet_flags(written_kubelet_arguments(root));
        if (const auto* name = flags.last("hostname-override"); name != nullptr && name->value)
                identity.username = "system:node:" + *name->value;

        return identity;
}

std::string change_for(const JoinCause& cause, const NodeIdentity& identity)
{
        if (cause.code != unauthorized || identity.role.empty())
                return std::string(cause.change);

        const auto user = identity.username.empty() ? std::string()
                                                    : fmt::format("; its username is {}", identity.username);
        return fmt::format("the access entry (or aws-auth) of {} in the cluster, of type EC2_LINUX{}",
                identity.role, user);
}

std::string not_ready_message(std::string_view line)
{
        constexpr std::string_view in_go = "Message:"; // the notation of structures
        constexpr std::string_view in_json = "\"message\":\"";

        if (const auto at = line.find(in_json); at != line.npos) {
                const auto begin = at + in_json.size();
                return std::string(line.substr(begin, line.find('"', begin) - begin));
        }
        if (const auto at = line.find(in_go); at != line.npos) {
                const auto begin = at + in_go.size();
                return std::string(line.substr(begin, line.rfind('}') - begin));
        }

        return {};
}

} // namespace eks
