// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>

#include <catch2/catch.hpp>

#include "checks/find_problems.hpp"
#include "config/command_layer.hpp"
#include "fixture.hpp"
#include "node/trusted_certificates.hpp"
#include "steps/config/await_call.hpp"
#include "steps/config/config.hpp"

using namespace eks;
using test::file_in;
using test::ReferenceNode;
using test::refusal;

namespace {

constexpr auto gate = "/run/eks/enabled/sandbox-image";
constexpr Versions versions{.kubelet = {1, 34, 1}, .containerd = {1, 7, 27}};

StepPlan planned(const ReferenceNode& node, const std::string& user_data, const Versions& daemons = versions)
{
        node.write(user_data_path, user_data);
        return plan_config(node.root(), resolve_node_layers(node.root()), nullptr, daemons).plan;
}
StepPlan planned_spec(const ReferenceNode& node, const std::string& spec)
{
        return planned(node, test::node_config(test::reference_cluster + spec));
}

} // namespace

TEST_CASE("eks-config writes the merged configuration, for root alone", "[config]")
{
        const ReferenceNode node;
        const auto plan = planned_spec(node, "  kubelet: {flags: [--v=5]}\n");
        const auto& file = file_in(plan, "/run/eks/node.json");
        CHECK(file.mode == 0600);

        const auto json = Json::parse(file.content);
        CHECK(json["spec"]["cluster"]["name"] == "my-cluster");
        CHECK(json["spec"]["kubelet"]["flags"] == Json{"--v=5"});
        CHECK(json["versions"] == Json{{"kubelet", "1.34.1"}, {"containerd", "1.7.27"}});
        CHECK(json["sources"]["cluster.name"] == "user data, line 5, column 5");
        CHECK(planned_spec(node, "  kubelet: {flags: [--v=5]}\n").files[0].content == file.content);
}

TEST_CASE("A warning names what was ignored", "[config]")
{
        const ReferenceNode node;
        const auto plan = planned_spec(node, "  oddity: 1\n");
        REQUIRE(plan.notes.size() == 1);
        CHECK(plan.notes[0].level == Level::warning);
        CHECK(plan.notes[0].text.find("spec.oddity") != std::string::npos);
}

TEST_CASE("The sandbox image's step has its gate if the node itself must have the image", "[config]")
{
        const ReferenceNode node;
        const auto kind = [&](const std::string& spec) {
                return file_in(planned_spec(node, spec), gate).kind;
        };

        CHECK(kind("") == File::Kind::regular);

        std::filesystem::remove(node("/etc/eks/pause.tar"));
        CHECK(kind("") == File::Kind::regular); // ECR's

        const std::string own = "  containerd:\n    config: |\n      "
                                "[plugins.'io.containerd.grpc.v1.cri']\n      sandbox_image = ";
        CHECK(kind(own + "'registry.k8s.io/pause:3.10'\n") == File::Kind::absent);
        CHECK(kind(own + "'localhost/mine:1'\n") == File::Kind::regular);
        CHECK(kind(own + "'602401143452.dkr.ecr.us-west-2.amazonaws.com/eks/pause:3.9'\n") ==
                File::Kind::regular);
        CHECK(kind(own + "'public.ecr.aws/eks-distro/kubernetes/pause:3.10'\n") == File::Kind::absent);
        CHECK(kind("  containerd: {config: 'not toml'}\n") ==
                File::Kind::regular); // for eks-containerd-config to say

        node.write("/etc/eks/pause.tar", ""); // may hold an image of any name
        CHECK(kind(own + "'registry.k8s.io/pause:3.10'\n") == File::Kind::regular);
}

TEST_CASE("kubelet is told to spare the sandbox image where containerd does not pin it", "[config]")
{
        const ReferenceNode node;
        const auto spared = [&](const Versions& daemons, const std::string& spec = {}) {
                const auto plan = planned(node, test::node_config(test::reference_cluster + spec), daemons);
                return Json::parse(file_in(plan, "/run/eks/node.json").content)
                        .value("sparedImage", std::string());
        };

        const std::string own = "  containerd:\n    config: |\n      "
                                "[plugins.'io.containerd.grpc.v1.cri']\n      sandbox_image = ";
        constexpr auto ours = "localhost/kubernetes/pause:latest";
        CHECK(spared({.kubelet = {1, 34, 9}, .containerd = {1, 6, 20}}) == ours);
        CHECK(spared({.kubelet = {1, 23, 0}, .containerd = {1, 7, 2}}) == ours);
        CHECK(spared({.kubelet = {1, 34, 9}, .containerd = {1, 7, 3}}).empty());
        CHECK(spared({.kubelet = {1, 34, 9}, .containerd = {2, 1, 0}}).empty());
        CHECK(spared({.kubelet = {1, 34, 9}, .containerd = {1, 6, 20}}, own + "'r.example/p'\n") ==
                "r.example/p:latest");
        CHECK(spared({.kubelet = {1, 34, 9}, .containerd = {1, 6, 20}}, own + "\"a\\nb\"\n").empty());
        CHECK(spared({.kubelet = {1, 34, 9}, .containerd = {1, 6, 20}},
                "  containerd: {config: 'sandbox_image not toml'}\n")
                        .empty());
}

