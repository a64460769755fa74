// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "base/fs.hpp"
#include "fixture.hpp"
#include "steps/kubelet-config/kubelet_config.hpp"

using namespace eks;
using test::file_in;
using test::ReferenceNode;
using test::refusal;

namespace {

constexpr auto drop_in_path = "/etc/kubernetes/kubelet/config.json.d/40-nodeadm.conf";

Json rendered(const StepPlan& plan)
{
        return Json::parse(file_in(plan, "/etc/kubernetes/kubelet/config.json").content);
}
Json rendered(const NodeInputs& node)
{
        return rendered(plan_kubelet_config(node));
}
Json drop_in(const NodeInputs& node)
{
        return Json::parse(file_in(plan_kubelet_config(node), drop_in_path).content);
}

} // namespace

TEST_CASE("kubelet's configuration is the reference's, version by version", "[kubelet-config]")
{
        const ReferenceNode node;
        for (unsigned minor = 28; minor <= 37; ++minor) {
                CAPTURE(minor);
                auto wanted = Json::parse(test::reference("kubelet-config.json")); // of 1.34 and 1.35

                // Unlike nodeadm's, ours has no gate that is on by itself.
                wanted.erase("featureGates");
                wanted["kubeReserved"]["pid"] = "1000"; // nodeadm reserves none

                if (minor == 33)
                        wanted["featureGates"] = {{"DynamicResourceAllocation", true}};
                if (minor == 34)
                        wanted["featureGates"] = {{"MutableCSINodeAllocatableCount", true}};

                if (minor < 34) {
                        wanted.erase("shutdownGracePeriod");
                        wanted.erase("shutdownGracePeriodCriticalPods");
                }

                CHECK(rendered(node.inputs({}, {1, minor, 0})) == wanted);
                CHECK(rendered(node.inputs({}, {1, minor, 99})) == wanted);
        }
}

