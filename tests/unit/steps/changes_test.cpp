// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include <catch2/catch.hpp>

#include "config/kubelet_files.hpp"
#include "containerd/files.hpp"
#include "node/hosts_block.hpp"
#include "steps/changes.hpp"
#include "support.hpp"
#include "systemd/daemons.hpp"

using namespace eks;

namespace {

// A node that has taken a configuration over, and what it would be given now.
class Node : public test::TemporaryDirectory {
public:
        Node()
        {
                for (const auto* gate : {"cluster", "containerd-volume", "hosts", "registry-mirrors",
                             "sandbox-image", "soci-snapshotter", "sysctl", "user-scripts"})
                        set_gate(gate, false);
                config("{}");
                file("eks-ca", "/etc/kubernetes/pki/ca.crt");
                file("eks-containerd-config", "/etc/containerd/config.toml");
                file("eks-containerd-config", "/etc/soci-snapshotter-grpc/config.toml");
                file("eks-kubelet-config", "/etc/kubernetes/kubelet/config.json");
                file("eks-registry-mirrors", "/etc/containerd/certs.d/docker.io/hosts.toml");
                file("eks-sysctl", "/run/sysctl.d/99-zz-eks.conf");
        }

        void settle()
        {
                for (const auto& step : steps_)
                        for (const auto& one : step.plan.files)
                                put_in_place(root(), one);
        }
        void file(const std::string& step, const std::string& path, const std::string& content = "one")
        {
                put(step, {.path = path, .content = content});
        }
        void config(const std::string& spec)
        {
                put("eks-config",
                        {.path = "/run/eks/node.json", .content = "{\"spec\": " + spec + "}", .mode = 0600});
        }
        void set_gate(const std::string& name, bool open)
        {
                put("eks-config", {.path = "/run/eks/enabled/" + name,
                                          .content = {},
                                          .kind = open ? File::Kind::regular : File::Kind::absent});
        }

        Changes changes(const std::vector<std::string>& pending = {})
        {
                return find_changes(root(), steps_, {.pending = pending});
        }
        // As after the scripts of the user data: eks-config has run again, and kubelet has not started.
        std::vector<std::string> actions_before_kubelet(const Decision& before)
        {
                const auto config = std::ranges::find(steps_, "eks-config", &PlannedStep::name);
                for (const auto& one : config->plan.files)
                        put_in_place(root(), one);
                auto others = steps_;
                std::erase_if(others, [](const PlannedStep& step) { return step.name == "eks-config"; });

                std::vector<std::string> texts;
                for (const auto& action : find_changes(root(), others, {.before = before}).actions)
                        texts.push_back(text_of(action));

                return texts;
        }
        std::vector<std::string> actions(const std::vector<std::string>& pending = {})
        {
                std::vector<std::string> texts;
                for (const auto& action : changes(pending).actions)
                        texts.push_back(text_of(action));
                return texts;
        }

private:
        void put(const std::string& name, const File& file)
        {
                auto step = std::ranges::find(steps_, name, &PlannedStep::name);
                if (step == steps_.end())
                        step = steps_.insert(steps_.end(), {*names_.insert(name).first, {}, std::nullopt});

                auto& files = step->plan.files;
                const auto known = std::ranges::find(files, file.path, &File::path);
                if (known == files.end())
                        files.push_back(file);
                else
                        *known = file;
        }

        std::set<std::string> names_;
        std::vector<PlannedStep> steps_;
};

using Texts = std::vector<std::string>;

} // namespace

TEST_CASE("The table of readers has the files of the steps", "[apply]")
{
        CHECK(readers_of(containerd_config_path).front() == "containerd.service");
        CHECK(readers_of(soci_config_path).front() == "soci-snapshotter.service");
        for (const auto path : {kubelet_config_path, kubelet_config_link})
                CHECK(readers_of(path).front() == "kubelet.service");
}

TEST_CASE("A node that has its configuration needs nothing", "[changes]")
{
        Node node;
        node.settle();
        CHECK(node.changes().files.empty());
        CHECK(node.actions().empty());
}

