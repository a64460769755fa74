// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "node/join_state.hpp"
#include "support.hpp"

using namespace eks;
using Kind = JoinState::Kind;

namespace {

std::string unable(const std::string& error)
{
        return R"(E1124 21:30:05.1 1234 kubelet_node_status.go:107] "Unable to register node with API server" err=")" +
               error + R"(" node="a")";
}

constexpr auto known =
        R"(I1124 21:30:09.0 1234 kubelet_node_status.go:118] "Node was previously registered" node="a")";
constexpr auto registered =
        R"(I1124 21:30:09.1 1234 kubelet_node_status.go:78] "Successfully registered node" node="a")";
constexpr auto verbose =
        R"(I1124 21:30:05.1 1234 kubelet_node_status.go:729] "Recording event message for node" node="a" event="NodeHasSufficientPID")";
constexpr auto ready =
        R"(I1124 21:30:15.1 1234 kubelet_node_status.go:729] "Recording event message for node" node="a" event="NodeReady")";
constexpr auto not_ready =
        R"(I1124 21:30:06.1 1234 setters.go:602] "Node became not ready" node="a" condition={"type":"Ready","status":"False","reason":"KubeletNotReady","message":"cni plugin not initialized"})";
constexpr auto not_ready_before_1_29 =
        R"(I1124 21:30:06.1 1234 setters.go:549] "Node became not ready" node="a" condition={Type:Ready Status:False Reason:KubeletNotReady Message:cni plugin not initialized})";
constexpr auto no_network =
        R"(E1124 21:30:06.1 1234 kubelet.go:2373] "Container runtime network not ready" networkReady="NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized")";

JoinState after(std::initializer_list<std::string> lines)
{
        JoinState state;
        for (const auto& line : lines)
                state.read(line);
        return state;
}

} // namespace

TEST_CASE("A node is registered and then Ready, by kubelet's records", "[join]")
{
        JoinState state;
        CHECK(state.kind() == Kind::starting);
        CHECK(state.awaited() == "Waiting for kubelet to register the node");
        CHECK_FALSE(state.read(
                R"(I1124 21:30:05.1 1234 server.go:211] "Kubelet version" kubeletVersion="v1.34.1")"));
        CHECK(state == JoinState{});

        CHECK(state.read(unable("Unauthorized")));
        CHECK(state.kind() == Kind::unregistered);
        CHECK_FALSE(state.is_registered());
        CHECK(state.awaited().starts_with(
                "Waiting for kubelet to register the node: Unauthorized. Change: the access entry"));

        CHECK(state.read(registered));
        CHECK(state.kind() == Kind::registered);
        CHECK(state.awaited() == "Waiting for the node to be Ready");

        for (const auto* words : {not_ready, not_ready_before_1_29}) {
                CHECK(state.read(words));
                CHECK(state.cause() == "cni plugin not initialized");
                CHECK(state.code() == "cni");
                CHECK(state.awaited().starts_with(
                        "Waiting for the node to be Ready: cni plugin not initialized. Change: the CNI"));

                CHECK(state.read(ready));
                CHECK(state.kind() == Kind::ready);
                CHECK(state.cause().empty());
        }
}

TEST_CASE("At the first boot, a complaint of containerd's network is why a node is not Ready", "[join]")
{
        for (const auto& state : {after({no_network, registered}), after({registered, no_network})}) {
                CHECK(state.kind() == Kind::registered);
                CHECK(state.code() == "cni");
                CHECK(state.cause().find("cni plugin not initialized") != std::string::npos);
        }

        CHECK(after({no_network}).cause().empty()); // it waits for its registration
        CHECK(after({no_network, unable("Unauthorized")}).code() == "unauthorized");
        CHECK(after({no_network, registered, ready}).cause().empty());
        CHECK(after({registered, ready, no_network}).kind() == Kind::ready); // until kubelet reports it
}