TEST_CASE("kubelet from 1.35 on is not started on cgroup v1, unless that is asked for", "[kubelet-config]")
{
        const ReferenceNode node;
        const auto on = [&](const std::string& spec, Version kubelet) {
                return refusal([&] { plan_kubelet_config(node.inputs(spec, kubelet)); });
        };

        CHECK(on({}, {1, 36, 0}).failure == "nothing"); // an image, whose host is not known

        node.write("/sys/fs/cgroup/memory/cgroup.procs", "");
        CHECK(on({}, {1, 34, 99}).failure == "nothing");

        const auto refused = on({}, {1, 35, 0});
        CHECK(refused.failure == "cgroup-v1");
        CHECK(refused.mentions("'/sys/fs/cgroup'"));
        CHECK(refused.remedy.find("failCgroupV1") != std::string::npos);
        CHECK(on("  kubelet: {config: {failCgroupV1: true}}\n", {1, 36, 0}).failure == "cgroup-v1");
        CHECK(on("  kubelet: {config: {failCgroupV1: false}}\n", {1, 36, 0}).failure == "nothing");
        CHECK(on("  kubelet: {flags: [--fail-cgroupv1=false]}\n", {1, 36, 0}).failure == "nothing");
        CHECK(on("  kubelet: {flags: [--fail-cgroupv1], config: {failCgroupV1: false}}\n", {1, 36, 0})
                        .failure == "cgroup-v1");

        for (const auto* value : {"0", "F", "False"})
                CHECK(on(fmt::format("  kubelet: {{flags: [--fail-cgroupv1={}]}}\n", value), {1, 36, 0})
                                .failure == "nothing");
        auto vendor = Json::parse(read_file(node(std::string(kubelet_config_template))));
        vendor["failCgroupV1"] = false;
        node.write(std::string(kubelet_config_template), vendor.dump());
        CHECK(on({}, {1, 36, 0}).failure == "nothing");

        // Which the user's configuration replaces as a whole.
        auto inputs = node.inputs("  kubelet: {config: {podsPerCore: 1}}\n", {1, 36, 0});
        inputs.spec.kubelet.config_replaces = true;
        CHECK(refusal([&] { plan_kubelet_config(inputs); }).failure == "cgroup-v1");

        node.write("/sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
        CHECK(on({}, {1, 36, 0}).failure == "nothing");
}

TEST_CASE("Three files are planned, again the same", "[kubelet-config]")
{
        const ReferenceNode node;
        const auto inputs = node.inputs("  kubelet: {config: {logging: {verbosity: 5}}}\n");
        const auto plan = plan_kubelet_config(inputs);
        REQUIRE(plan.files.size() == 3);
        CHECK(plan.notes.empty());

        const auto& link = file_in(plan, "/etc/kubernetes/kubelet/kubelet-config.json");
        CHECK(link.kind == File::Kind::link);
        CHECK(link.content == "config.json");
        CHECK(file_in(plan, "/etc/kubernetes/kubelet/config.json").mode == 0644);
        CHECK(file_in(plan, drop_in_path).mode == 0644);

        const auto again = plan_kubelet_config(inputs);
        for (std::size_t i = 0; i < plan.files.size(); ++i)
                CHECK(plan.files[i].content == again.files[i].content);
}

TEST_CASE("User settings become a drop-in and leave the configuration alone", "[kubelet-config]")
{
        const ReferenceNode node;
        const auto inputs = node.inputs(
                "  kubelet:\n    config: {logging: {verbosity: 5}, clusterDNS: [0.0.0.0, 1.1.1.1]}\n");
        CHECK(drop_in(inputs) == Json::parse(test::reference("kubelet-drop-in.json")));
        CHECK(rendered(inputs) == rendered(node.inputs()));

        const auto pods = node.inputs("  kubelet: {config: {maxPods: 5, kubeReserved: {cpu: 1}}}\n");
        auto wanted = rendered(node.inputs());
        wanted["kubeReserved"]["memory"] = "310Mi"; // of the pods that there will be: the user's
        CHECK(rendered(pods) == wanted);
        CHECK(drop_in(pods)["maxPods"] == 5);
}

TEST_CASE("Every user value is kept as it is, kind included", "[kubelet-config]")
{
        const ReferenceNode node;
        CHECK(drop_in(node.inputs("  kubelet: {config: {a: null, b: '', c: 0, d: false, e: [], f: {}, g: "
                                  "{h: <&>}, kind: Other}}\n")) ==
                Json::parse(
                        R"({"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "Other", "a": null, "b": "", "c": 0,
                                "d": false, "e": [], "f": {}, "g": {"h": "<&>"}})"));
}

TEST_CASE("Without user settings the drop-in is not wanted", "[kubelet-config]")
{
        const ReferenceNode node;
        for (const auto* spec : {"", "  kubelet: {config: {}}\n", "  kubelet: {flags: [--v=2]}\n"}) {
                CAPTURE(spec);
                CHECK(file_in(plan_kubelet_config(node.inputs(spec)), drop_in_path).kind ==
                        File::Kind::absent);
        }
}

TEST_CASE("Pods and reserved memory follow the instance type", "[kubelet-config]")
{
        struct Row {
                const char* type;
                unsigned pods;
                const char* memory;
        };

        const ReferenceNode node;

        for (const auto& row : {Row{"t3.medium", 17, "442Mi"}, Row{"m4.xlarge", 58, "893Mi"},
                     Row{"m7i.48xlarge", 737, "8362Mi"}}) {
                CAPTURE(row.type);
                auto inputs = node.inputs();
                inputs.facts.instance_type = row.type;
                const auto config = rendered(inputs);
                CHECK(config["maxPods"] == row.pods);
                CHECK(config["kubeReserved"] == Json{{"cpu", "70m"}, {"ephemeral-storage", "1Gi"},
                                                        {"memory", row.memory}, {"pid", "1000"}});
        }
}

TEST_CASE("Process ids are reserved, unless kubelet would limit the daemons to them", "[kubelet-config]")
{
        struct Row {
                const char* spec;
                bool reserved;
        };

        const ReferenceNode node;
        for (const auto& row : {Row{"", true},
                     Row{"  kubelet: {config: {enforceNodeAllocatable: [pods]}}\n", true},
                     Row{"  kubelet: {config: {enforceNodeAllocatable: [pods, kube-reserved-compressible]}}\n",
                             true},
                     Row{"  kubelet: {config: {enforceNodeAllocatable: [pods, kube-reserved]}}\n", false},
                     Row{"  kubelet: {flags: ['--enforce-node-allocatable=pods,kube-reserved']}\n", false},
                     Row{"  kubelet: {config: {enforceNodeAllocatable: [kube-reserved]}, "
                         "flags: ['--enforce-node-allocatable=pods']}\n",
                             true}}) {
                CAPTURE(row.spec);
                CHECK(rendered(node.inputs(row.spec))["kubeReserved"].contains("pid") == row.reserved);
        }
}

TEST_CASE("An unknown instance type gets kubelet's default of pods and a warning", "[kubelet-config]")
{
        const ReferenceNode node;
        auto inputs = node.inputs();
        inputs.facts.instance_type = "z9.tiny";
        const auto plan = plan_kubelet_config(inputs);
        CHECK(rendered(plan)["maxPods"] == 110);
        CHECK(rendered(plan)["kubeReserved"]["memory"] == "1465Mi");
        REQUIRE(plan.notes.size() == 1);
        CHECK(plan.notes[0].level == Level::warning);
        CHECK(plan.notes[0].text.find("'z9.tiny'") != std::string::npos);
        CHECK(plan.notes[0].text.find("kubelet.config.maxPods") != std::string::npos);
}

TEST_CASE("DNS follows the service range, IPv6 included", "[kubelet-config]")
{
        const ReferenceNode node;
        auto inputs = node.inputs();
        inputs.spec.cluster.service_cidr = parse_cidr("172.20.0.0/16").value();
        CHECK(rendered(inputs)["clusterDNS"] == Json{"172.20.0.10"});
        inputs.spec.cluster.service_cidr = parse_cidr("fd30:1c53:5f8a::/108").value();
        CHECK(rendered(inputs)["clusterDNS"] == Json{"fd30:1c53:5f8a::a"});
}

TEST_CASE("The configuration needs its facts, and names the one that is missing", "[kubelet-config]")
{
        const ReferenceNode node;
        struct Row {
                std::string InstanceFacts::*fact;
                const char* name;
        };

        for (const auto& row : {Row{&InstanceFacts::instance_type, "instanceType"},
                     Row{&InstanceFacts::instance_id, "instanceId"},
                     Row{&InstanceFacts::availability_zone, "availabilityZone"}}) {
                auto inputs = node.inputs();
                inputs.facts.*row.fact = "";
                const auto result = refusal([&] { plan_kubelet_config(inputs); });
                CHECK(result.failure == "facts-missing");
                CHECK(result.mentions(row.name));
        }
}

TEST_CASE("An invalid vendor file is reported as the vendor's", "[kubelet-config]")
{
        const ReferenceNode node;
        for (const auto* text : {"", "{", "nonsense", "{\"a\": 1e999}"}) {
                CAPTURE(text);
                node.write(kubelet_config_template, text);
                const auto result = refusal([&] { plan_kubelet_config(node.inputs()); });
                CHECK(result.failure == "vendor-file");
                CHECK(result.mentions(kubelet_config_template));
        }
        for (const auto* text : {"[]", "5", R"({"kubeReserved": 5})", R"({"featureGates": []})"}) {
                CAPTURE(text);
                node.write(kubelet_config_template, text);
                CHECK(refusal([&] { plan_kubelet_config(node.inputs()); }).failure == "vendor-file");
        }
}

TEST_CASE("An image may replace the vendor file, and what is computed is added to it", "[kubelet-config]")
{
        const ReferenceNode node;
        node.write(kubelet_config_template,
                R"({"kind": "KubeletConfiguration", "kubeReserved": {"pid": "100"}})");
        const auto config = rendered(node.inputs({}, {1, 32, 0}));
        CHECK(config ==
                Json::parse(R"({"kind": "KubeletConfiguration", "clusterDNS": ["10.100.0.10"], "maxPods": 58,
                "kubeReserved": {"pid": "100", "cpu": "70m", "memory": "893Mi"}, "providerID": "aws:///us-west-2f/i-1234567890abcdef0"})"));
}

TEST_CASE("The node's taints are in the configuration", "[kubelet-config]")
{
        const ReferenceNode node;
        auto inputs = node.inputs();
        CHECK_FALSE(rendered(inputs).contains("registerWithTaints"));
        inputs.facts.all = {{"tags", {{"team", "a"}}}};
        inputs.spec.registration.taints = {"team=${tag.team}:NoSchedule", "gpu:NoExecute"};
        for (const Version version : {Version{1, 23, 0}, Version{1, 36, 0}}) {
                inputs.versions.kubelet = version;
                CHECK(rendered(inputs)["registerWithTaints"] ==
                        Json::parse(R"([{"key": "team", "value": "a", "effect": "NoSchedule"},
                                        {"key": "gpu", "effect": "NoExecute"}])"));
        }
}

TEST_CASE("Pods do not get the stub of systemd-resolved as their name server", "[kubelet-config]")
{
        const ReferenceNode node;
        const auto resolv_conf = [&] {
                return rendered(node.inputs()).value("resolvConf", "kubelet's own");
        };

        CHECK(resolv_conf() == "kubelet's own");

        node.write("/etc/resolv.conf", "nameserver 10.0.0.2\n");
        CHECK(resolv_conf() == "kubelet's own");

        node.write("/etc/resolv.conf", "# of systemd-resolved\nnameserver 127.0.0.53\n");
        CHECK(resolv_conf() == "/run/systemd/resolve/resolv.conf");

        link_atomically(node.root()("/etc/resolv.conf"), "../run/systemd/resolve/resolv.conf");
        CHECK(resolv_conf() == "kubelet's own");

        link_atomically(node.root()("/etc/resolv.conf"), "../run/systemd/resolve/stub-resolv.conf");
        CHECK(resolv_conf() == "/run/systemd/resolve/resolv.conf");
}

TEST_CASE("Rules of both implementations of iptables cause a warning", "[kubelet-config]")
{
        const ReferenceNode node;
        const auto warned = [&] {
                const auto plan = plan_kubelet_config(node.inputs());
                return plan.notes.empty() ? std::string() : plan.notes.front().text;
        };

        node.write("/proc/net/ip_tables_names", "nat\nfilter\n");
        CHECK(warned().empty()); // there is no other implementation

        node.write("/usr/sbin/iptables", "");
        CHECK(warned().find("in use (nat, filter)") != std::string::npos);

        node.write("/proc/net/ip_tables_names", "");
        CHECK(warned().empty());
}

TEST_CASE("Swap that nobody has asked for is named, and kubelet starts with it", "[kubelet-config]")
{
        const ReferenceNode node;
        node.write("/proc/swaps", "Filename\t\t\tType\t\tSize\n");
        CHECK_FALSE(rendered(node.inputs()).contains("failSwapOn"));

        node.write("/proc/swaps", "Filename\t\t\tType\t\tSize\n/dev/zram0 partition 4\n/swap\tfile 8\n");
        auto inputs = node.inputs();

        for (const auto& [minor, behaviour] :
                {std::pair{29U, "LimitedSwap"}, {30U, "NoSwap"}, {36U, "NoSwap"}}) {
                inputs.versions.kubelet = {1, minor, 0};
                CHECK(rendered(inputs)["failSwapOn"] == false);
                CHECK(rendered(inputs)["memorySwap"] == nlohmann::json{{"swapBehavior", behaviour}});
        }

        CHECK(plan_kubelet_config(inputs).notes.back().text.starts_with("swap is on (/dev/zram0, /swap), "));

        // Before 1.30 kubelet refuses memorySwap, unless a gate is on.
        inputs.versions.kubelet = {1, 29, 0};
        CHECK(rendered(inputs)["featureGates"]["NodeSwap"] == true);

        inputs.versions.kubelet = {1, 36, 0};
        CHECK_FALSE(rendered(inputs)["featureGates"].contains("NodeSwap"));

        inputs.spec.kubelet.config["failSwapOn"] = true;
        CHECK_FALSE(rendered(inputs).contains("memorySwap"));
}

TEST_CASE("With swap that is configured, kubelet limits how pods use it", "[kubelet-config]")
{
        const ReferenceNode node;
        auto inputs = node.inputs();
        inputs.spec.host.swap = SwapSettings{.kind = SwapSettings::Kind::zram,
                .name = "zram",
                .directory = {},
                .source = "node.toml, line 1, column 1"};
        const auto notes = plan_kubelet_config(inputs).notes.size();

        for (const auto minor : {28U, 30U, 33U, 36U}) {
                CAPTURE(minor);
                inputs.versions.kubelet = {1, minor, 0};
                const auto config = rendered(inputs);
                CHECK(config["failSwapOn"] == false);
                CHECK(config["memorySwap"] == nlohmann::json{{"swapBehavior", "LimitedSwap"}});
                CHECK(config.value("featureGates", Json::object()).value("NodeSwap", false) == (minor < 30));
        }

        // kubelet takes no memorySwap without the gate.
        inputs.versions.kubelet = {1, 33, 0};
        inputs.spec.kubelet.flags = parse_kubelet_flags({"--feature-gates=A=true,NodeSwap=false"});
        CHECK_FALSE(rendered(inputs).contains("memorySwap"));

        inputs.spec.kubelet.flags = {};
        inputs.spec.kubelet.config["featureGates"]["NodeSwap"] = false;
        CHECK_FALSE(rendered(inputs).contains("memorySwap"));
        CHECK(rendered(inputs)["failSwapOn"] == false);

        inputs.spec.kubelet.config = nlohmann::json::object();
        node.write("/sys/fs/cgroup/memory/tasks", "");
        REQUIRE(plan_kubelet_config(inputs).notes.size() == notes + 1);
        CHECK(plan_kubelet_config(inputs).notes.back().text.find("cgroup v1") != std::string::npos);

        inputs.spec.host.swap->kind = SwapSettings::Kind::off;
        CHECK_FALSE(rendered(inputs).contains("failSwapOn"));
}