TEST_CASE("Only the steps whose files change run again, and only their daemons restart", "[changes]")
{
        Node node;
        node.settle();
        node.config("{\"kubelet\": {}}");
        CHECK(node.actions() == Texts{"run eks-config.service"});

        node.file("eks-kubelet-config", "/etc/kubernetes/kubelet/config.json", "two");
        CHECK(node.actions() == Texts{"run eks-config.service", "run eks-kubelet-config.service",
                                        "restart kubelet.service"});

        const auto changes = node.changes();
        REQUIRE(changes.files.size() == 2);
        CHECK(changes.files[1].daemon == "kubelet.service");
        CHECK(changes.files[1].outcome == Outcome::written);
}

TEST_CASE("kubelet restarts with containerd, once, and the sandbox image is seen to", "[changes]")
{
        Node node;
        node.set_gate("sandbox-image", true);
        node.settle();
        node.file("eks-containerd-config", "/etc/containerd/config.toml", "two");
        const Texts restarts{"run eks-config.service", "run eks-containerd-config.service",
                "restart containerd.service", "restart eks-sandbox-image.service with containerd",
                "restart kubelet.service with containerd"};
        CHECK(node.actions() == restarts);

        node.file("eks-ca", "/etc/kubernetes/pki/ca.crt", "two");
        auto with_ca = restarts;
        with_ca.insert(with_ca.begin() + 1, "run eks-ca.service");
        CHECK(node.actions() == with_ca);
}

TEST_CASE("No daemon restarts for what is read when it is needed", "[changes]")
{
        Node node;
        node.set_gate("registry-mirrors", true);
        node.set_gate("sysctl", true);
        node.settle();
        node.file("eks-registry-mirrors", "/etc/containerd/certs.d/docker.io/hosts.toml", "two");
        node.file("eks-sysctl", "/run/sysctl.d/99-zz-eks.conf", "two");
        CHECK(node.actions() == Texts{"run eks-config.service", "run eks-registry-mirrors.service",
                                        "run eks-sysctl.service"});
}

TEST_CASE("A daemon restarts for its own variables, and each for those of all services", "[changes]")
{
        Node node;
        node.set_gate("environment", true);
        node.set_gate("soci-snapshotter", true);
        node.settle();
        const Texts run{"run eks-config.service", "run eks-environment.service"};
        const auto with = [&](Texts restarts) {
                restarts.insert(restarts.begin(), run.begin(), run.end());
                return restarts;
        };

        node.file("eks-environment", "/run/eks/environment/site-agent", "two");
        CHECK(node.actions() == run); // the step sees to it
        CHECK(node.changes().files.back().daemon == "site-agent.service");

        node.file("eks-environment", "/run/eks/environment/kubelet", "two");
        CHECK(node.actions() == with({"restart kubelet.service"}));

        node.file("eks-environment", "/run/eks/environment/default", "two");
        CHECK(node.actions() == with({"restart soci-snapshotter.service", "restart containerd.service",
                                        "restart kubelet.service with containerd"}));
}

TEST_CASE("Daemons that read the system's certificates restart when these change", "[changes]")
{
        Node node;
        node.set_gate("soci-snapshotter", true);
        node.settle();
        node.set_gate("trust", true);
        node.file("eks-ca", "/etc/kubernetes/pki/ca.crt", "two");
        node.file("eks-trust", "/run/eks/trust.pem", "two");
        CHECK(node.actions() == Texts{"run eks-config.service", "run eks-trust.service",
                                        "run eks-ca.service", "restart soci-snapshotter.service",
                                        "restart containerd.service",
                                        "restart kubelet.service with containerd"});
}

TEST_CASE("A gate that opens has its step run, one that closes has it undo and stop", "[changes]")
{
        Node node;
        node.set_gate("sysctl", true);
        node.settle();
        node.set_gate("sysctl", false);
        node.set_gate("registry-mirrors", true);
        node.set_gate("hosts", true);
        node.set_gate("user-scripts", true); // they run at boot
        const auto changes = node.changes();
        CHECK(changes.opened == Texts{"hosts", "registry-mirrors"});
        CHECK(changes.closed == Texts{"sysctl"});
        CHECK(node.actions() == Texts{"run eks-config.service", "run eks-registry-mirrors.service",
                                        "run eks-hosts.service",
                                        "run eks-sysctl.service, and stop it: it is no longer needed"});
}