TEST_CASE("What is decided for all steps is in node.json", "[config]")
{
        const ReferenceNode node;
        std::filesystem::remove(node("/etc/eks/pause.tar"));
        node.write("/usr/bin/soci-snapshotter-grpc", "");
        node.write("/etc/eks/node.toml", "[containerd]\nsnapshotter = 'soci'\n");
        const auto plan = [&](const std::string& spec = {}) {
                node.write(user_data_path, test::node_config(test::reference_cluster + spec));
                return plan_config(
                        node.root(), resolve_node_layers(node.root()), {{"region", "us-west-2"}}, versions);
        };

        constexpr auto ecr = "602401143452.dkr.ecr.us-west-2.amazonaws.com/eks/pause:3.10";
        const auto [made, decided] = plan();
        const auto json = Json::parse(file_in(made, "/run/eks/node.json").content);
        CHECK(json.at("soci") == true);
        CHECK(json.at("sandboxImage") == ecr);
        CHECK(decided.soci);
        CHECK(decided.sandbox_image == ecr);

        // Settings that nobody can read leave the decision to eks-containerd-config, and are not passed
        // over.
        const auto broken = plan("  containerd: {config: 'snapshotter not toml'}\n");
        CHECK_FALSE(broken.decided.soci);

        const auto& notes = broken.plan.notes;
        CHECK(std::ranges::any_of(notes, [](const Note& note) {
                return note.level == Level::debug &&
                       note.text.starts_with("left to eks-containerd-config: containerd.config (user data");
        }));
}

TEST_CASE("A local cluster's step has its gate on an Outpost only", "[config]")
{
        const ReferenceNode node;
        const auto kind = [&](const std::string& more) {
                return file_in(planned(node, test::node_config(test::reference_cluster + more)),
                        "/run/eks/enabled/hosts")
                        .kind;
        };

        CHECK(kind("") == File::Kind::absent);
        CHECK(kind("    id: abc\n") == File::Kind::absent);
        CHECK(kind("    id: abc\n    enableOutpost: true\n") == File::Kind::regular);
}

TEST_CASE("EKS is asked only about a cluster that is not configured completely", "[config]")
{
        const ReferenceNode node;
        const auto plan = [&](const std::string& cluster) {
                return planned(node, test::node_config(cluster));
        };

        const auto kind = [](const StepPlan& made, const std::string& name) {
                return file_in(made, "/run/eks/enabled/" + name).kind;
        };

        const auto complete = plan(test::reference_cluster);
        CHECK(kind(complete, "cluster") == File::Kind::absent);
        CHECK_FALSE(
                Json::parse(file_in(complete, "/run/eks/node.json").content).contains("describeCluster"));

        const auto named = plan("  cluster: {name: a}\n");
        CHECK(kind(named, "cluster") == File::Kind::regular);
        CHECK(kind(named, "hosts") == File::Kind::regular); // EKS may say that it is local
        CHECK(Json::parse(file_in(named, "/run/eks/node.json").content)["describeCluster"] == true);
        CHECK(kind(plan("  cluster: {name: a, enableOutpost: false}\n"), "hosts") == File::Kind::absent);
}

TEST_CASE("The gates of the volume and of soci-snapshotter follow the configuration", "[config]")
{
        const ReferenceNode node;
        const auto kind = [&](const std::string& path) {
                return file_in(planned(node, test::node_config(test::reference_cluster)), path).kind;
        };

        CHECK(kind("/run/eks/enabled/containerd-volume") == File::Kind::absent);
        CHECK(kind("/run/eks/enabled/soci-snapshotter") == File::Kind::absent);

        node.write("/etc/eks/node.toml", "[containerd]\nsnapshotter = 'soci'\nvolume.label = 'images'\n");
        node.write("/usr/bin/soci-snapshotter-grpc", "");
        CHECK(kind("/run/eks/enabled/containerd-volume") == File::Kind::regular);
        CHECK(kind("/run/eks/enabled/soci-snapshotter") == File::Kind::regular);
}