TEST_CASE("A kubelet that was restarted says little of a node that is Ready", "[join]")
{
        // It begins with the condition that the API server has.
        CHECK(after({ready, known, registered}).kind() == Kind::ready);
        CHECK(after({not_ready, known, registered}).code() == "cni");

        CHECK(after({known, registered}).may_be_ready());
        CHECK(after({known, no_network, registered}).may_be_ready()); // if it does not complain again
        CHECK_FALSE(after({known}).may_be_ready());
        CHECK_FALSE(after({registered}).may_be_ready());
        CHECK_FALSE(after({known, registered, not_ready}).may_be_ready());
        CHECK_FALSE(after({not_ready, known, registered}).may_be_ready());
}

TEST_CASE("The last error of a kubelet that has ended is why the node does not join", "[join]")
{
        constexpr auto driver =
                R"(E1124 21:30:05.1 1234 run.go:74] "command failed" err="failed to run Kubelet: misconfiguration: kubelet cgroup driver: \"cgroupfs\" is different")";
        auto state = after({driver});
        CHECK(state.cause().empty()); // it may go on
        state.end();
        CHECK(state.code() == "cgroup-driver");

        for (const auto* refused : {"Error: unknown flag: --foo",
                     R"(E1124 21:30:05.1 1 run.go:74] "command failed" err="failed to load kubelet config file, path: a")"}) {
                state = after({refused});
                state.end();
                CHECK(state.code() == "configuration");
        }

        state = after({unable("Unauthorized"), driver});
        state.end();
        CHECK(state.code() == "unauthorized");
        state = after({registered, ready});
        state.end();
        CHECK(state.kind() == Kind::starting);
}

TEST_CASE("Only a verbose kubelet tells each change of a node's condition", "[join]")
{
        CHECK_FALSE(after({registered, not_ready}).is_verbose());
        CHECK(after({verbose, registered}).is_verbose());
        CHECK(after({verbose}).kind() == Kind::starting);
        CHECK(after({R"("Fast updating node status as it just became ready")"}).kind() == Kind::ready);
}

TEST_CASE("Each cause that kubelet names has a code", "[join]")
{
        struct Row {
                const char* error;
                const char* code;
        };
        const auto row = GENERATE(values<Row>({{"Unauthorized", "unauthorized"},
                {R"(nodes is forbidden: User \"system:node:a\" cannot create resource)", "unauthorized"},
                {R"(nodes \"a\" is forbidden: node \"b\" is not allowed to modify node \"a\")", "node-name"},
                {"is not allowed to modify the following labels: node-role.kubernetes.io/a", "labels"},
                {R"(Post \"https://a/api/v1/nodes\": tls: failed to verify certificate: x509: certificate signed by unknown authority)",
                        "certificate-authority"},
                {"x509: certificate has expired or is not yet valid", "certificate-expired"},
                {"dial tcp: lookup a.eks.example: no such host", "dns"},
                {"dial tcp 10.0.0.1:443: i/o timeout", "unreachable"},
                {"dial tcp 10.0.0.1:443: connect: connection refused", "unreachable"},
                {"getting credentials: exec: executable eksnode failed with exit code 1", "credentials"},
                {R"(admission webhook \"a.example\" denied the request)", "webhook"},
                {"exceeded quota: nodes", "quota"},
                {"certificate signing request csr-a is denied", "certificate-request"},
                {"something else", "unknown"}}));
        INFO(row.error);
        JoinState state;
        state.read(unable(row.error));
        CHECK(state.code() == row.code);
        CHECK(state.change().empty() == (state.code() == "unknown"));
}

TEST_CASE("A kubelet that waits for its client certificate says why, until it registers", "[join]")
{
        constexpr auto refused =
                R"(E1124 21:30:05.1 1234 certificate_manager.go:562] "Unhandled Error" err="kubernetes.io/kube-apiserver-client-kubelet: certificate request was not signed: timed out waiting for the condition")";
        constexpr auto refused_before_1_31 =
                R"(E1124 21:30:05.1 1234 certificate_manager.go:471] kubernetes.io/kube-apiserver-client-kubelet: Failed while requesting a signed certificate from the control plane: cannot create certificate signing request: Post "https://a": dial tcp: lookup a: no such host)";
        constexpr auto of_its_server =
                R"(E1124 21:30:05.1 1234 certificate_manager.go:562] "Unhandled Error" err="kubernetes.io/kubelet-serving: certificate request was not signed: timed out waiting for the condition")";

        CHECK(after({refused}).code() == "certificate-request");
        CHECK(after({refused_before_1_31}).code() == "dns");
        CHECK(after({refused, registered}).cause().empty());
        CHECK(after({of_its_server}).cause().empty()); // the node joins without that
}