TEST_CASE("soci-snapshotter starts before containerd uses it, and stops after that", "[changes]")
{
        Node node;
        node.settle();
        node.set_gate("soci-snapshotter", true);
        node.file("eks-containerd-config", "/etc/containerd/config.toml", "two");
        node.file("eks-containerd-config", "/etc/soci-snapshotter-grpc/config.toml", "two");
        CHECK(node.actions() == Texts{"run eks-config.service", "run eks-containerd-config.service",
                                        "start soci-snapshotter.service", "restart containerd.service",
                                        "restart kubelet.service with containerd"});

        node.settle();
        node.file("eks-containerd-config", "/etc/soci-snapshotter-grpc/config.toml", "three");
        CHECK(node.actions() == Texts{"run eks-config.service", "run eks-containerd-config.service",
                                        "restart soci-snapshotter.service"});

        node.set_gate("soci-snapshotter", false);
        node.file("eks-containerd-config", "/etc/containerd/config.toml", "three");
        CHECK(node.actions() == Texts{"run eks-config.service", "run eks-containerd-config.service",
                                        "restart containerd.service", "stop soci-snapshotter.service",
                                        "restart kubelet.service with containerd"});
}

TEST_CASE("A changed endpoint has eks-hosts look again", "[changes]")
{
        Node node;
        node.set_gate("hosts", true);
        node.settle();
        node.config("{\"cluster\": {\"apiServerEndpoint\": \"https://b.example\"}}");
        CHECK(node.actions() == Texts{"run eks-config.service", "run eks-hosts.service"});
}

TEST_CASE("eks-hosts runs again as long as /etc/hosts is not as it is to be", "[changes]")
{
        constexpr auto outpost =
                "{\"cluster\": {\"enableOutpost\": true, \"apiServerEndpoint\": \"https://a.example:6443\"}}";
        const Texts again{"run eks-config.service", "run eks-hosts.service"};
        Node node;
        node.set_gate("hosts", true);
        node.config(outpost);
        node.settle();
        CHECK(node.actions() == again); // it failed, say

        node.write("/etc/hosts", "10.0.0.1 a.example.org\n");
        CHECK(node.actions() == again);

        node.write("/etc/hosts", "10.0.0.1 a.example\n");
        CHECK(node.actions().empty());

        node.config(
                "{\"cluster\": {\"enableOutpost\": true, \"apiServerEndpoint\": \"https://a.example:6443\\n\"}}");
        node.settle();
        CHECK(node.actions().empty());

        node.config("{}");
        node.settle();
        CHECK(node.actions().empty());

        node.write("/etc/hosts", std::string(hosts_block_begin) + "\n10.0.0.1 a.example\n# END eksnode\n");
        CHECK(node.actions() == again); // a block that is no longer needed

        node.set_gate("hosts", false);
        node.settle();
        CHECK(node.actions().empty());
}

TEST_CASE("containerd's volume is for the next boot, or for a containerd that does not run", "[changes]")
{
        Node node;
        node.settle();
        node.set_gate("containerd-volume", true);
        node.config("{\"containerd\": {\"volume\": {\"device\": \"sdf\"}}}");
        CHECK(node.changes().needs_stop == "containerd.volume");
        CHECK(node.changes().at_boot.empty());

        node.settle();
        node.config("{\"containerd\": {\"volume\": {\"device\": \"sdg\"}}}");
        CHECK(node.changes().needs_stop.empty());
        CHECK(node.changes().at_boot == Texts{"containerd.volume"});
        CHECK(node.actions() == Texts{"run eks-config.service"});
}

TEST_CASE("The instance store is for the next boot, or for a containerd that does not run", "[changes]")
{
        Node node;
        node.settle();
        node.set_gate("instance-store", true);
        node.config("{\"instance\": {\"localStorage\": {\"strategy\": \"RAID0\"}}}");
        CHECK(node.changes().needs_stop == "instance.localStorage");
        CHECK(node.changes().at_boot.empty());

        node.settle();
        node.config("{\"instance\": {\"localStorage\": {\"strategy\": \"Mount\"}}}");
        CHECK(node.changes().needs_stop.empty());
        CHECK(node.changes().at_boot == Texts{"instance.localStorage"});
}