TEST_CASE("Certificates have their gate as long as there are any, or any in the store", "[config]")
{
        const ReferenceNode node;
        const auto kind = [](const ReferenceNode& at) {
                return file_in(planned_spec(at, ""), "/run/eks/enabled/trust").kind;
        };

        CHECK(kind(node) == File::Kind::absent);

        node.write(trust_stamp, "changing\n");
        CHECK(kind(node) == File::Kind::regular);

        const ReferenceNode other;
        other.write("/etc/eks/node.toml", "[trust]\ncertificates = ['corp.ca']\n");
        CHECK(kind(other) == File::Kind::regular);

        other.write("/etc/eks/node.toml", "[trust]\ncertificates = ['not a name']\n");
        const auto refused = refusal([&] { planned_spec(other, ""); });
        CHECK(refused.failure == "config-invalid");
        CHECK(refused.mentions("/etc/eks/node.toml, line 2, column"));
        CHECK(refused.mentions("trust.certificates[0]: is neither a certificate in PEM"));
}

TEST_CASE("Bad configuration is refused before anything is planned", "[config]")
{
        const ReferenceNode node;
        CHECK(refusal([&] { planned(node, test::node_config("  cluster: {name: a b}\n")); }).failure ==
                "config-invalid");
        CHECK(refusal([&] { planned(node, ""); }).failure == "config-missing");
        CHECK(refusal([&] { planned(node, "#!/bin/sh\n"); }).failure == "config-missing");
}

TEST_CASE("The gate of the instance store is open if there is a strategy", "[config]")
{
        const ReferenceNode node;
        const auto is_open = [&](const std::string& storage) {
                const auto plan = planned_spec(node, "  instance:\n    localStorage: " + storage + "\n");
                return file_in(plan, "/run/eks/enabled/instance-store").kind == File::Kind::regular;
        };

        for (const auto* strategy : {"RAID0", "raid0", "RAID10", "Mount", "mount"}) {
                CAPTURE(strategy);
                CHECK(is_open(std::string("{strategy: ") + strategy + "}"));
        }

        for (const auto* nothing : {"{}", "{strategy: ''}", "{strategy: none}", "~",
                     "{mountPath: /mnt, disabledMounts: [SOCI]}"}) {
                CAPTURE(nothing);
                CHECK_FALSE(is_open(nothing));
        }

        CHECK(refusal([&] { is_open("{strategy: RAID5}"); }).failure == "config-invalid");
        CHECK(refusal([&] {
                is_open("{strategy: RAID0, mountPath: mnt}");
        }).mentions("instance.localStorage.mountPath = \"mnt\": is not the absolute path of a directory"));
}

TEST_CASE("The gate of swap is open if the configuration has it, or an earlier one had", "[config]")
{
        const ReferenceNode node;
        const auto is_open = [&](const std::string& toml) {
                node.write("/etc/eks/node.toml", toml);
                return file_in(planned_spec(node, ""), "/run/eks/enabled/swap").kind == File::Kind::regular;
        };

        CHECK_FALSE(is_open(""));
        CHECK(is_open("swap = 'off'\n"));
        CHECK(is_open("swap = 'zram'\n"));

        node.write("/var/lib/eks/swap", "");
        CHECK(is_open(""));
        CHECK(refusal([&] { is_open("swap = 'zram'\nswapSize = '1Gb'\n"); }).failure == "config-invalid");
        CHECK(refusal([&] { is_open("swap = 'on'\n"); }).failure == "config-invalid");
}

TEST_CASE("Text that is not UTF-8 is a fault of the configuration, not of eksnode", "[config]")
{
        const ReferenceNode node;
        for (const auto* spec : {"  kubelet: {flags: ['--a=\xff']}\n",
                     "  kubelet: {config: {a: \"\xc3\"}}\n", "  kubelet: {config: {\"\xfe\": 1}}\n",
                     "  kubelet: {flags: ['--a', {\"\xff\": 1}]}\n"}) {
                CAPTURE(spec);
                const auto result = refusal([&] { planned_spec(node, spec); });
                CAPTURE(result.what);
                CHECK(result.failure.starts_with("config-"));
        }
}

TEST_CASE("Only a script can still name the cluster: eks-config waits for that", "[config]")
{
        const ReferenceNode node;
        const auto waits = [&](const std::string& user_data) {
                node.write(user_data_path, user_data);
                return awaits_call(resolve_node_layers(node.root()));
        };

        CHECK(waits("#!/bin/sh\n/etc/eks/bootstrap.sh c\n"));
        CHECK(waits("#cloud-config\n"));
        CHECK_FALSE(waits(""));
        CHECK_FALSE(waits(test::node_config(test::reference_cluster)));

        node.write("/etc/eks/node.toml", "[kubelet]\nflags = ['--v=4']\n");
        CHECK(waits("#!/bin/sh\n"));

        node.write("/etc/eks/node.toml", "[cluster]\nname = 'c'\n");
        CHECK_FALSE(waits("#!/bin/sh\n"));

        node.write("/etc/eks/node.toml", "[clutser]\nname = 'c'\n"); // to be said at once
        CHECK_FALSE(waits("#!/bin/sh\n"));
}

