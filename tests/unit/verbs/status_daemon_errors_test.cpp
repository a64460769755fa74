// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "verbs/status/daemon_errors.hpp"

using namespace eks;
using Json = nlohmann::json;

namespace {

// What kubelet 1.34 and containerd 1.7 write.
constexpr auto klog =
        R"(E1124 21:30:05.123456    1234 run.go:74] "command failed" err="failed to validate")";
constexpr auto logfmt =
        R"(time="2026-11-24T21:30:05Z" level=error msg="failed to load \"x\"" error="invalid plugin config")";
constexpr auto harmless =
        R"(I1124 21:30:05.123456    1234 server.go:211] "Kubelet version" kubeletVersion="v1.34.1")";
constexpr auto refused =
        R"(E1124 21:30:05.123456    1234 kubelet_node_status.go:107] "Unable to register node with API server" err="Unauthorized" node="node")";
constexpr auto registered =
        R"(I1124 21:30:09.123456    1234 kubelet_node_status.go:78] "Successfully registered node" node="node")";

JournalRecord record(const char* text)
{
        return {.text = text};
}

Json node()
{
        return Json::parse(R"({
                "spec": {"kubelet": {"flags": ["--v=2", "--max-pods=many"]},
                         "containerd": {"config": [{"source": "user data, line 9",
                                                    "text": "[grpc]\nmax_recv_message_size = \"much\"\n"}]}},
                "sources": {"kubelet.config.featureGates": "user data, line 9",
                            "kubelet.config.featureGates.NoSuchGate": "user data, line 10",
                            "kubelet.config.maxPods": "/etc/eks/node.d/50-site.toml, line 3",
                            "kubelet.flags[0]": "user data, line 20",
                            "kubelet.flags[1]": "user data, line 21",
                            "cluster.apiServerEndpoint": "/etc/eks/node.d/50-site.toml, line 2"}})");
}

} // namespace

TEST_CASE("An error of a daemon is told from what it says besides", "[status]")
{
        for (const auto* line : {klog, logfmt, refused, "Error: no such file", "panic: runtime error",
                     "containerd: failed to load TOML"})
                CHECK(is_error(line));
        for (const auto* line : {harmless, registered, "", "E", "Enabling something",
                     R"(time="2026-11-24T21:30:05Z" level=info msg="error is a word here")"})
                CHECK_FALSE(is_error(line));
}

TEST_CASE("Its text has no time and no place in the daemon's source", "[status]")
{
        CHECK(error_text(klog) == R"("command failed" err="failed to validate")");
        CHECK(error_text(logfmt) == R"(failed to load "x": invalid plugin config)");
        CHECK(error_text("Error: no such file") == "Error: no such file");
}

TEST_CASE("The newest error counts, else the newest line", "[status]")
{
        CHECK(last_error({}).empty());
        CHECK(last_error({record("bye"), record(harmless)}) == "bye");
        CHECK(last_error({record("bye"), record("Error: b"), record("Error: a")}) == "Error: b");
}

TEST_CASE("The keys that a message names are found, with their places", "[status]")
{
        using Places = std::vector<std::string>;
        CHECK(places_of(node(), "kubelet", "unrecognized feature gate: NoSuchGate") ==
                Places{"kubelet.config.featureGates.NoSuchGate (user data, line 10)"});
        CHECK(places_of(node(), "kubelet", "invalid configuration: maxPods (--max-pods) 0 must be positive")
                        .front() == "kubelet.config.maxPods (/etc/eks/node.d/50-site.toml, line 3)");
        CHECK(places_of(node(), "kubelet", R"(invalid argument "many" for "--max-pods" flag)") ==
                Places{"--max-pods=many (user data, line 21)"});
        CHECK(places_of(node(), "kubelet", "nothing that was set").empty());
        CHECK(places_of(Json(), "kubelet", "NoSuchGate").empty());
        CHECK(places_of(node(), "containerd", "cannot decode max_recv_message_size") ==
                Places{"`max_recv_message_size = \"much\"` in line 2 of containerd.config (user data, line 9)"});
        CHECK(places_of(node(), "containerd", "something else") ==
                Places{"containerd.config (user data, line 9)"});
}

TEST_CASE("A line of a drop-in for containerd is found by what a message names", "[status]")
{
        using Places = std::vector<std::string>;
        const std::vector<Sourced> drop_ins{
                {"[grpc]\ngid = 0\nuid = \"root\"\n", "/etc/eks/containerd.d/50-site.toml"}};

        CHECK(places_of(node(), "containerd", "toml: cannot decode uid", drop_ins) ==
                Places{"`uid = \"root\"` in line 3 of /etc/eks/containerd.d/50-site.toml"});
        CHECK(places_of(node(), "containerd", "something else", drop_ins) ==
                Places{"/etc/eks/containerd.d/50-site.toml", "containerd.config (user data, line 9)"});
        CHECK(places_of(node(), "kubelet", "cannot decode uid", drop_ins).empty());
}

TEST_CASE("The key of a step's failure is the one of its place", "[status]")
{
        CHECK(key_in(node(), "Failed: /etc/eks/node.d/50-site.toml, line 2: no address") ==
                "cluster.apiServerEndpoint");
        CHECK(key_in(Json(), "Failed: user data, line 8, column 5: cluster.cidr = '1': not a range") ==
                "cluster.cidr");
        CHECK(key_in(node(), "Failed: no such file").empty());
}

TEST_CASE("What is to be changed depends on the kind of a daemon's error", "[status]")
{
        struct Row {
                std::string message;
                std::string change; // its beginning
        };
        const std::string post = "Post \"https://a.eks.example/api/v1/nodes\": ";

        for (const auto& [message, change] : {
                     Row{post + "tls: failed to verify certificate: x509: certificate has expired or is not yet valid",
                             "the certificate of the server at cluster.apiServerEndpoint"},
                     Row{post + "tls: failed to verify certificate: x509: certificate signed by unknown authority",
                             "cluster.certificateAuthority"},
                     Row{post + "dial tcp: lookup a.eks.example: no such host",
                             "cluster.apiServerEndpoint, or DNS"},
                     Row{post + "dial tcp 10.0.0.1:443: i/o timeout", "the network path to the API server"},
                     Row{post + "dial tcp 10.0.0.1:443: connect: connection refused",
                             "the network path to the API server"},
                     Row{post + "getting credentials: exec: executable eksnode-token failed",
                             "the program that gets"},
                     Row{"Unauthorized", "the access entry"},
                     Row{"nodes is forbidden: User \"system:node:a\" cannot create resource \"nodes\"",
                             "the access entry"},
                     Row{"nodes \"a\" is forbidden: node \"b\" is not allowed to modify node \"a\"",
                             "the node's name"},
                     Row{"is forbidden: is not allowed to modify the following labels: node-role.kubernetes.io/a",
                             "node.labels"},
                     Row{"rpc error: code = Unimplemented desc = unknown service runtime.v1.RuntimeService",
                             "containerd runs without its CRI plugin"},
                     Row{"\"Failed to listen and serve\" err=\"listen tcp 0.0.0.0:10250: bind: address already in use\"",
                             "what listens at that address"},
                     Row{"failed to run Kubelet: running with swap on is not supported", "swap, which"},
                     // containerd is not there yet, which is not the network's fault
                     Row{"dial unix /run/containerd/containerd.sock: connect: connection refused", ""},
                     Row{"failed to load kubelet config file", ""}}) {
                CAPTURE(message);
                const auto found = change_for(message);
                CHECK(found.substr(0, change.size()) == change);
                CHECK(found.empty() == change.empty());
        }
}