TEST_CASE("Swap is changed by its step, also when it is no longer configured", "[changes]")
{
        Node node;
        node.set_gate("swap", false);
        node.settle();
        node.set_gate("swap", true);
        node.config(R"({"swap": "zram"})");
        const Texts again{"run eks-config.service", "run eks-swap.service"};
        CHECK(node.actions() == again);
        node.file("eks-kubelet-config", "/etc/kubernetes/kubelet/config.json", "two");
        CHECK(node.actions() == Texts{"run eks-config.service", "run eks-swap.service",
                                        "run eks-kubelet-config.service", "restart kubelet.service"});
        node.settle();
        node.config(R"({"swap": "zram", "swapSize": "4Gi"})");
        CHECK(node.actions() == again);
        node.settle();
        node.config("{}"); // the gate is open as long as swap is on
        CHECK(node.actions() == again);
        node.settle();
        node.set_gate("swap", false);
        node.config(R"({"profile": "a"})");
        CHECK(node.actions() == Texts{"run eks-config.service"});
}

TEST_CASE("An edit by hand that is kept is named, and causes no action", "[changes]")
{
        Node node;
        node.settle();
        node.write("/etc/kubernetes/kubelet/config.json", "mine");
        REQUIRE(node.changes().files.size() == 1);
        CHECK(node.changes().files[0].outcome == Outcome::edit_stands);
        CHECK(node.actions().empty());

        node.file("eks-kubelet-config", "/etc/kubernetes/kubelet/config.json", "two");
        CHECK(node.changes().files[0].outcome == Outcome::edit_kept_beside);
        CHECK(node.actions().back() == "restart kubelet.service");
}

TEST_CASE("A restart that a take-over did not come to is made up for", "[changes]")
{
        Node node;
        node.settle();
        CHECK(node.actions({"kubelet.service"}) ==
                Texts{"run eks-config.service", "restart kubelet.service"});
        CHECK(node.actions({"containerd.service", "kubelet.service"}) ==
                Texts{"run eks-config.service", "restart containerd.service",
                        "restart kubelet.service with containerd"});
}

TEST_CASE("EKS is asked again about a cluster that cluster.json does not tell of", "[changes]")
{
        Node node;
        node.settle();
        node.config(R"({"cluster": {"name": "blue"}})");
        node.set_gate("cluster", true);
        CHECK(node.actions() == Texts{"run eks-config.service", "run eks-cluster.service"});
        node.settle();
        node.write(cluster_path, R"({"cluster": {"name": "blue"}})");
        node.config(R"({"cluster": {"name": "blue"}, "x": 1})");
        CHECK(node.actions() == Texts{"run eks-config.service"});
        node.config(R"({"cluster": {"name": "red"}})");
        CHECK(node.actions() == Texts{"run eks-config.service", "run eks-cluster.service"});
        node.settle();
        node.config("{}");
        node.set_gate("cluster", false);
        CHECK(node.actions() == Texts{"run eks-config.service", "stop eks-cluster.service"});
}

TEST_CASE("Before kubelet starts, the steps run again, containerd restarts, and nothing of kubelet does",
        "[changes]")
{
        Node node;
        node.set_gate("sandbox-image", true);
        node.settle();
        const auto before = present_decision(node.root());
        CHECK(node.actions_before_kubelet(before).empty());

        node.file("eks-kubelet-config", "/etc/kubernetes/kubelet/config.json", "two");
        CHECK(node.actions_before_kubelet(before) == Texts{"run eks-kubelet-config.service"});

        node.file("eks-containerd-config", "/etc/containerd/config.toml", "two");
        CHECK(node.actions_before_kubelet(before) == Texts{"run eks-containerd-config.service",
                                                             "run eks-kubelet-config.service",
                                                             "restart containerd.service"});
}

TEST_CASE("Before kubelet starts, gates that a script opened or closed are followed", "[changes]")
{
        Node node;
        node.set_gate("sysctl", true);
        node.settle();
        const auto before = present_decision(node.root());
        node.set_gate("sysctl", false);
        node.set_gate("registry-mirrors", true);
        CHECK(node.actions_before_kubelet(before) ==
                Texts{"run eks-registry-mirrors.service",
                        "run eks-sysctl.service, and stop it: it is no longer needed"});
}

TEST_CASE("Before kubelet starts, a disk below containerd's files is mounted by a restart", "[changes]")
{
        Node node;
        node.settle();
        const auto before = present_decision(node.root());
        node.set_gate("containerd-volume", true);
        CHECK(node.actions_before_kubelet(before) == Texts{"restart containerd.service"});
}