TEST_CASE("No call comes when scripts have ended, or wait for what waits for eks-config", "[config]")
{
        ScriptsState state{.installed = true, .active = "inactive", .queued = true, .processes = {}};
        CHECK(no_call_to_come(state).empty());

        state.active = "activating";
        state.processes = {"/bin/sh /var/lib/cloud/scripts/part-001", "systemctl restart sshd", "sleep 5"};
        CHECK(no_call_to_come(state).empty());

        for (const auto* waiting : {"systemctl restart containerd", "systemctl start kubelet.service",
                     "systemctl enable --now docker", "systemctl start eks-node.target"}) {
                CAPTURE(waiting);
                state.processes.back() = waiting;
                CHECK(no_call_to_come(state).find(waiting) != std::string::npos);
        }

        CHECK(no_call_to_come({.installed = true, .active = "active", .queued = false, .processes = {}})
                        .find("have ended") != std::string::npos);
        CHECK(no_call_to_come({.installed = true, .active = "failed", .queued = false, .processes = {}})
                        .find("have ended") != std::string::npos);
        CHECK(no_call_to_come({.installed = false, .active = "", .queued = false, .processes = {}})
                        .find("no cloud-init") != std::string::npos);
}

TEST_CASE("A missing call has another remedy where there is no command to call", "[config]")
{
        const test::TemporaryDirectory node;
        CHECK(call_missing(node.root(), "why")
                        .remedy()
                        .starts_with("Install eksnode's compatibility commands"));
        node.write("/etc/eks/bootstrap.sh", "");
        CHECK(call_missing(node.root(), "why").remedy().starts_with("Let the script in the user data call"));
}

TEST_CASE("A node without a cluster says that a call was refused, or that a script failed", "[config]")
{
        const test::TemporaryDirectory node;
        node.write("/run/cloud-init/result.json",
                R"({"v1": {"errors": ["Runparts: 1 failures (part-002) in 2 attempted commands"]}})");
        const auto failed = call_missing(node.root(), "the scripts have ended");
        CHECK(std::string(failed.what()) ==
                "no layer of the configuration names a cluster, and the scripts have ended; failed: part-002");

        for (const auto* damaged : {"", "{", "[]", R"({"command": 1})"}) {
                node.write(refused_call_path, damaged);
                CHECK_FALSE(refused_call(node.root()));
        }
        write_refused_call(node.root(), {"bootstrap.sh", "--foo is unknown", "See --help"});
        CHECK(node.mode(refused_call_path) == 0600);
        const auto refused = call_missing(node.root(), "the scripts have ended");
        CHECK(refused.failure().name == "call-missing");
        CHECK(refused.full_text() ==
                "no cluster is configured; bootstrap.sh was called and refused: --foo is unknown. See --help");
        // Without scripts in the user data, too; and not if a cluster is configured.
        const auto without = missing_cluster(resolve_node_layers(node.root()));
        REQUIRE(without);
        CHECK(without->failure().name == "config-missing");
        CHECK(without->full_text() == refused.full_text());
        node.write("/etc/eks/node.toml", "[cluster]\nname = 'a'\n");
        CHECK_FALSE(missing_cluster(resolve_node_layers(node.root())));
}

TEST_CASE("Scripts are waited for until one has called bootstrap.sh", "[config]")
{
        const ReferenceNode node;
        const auto user_data = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n--x\n"
                               "Content-Type: text/x-shellscript\n\n#!/bin/sh\n--x\n"
                               "Content-Type: application/node.eks.aws\n\n" +
                               test::node_config(test::reference_cluster) + "\n--x--\n";
        const auto kind = [&] {
                return file_in(planned(node, user_data), "/run/eks/enabled/user-scripts").kind;
        };
        node.write(imds_path, R"({"instanceId": "i-1"})");
        CHECK(kind() == File::Kind::regular);
        write_command_layer(node.root(), {"bootstrap", "i-2", Json::object()});
        CHECK(kind() == File::Kind::regular);
        CHECK_FALSE(was_called(node.root()));
        write_command_layer(node.root(), {"bootstrap", "i-1", Json::object()});
        CHECK(kind() == File::Kind::absent);
        CHECK(was_called(node.root()));
}