TEST_CASE("The role and the username that the cluster does not know are named", "[join]")
{
        const test::TemporaryDirectory root;
        root.write("/run/eks/imds.json", R"({"accountId": "111122223333", "partition": "aws-cn"})");
        root.write("/etc/eks/kubelet/environment",
                "NODEADM_KUBELET_ARGS=--hostname-override=ip-10-0-0-1.ec2.internal\n");
        const auto node = root.root();
        const auto unknown = after({unable("Unauthorized")});

        const auto change = unknown.change(node_identity(node, "eks-node"));
        CHECK(change.find("arn:aws-cn:iam::111122223333:role/eks-node") != std::string::npos);
        CHECK(change.find("system:node:ip-10-0-0-1.ec2.internal") != std::string::npos);

        // Without them, and for causes of other kinds, it is as it was.
        CHECK(unknown.change(node_identity(node, "")) == unknown.change());
        root.write("/run/eks/imds.json", "{}");
        CHECK(unknown.change(node_identity(node, "eks-node")) == unknown.change());
        const auto name = after({unable("dial tcp: lookup a: no such host")});
        CHECK(name.change(node_identity(node, "eks-node")) == name.change());
}

TEST_CASE("A node that joins has no cause, whatever kubelet said on the way", "[join]")
{
        const auto slow = unable("dial tcp 10.0.0.1:443: i/o timeout");
        const auto late_entry = unable("Unauthorized");
        constexpr auto lease =
                R"(E1124 21:30:07.1 1234 controller.go:145] "Failed to ensure lease exists, will retry" err="leases is forbidden")";
        constexpr auto serving =
                R"(E1124 21:30:07.1 1234 certificate_manager.go:562] "Unhandled Error" err="kubernetes.io/kubelet-serving: certificate request was not signed: timed out waiting for the condition")";
        constexpr auto pod =
                R"(E1124 21:30:07.1 1234 pod_workers.go:1324] "Error syncing pod, skipping" err="failed to pull image: no such host")";
        constexpr auto mount =
                R"(E1124 21:30:07.1 1234 nestedpendingoperations.go:348] Operation for "a" failed: connection refused)";
        constexpr auto image =
                R"(E1124 21:30:07.1 1234 eviction_manager.go:282] "Eviction manager: failed to get summary stats" err="failed to get node info: node \"a\" not found")";
        constexpr auto csi =
                R"(E1124 21:30:07.1 1234 csi_plugin.go:308] Failed to initialize CSINode: error updating CSINode annotation: Unauthorized)";
        constexpr auto deprecated =
                R"(I1124 21:30:05.1 1234 flags.go:64] "Flag --pod-infra-container-image has been deprecated")";
        constexpr auto fast =
                R"(I1124 21:30:15.1 1234 kubelet_node_status.go:501] "Fast updating node status as it just became ready")";

        const auto lines = GENERATE_COPY(values<std::vector<std::string>>(
                {{registered, ready}, {registered, fast}, {verbose, registered, ready},
                        {no_network, registered, no_network, ready}, {registered, not_ready, ready},
                        {registered, not_ready_before_1_29, ready}, {slow, registered, ready},
                        {slow, slow, slow, registered, ready}, {late_entry, registered, ready},
                        {late_entry, slow, registered, not_ready, ready}, {deprecated, registered, ready},
                        {lease, registered, ready}, {registered, ready, lease}, {serving, registered, ready},
                        {registered, ready, serving}, {registered, ready, pod}, {registered, ready, mount},
                        {registered, image, csi, ready}, {known, registered, ready},
                        {verbose, known, registered, not_ready, ready}, {registered, ready, no_network}}));

        const auto state = [&] {
                JoinState read;
                for (const auto& line : lines)
                        read.read(line);
                return read;
        }();
        CHECK(state.kind() == Kind::ready);
        CHECK(state.cause().empty());
        CHECK(state.code().empty());
}
