// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iterator>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "base/json.hpp"
#include "node/locked_gates.hpp"
#include "support.hpp"
#include "verbs/validate/kubelet_schema.hpp"
#include "verbs/validate/kubelet_values.hpp"
#include "verbs/validate/report.hpp"

using namespace eks;
using namespace std::string_literals;

namespace {

KubeletSchema schema()
{
        const test::TemporaryDirectory root;
        root.write("/usr/share/eks/kubelet/schema.json",
                test::source_file("helpers/data/share/kubelet/schema.json"));
        return *KubeletSchema::of(root.root());
}

// What kubelet 1.`minor` says of a configuration in JSON and of flags, as "KEY: wrong" and with '~' if it is
// ignored.
std::vector<std::string> found(
        const std::string& config, unsigned minor, const std::vector<std::string>& flags = {})
{
        static const auto table = schema();
        const KubeletSpec spec{.config = Json::parse(config), .flags = parse_kubelet_flags(flags)};
        std::vector<std::string> all;
        auto findings = table.unknown_names(spec, minor);
        std::ranges::copy(table.check(spec, minor), std::back_inserter(findings));
        for (const auto& finding : findings)
                all.push_back((finding.ignored ? "~" : "") + finding.key + ": " + finding.wrong);
        return all;
}

using Texts = std::vector<std::string>;

} // namespace

TEST_CASE("A value that kubelet refuses is found with its key", "[validate]")
{
        struct Row {
                const char* config;
                const char* finding;
        };
        const auto row = GENERATE(values<Row>({
                {R"({"maxPod": 5})",
                        "~kubelet.config.maxPod: kubelet has no such field; did you mean 'maxPods'?"},
                {R"({"swapBehavior": "NoSwap"})",
                        "~kubelet.config.swapBehavior: kubelet has no such field; it is kubelet.config.memorySwap.swapBehavior"},
                {R"({"maxPodsExpression": "1"})",
                        "~kubelet.config.maxPodsExpression: kubelet has no such field; eksnode has it as kubelet.maxPodsExpression"},
                {R"({"labels": {}})",
                        "~kubelet.config.labels: kubelet has no such field; eksnode has it as node.labels"},
                {R"({"shutdownGracePeriod": 30})",
                        "kubelet.config.shutdownGracePeriod: must be a duration with a unit, such as \"30s\" or \"2m30s\""},
                {R"({"kubeReserved": {"memory": "10MB"}})",
                        "kubelet.config.kubeReserved.memory: must be a quantity, not negative, such as \"100Mi\""},
                {R"({"evictionHard": {"memory.available": "101%"}})",
                        "kubelet.config.evictionHard.\"memory.available\": must be a share from 0% to 100%"},
                {R"({"cgroupDriver": "Systemd"})",
                        "kubelet.config.cgroupDriver: must be one of cgroupfs, systemd; did you mean 'systemd'?"},
                {R"({"featureGates": {"InPlacePodVerticalScalling": true}})",
                        "kubelet.config.featureGates.InPlacePodVerticalScalling: kubelet has no such feature gate; did you mean "
                        "'InPlacePodVerticalScaling'?"},
                {R"({"enforceNodeAllocatable": ["pods", "system-reservd"]})",
                        "kubelet.config.enforceNodeAllocatable[1]: kubelet enforces no such limit; it is one of pods, none, "
                        "system-reserved, kube-reserved, system-reserved-compressible, kube-reserved-compressible"},
                {R"({"enforceNodeAllocatable": ["pods", "pods"]})",
                        "kubelet.config.enforceNodeAllocatable[1]: 'pods' is there twice"},
                {R"({"tlsCipherSuites": ["TLS_AES_128_GCM_SHA256", "TLS_NONE"]})",
                        "kubelet.config.tlsCipherSuites[1]: Go has no such cipher suite"},
                {R"({"evictionHard": {"memory.availble": "5%"}})",
                        "kubelet.config.evictionHard.\"memory.availble\": kubelet has no such eviction signal; did you mean "
                        "'memory.available'?"},
                {R"({"kubeReserved": {"cpus": "1"}})",
                        "kubelet.config.kubeReserved.cpus: kubelet reserves no such resource; it is one of cpu, memory, "
                        "ephemeral-storage, pid"},
                {R"({"featureGates": {"SystemdWatchdog": false}})",
                        "kubelet.config.featureGates.SystemdWatchdog: kubelet locks this feature gate to true"},
                {R"({"oomScoreAdj": -2000})",
                        "kubelet.config.oomScoreAdj: must be between -1000 and 1000, inclusive"},
        }));
        INFO(row.config);
        CHECK(found(row.config, 36) == Texts{row.finding});
}

TEST_CASE("A flag that stands for a field is judged as the field", "[validate]")
{
        struct Row {
                const char* flag;
                const char* wrong;
        };
        const auto row = GENERATE(values<Row>({
                {"--eviction-hard=memory.availble<5%",
                        "memory.availble: kubelet has no such eviction signal; did you mean 'memory.available'?"},
                {"--eviction-hard=memory.available<101%",
                        "memory.available: must be a share from 0% to 100%"},
                {"--eviction-hard=memory.available=5%",
                        "must be pairs SIGNAL<THRESHOLD with commas between them"},
                {"--eviction-soft=memory.available<5%",
                        "memory.available: needs an entry in evictionSoftGracePeriod"},
                {"--system-reserved=cpu=1x", "cpu: must be a quantity, not negative, such as \"100Mi\""},
                {"--kube-reserved=cpus=1",
                        "cpus: kubelet reserves no such resource; it is one of cpu, memory, ephemeral-storage, pid"},
                {"--kube-reserved=cpu", "must be pairs NAME=VALUE with commas between them"},
                {"--cpu-manager-policy=statik", "must be one of none, static; did you mean 'static'?"},
                {"--feature-gates=InPlacePodVerticalScalling=true",
                        "InPlacePodVerticalScalling: kubelet has no such feature gate; did you mean "
                        "'InPlacePodVerticalScaling'?"},
                {"--feature-gates=NodeSwap=maybe",
                        "must be pairs GATE=true or GATE=false with commas between them"},
                {"--cluster-dns=10.0.0.300", "'10.0.0.300' is not an IP address"},
                {"--enforce-node-allocatable=pods,system-reservd",
                        "'system-reservd': kubelet enforces no such limit; it is one of pods, none, "
                        "system-reserved, kube-reserved, system-reserved-compressible, kube-reserved-compressible"},
                {"--oom-score-adj=-2000", "must be between -1000 and 1000, inclusive"},
                {"--pods-per-core=3000000000", "must be a whole number of 32 bits"},
                {"--reserved-cpus=3-1", "must be a list of CPUs, such as \"0-1,8\""},
                {"--container-log-max-size=5MB", "must be a quantity above 0, such as \"10Mi\""},
        }));
        INFO(row.flag);
        CHECK(found("{}", 34, {row.flag}) == Texts{fmt::format("kubelet.flags[0]: {}", row.wrong)});
}

TEST_CASE("Flags are merged with the configuration as kubelet does it", "[validate]")
{
        const auto minor = GENERATE(24U, 30U, 37U);
        CHECK(found("{}", minor,
                {"--eviction-hard=memory.available<100Mi,nodefs.available<10%", "--max-pods=58", "--v=0x2",
                        "--system-reserved=cpu=100m,memory=1Gi", "--kube-reserved", "memory=1Gi",
                        "--eviction-soft=memory.available<10%",
                        "--eviction-soft-grace-period=memory.available=1m30s", "--cpu-manager-policy=none",
                        "--cluster-dns=10.0.0.10,fd00::a", "--serialize-image-pulls=false",
                        "--oom-score-adj=-998", "--feature-gates=AllAlpha=false",
                        "--reserved-memory=0:memory=1Gi", "--cluster-dns=", "--register-node",
                        "--pod-max-pids=010"})
                        .empty());

        // A map of a flag replaces that of the file, gates join it, and lists and maps of several flags add
        // up.
        CHECK(found(R"({"kubeReserved": {"cpus": "1"}})", minor, {"--kube-reserved=cpu=1"}).empty());
        CHECK(found(R"({"featureGates": {"AllAlphas": false}})", minor, {"--feature-gates=AllBeta=true"}) ==
                Texts{"kubelet.config.featureGates.AllAlphas: kubelet has no such feature gate; did you mean "
                      "'AllAlpha'?"});
        CHECK(found("{}", minor, {"--kube-reserved=cpus=1", "--v=2", "--kube-reserved=cpu=1"}) ==
                Texts{"kubelet.flags[0]: cpus: kubelet reserves no such resource; it is one of cpu, memory, "
                      "ephemeral-storage, pid"});
        CHECK(found(
                R"({"shutdownGracePeriod": "10s", "evictionSoftGracePeriod": {"memory.available": "1m"}})",
                minor, {"--eviction-soft=memory.available<5%"})
                        .empty());
}

TEST_CASE("Options of the CPU and topology manager have versions, gates and values", "[validate]")
{
        const auto cpu = [](const std::string& options, const std::string& more = "") {
                return R"({"cpuManagerPolicy": "static", "cpuManagerPolicyOptions": )" + options + more +
                       "}";
        };
        const auto option = [](const std::string& name, const std::string& wrong) {
                return Texts{"kubelet.config.cpuManagerPolicyOptions." + name + ": " + wrong};
        };
        const auto* const pcpus = R"({"full-pcpus-only": "true"})";
        const auto* const strict = R"({"strict-cpu-reservation": "true"})";
        const auto* const socket = R"({"align-by-socket": "true"})";
        const auto* const alpha = R"(, "featureGates": {"CPUManagerPolicyAlphaOptions": true})";

        for (const auto minor : {24U, 29U, 32U, 33U, 37U})
                CHECK(found(cpu(pcpus), minor).empty());
        CHECK(found(cpu(pcpus, R"(, "featureGates": {"CPUManagerPolicyBetaOptions": false})"), 32) ==
                option("full-pcpus-only",
                        "needs the feature gate CPUManagerPolicyBetaOptions, which is off"));
        CHECK(found(cpu(pcpus, R"(, "featureGates": {"CPUManagerPolicyBetaOptions": false})"), 33).empty());
        CHECK(found(cpu(strict), 31) ==
                option("strict-cpu-reservation", "kubelet has this option from 1.32 on"));
        CHECK(found(cpu(strict), 32) ==
                option("strict-cpu-reservation",
                        "needs the feature gate CPUManagerPolicyAlphaOptions, which is off"));
        CHECK(found(cpu(strict, alpha), 32).empty());
        CHECK(found(cpu(strict, R"(, "featureGates": {"AllAlpha": true})"), 32).empty());
        CHECK(found(cpu(strict), 33).empty());
        CHECK(found(cpu(R"({"full-pcpus-only": "yes"})"), 34) ==
                option("full-pcpus-only", "must be \"true\" or \"false\""));
        CHECK(found(cpu(R"({"full-pcpu-only": "true"})"), 34) ==
                option("full-pcpu-only",
                        "kubelet has no such option; it is one of align-by-socket, "
                        "distribute-cpus-across-cores, distribute-cpus-across-numa, full-pcpus-only, "
                        "prefer-align-cpus-by-uncorecache, strict-cpu-reservation"));

        CHECK(found(cpu(socket, alpha), 34).empty());
        CHECK(found(cpu(socket, alpha + R"(, "topologyManagerPolicy": "single-numa-node")"s), 34).size() ==
                1);
        CHECK(found(cpu(R"({"full-pcpus-only": "true", "distribute-cpus-across-cores": "true"})", alpha),
                      34) ==
                option("full-pcpus-only", "must not be on beside distribute-cpus-across-cores"));
        CHECK(found(
                cpu(R"({"full-pcpus-only": "true", "distribute-cpus-across-cores": "false"})", alpha), 34)
                        .empty());
        CHECK(found(cpu(R"({"full-pcpus-only": "true", "distribute-cpus-across-numa": "true"})"), 34)
                        .empty());

        CHECK(found(R"({"cpuManagerPolicyOptions": {"full-pcpus-only": "true"}})", 34) ==
                Texts{"kubelet.config.cpuManagerPolicyOptions: needs cpuManagerPolicy = static"});
        CHECK(found(R"({"cpuManagerPolicyOptions": {}})", 34).empty());
        CHECK(found("{}", 34,
                {"--cpu-manager-policy=static", "--cpu-manager-policy-options=full-pcpus-only=true"})
                        .empty());

        const auto* const numa =
                R"({"topologyManagerPolicyOptions": {"prefer-closest-numa-nodes": "true"}})";
        CHECK(found(numa, 27).size() == 2); // the gate of all options, and that of alpha ones
        CHECK(found(numa, 28).empty());
        CHECK(found(R"({"topologyManagerPolicyOptions": {"max-allowable-numa-nodes": "16"}})", 31).empty());
        CHECK(found(R"({"topologyManagerPolicyOptions": {"max-allowable-numa-nodes": "4"}})", 31) ==
                Texts{"kubelet.config.topologyManagerPolicyOptions.max-allowable-numa-nodes: must be a whole number "
                      "from 8"});
}

TEST_CASE("Rules between reserved CPUs, memory and cgroups", "[validate]")
{
        CHECK(found(R"({"reservedSystemCPUs": "0-1", "kubeReservedCgroup": "/runtime"})", 34) ==
                Texts{"kubelet.config.kubeReservedCgroup: must not be set beside reservedSystemCPUs"});
        CHECK(found(
                R"({"reservedSystemCPUs": "0-1", "kubeReservedCgroup": "", "systemReservedCgroup": ""})", 34)
                        .empty());
        CHECK(found(R"({"kubeReservedCgroup": "/a"})", 34, {"--reserved-cpus=0"}).size() == 1);

        CHECK(found(
                R"({"reservedMemory": [{"numaNode": 0, "limits": {"memory": "1Gi", "hugepages-2Mi": "2Mi"}},
                                           {"numaNode": 1, "limits": {"memory": "1Gi"}}]})",
                34)
                        .empty());
        CHECK(found(R"({"reservedMemory": [{"numaNode": 0, "limits": {"memory": "1Gi"}},
                                           {"limits": {"memory": "1Gi", "cpu": "1"}},
                                           {"numaNode": 1, "limits": {"memory": "0"}}]})",
                      34) ==
                Texts{"kubelet.config.reservedMemory[1].limits.cpu: must be memory or hugepages-SIZE, such as "
                      "hugepages-2Mi",
                        "kubelet.config.reservedMemory[1].limits.memory: is there twice for this NUMA node",
                        "kubelet.config.reservedMemory[2].limits.memory: must be above 0"});

        CHECK(found(R"({"enforceNodeAllocatable": ["pods", "system-reserved", "system-reserved-compressible"]})",
                      34) ==
                Texts{"kubelet.config.enforceNodeAllocatable[1]: 'system-reserved' must not be beside "
                      "'system-reserved-compressible'"});

        CHECK(found(R"({"memorySwap": {"swapBehavior": "limitedSwap"}})", 34) ==
                Texts{"kubelet.config.memorySwap.swapBehavior: must be one of NoSwap, LimitedSwap; did you mean "
                      "'LimitedSwap'?"});
        CHECK(found(R"({"memorySwap": {"swapBehavior": ""}})", 34).empty());
        CHECK(found(R"({"memorySwapBehavior": "NoSwap"})", 34) ==
                Texts{"~kubelet.config.memorySwapBehavior: kubelet has no such field; it is "
                      "kubelet.config.memorySwap.swapBehavior"});
}

TEST_CASE("What only some versions of kubelet take is judged by the version", "[validate]")
{
        CHECK(found(R"({"podLogsDir": "/var/log"})", 29) ==
                Texts{"~kubelet.config.podLogsDir: kubelet has this field from 1.30 on"});
        CHECK(found(R"({"podLogsDir": "/var/log"})", 30).empty());
        CHECK(found(R"({"memorySwap": {"swapBehavior": "UnlimitedSwap"}})", 32).size() == 1);
        CHECK(found("{}", 26, {"--container-runtime=remote"}).empty());
        CHECK(found("{}", 27, {"--container-runtime=remote"}) ==
                Texts{"kubelet.flags[0]: kubelet has no such flag from 1.27 on"});
        CHECK(found("{}", 34, {"--v=x", "--node-ip=1.2.3.4"}) ==
                Texts{"kubelet.flags[0]: must be a whole number from 0"});
}

TEST_CASE("A configuration that kubelet takes has no findings", "[validate]")
{
        const auto minor = GENERATE(range(24U, 38U));
        CHECK(found(R"({
                "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
                "maxPods": 58, "clusterDNS": ["10.100.0.10"], "evictionHard": {"memory.available": "100Mi", "nodefs.available": "10%"},
                "kubeReserved": {"cpu": "70m", "memory": "574Mi"}, "shutdownGracePeriod": "30s",
                "shutdownGracePeriodCriticalPods": "10s", "featureGates": {"AllAlpha": false},
                "logging": {"verbosity": 2, "flushFrequency": 5000000000}, "registerWithTaints": [{"key": "a", "effect": "NoSchedule"}],
                "serializeImagePulls": false, "podPidsLimit": null})",
                minor, {"--v=2", "--node-labels=a=b", "--register-node"})
                        .empty());
}

// Two tables: that of the boot, which only knows locks, and that of the versions.
TEST_CASE("A gate that is locked in one table is locked in the other", "[validate]")
{
        for (const auto& gate : locked_gates()) {
                const auto config = Json{{"featureGates", {{std::string(gate.name), !gate.value}}}}.dump();
                INFO(gate.name << " from 1." << gate.minor);
                CHECK(found(config, gate.minor).size() == 1);
        }
}

TEST_CASE("Durations and quantities are read as Go and Kubernetes read them", "[validate]")
{
        CHECK(go_duration("2m30s") == 150);
        CHECK(go_duration("1.5h") == 5400);
        CHECK(go_duration("-5s") == -5);
        CHECK(go_duration("0") == 0);
        for (const auto* wrong : {"", "30", "5 s", "1d", "s", "1..5s", "5s "})
                CHECK_FALSE(go_duration(wrong));

        CHECK(quantity("100Mi") == 104857600);
        CHECK(quantity("70m") == Approx(0.07));
        CHECK(quantity("1e3") == 1000);
        CHECK(quantity("1E") == 1e18);
        CHECK(quantity("-1") == -1);
        for (const auto* wrong : {"", "10MB", "ten", "1.2.3", "5 Mi", "Mi", "1e"})
                CHECK_FALSE(quantity(wrong));

        CHECK(is_cpu_set("0-3,8"));
        for (const auto* wrong : {"0-", "3-1", "a", "0-1-2"})
                CHECK_FALSE(is_cpu_set(wrong));
}

TEST_CASE("Findings have a form for programs and one for GitHub", "[validate]")
{
        Findings findings;
        findings.problems.add(
                Where{"node.yaml", 3, 5}, "swap", "zran", "must be one of zram, off", "Write one");
        findings.problems.add("no cluster, nowhere", "Name one");
        findings.notes.push_back({Level::warning, "user-data:a,b.mime, line 2, column 1: 100% ignored"});

        CHECK(github_of(findings) ==
                "::error file=node.yaml,line=3,col=5::swap = \"zran\": must be one of zram, off. Write one\n"
                "::error::no cluster, nowhere. Name one\n"
                "::warning file=a%2Cb.mime,line=2,col=1::100%25 ignored\n");

        const auto report = Json::parse(json_of(findings));
        CHECK(report["valid"] == false);
        CHECK(report["findings"][0] ==
                Json{{"severity", "error"}, {"file", "node.yaml"}, {"line", 3}, {"column", 5},
                        {"message", "swap = \"zran\": must be one of zram, off"}, {"hint", "Write one"}});
        CHECK(report["findings"][1] ==
                Json{{"severity", "error"}, {"message", "no cluster, nowhere"}, {"hint", "Name one"}});
}

TEST_CASE("A finding that was there before a change is not new, although its line has moved", "[validate]")
{
        Findings before;
        before.problems.add(
                "node.toml, line 2, column 1: a: wrong, see node.toml, line 9, column 1", "mend a");
        before.notes.push_back({Level::warning, "node.toml, line 3, column 1: b is ignored"});
        Findings after;
        after.problems.add(
                "node.toml, line 7, column 1: a: wrong, see node.toml, line 19, column 1", "mend a");
        after.problems.add("node.toml, line 8, column 1: c: wrong", "mend c");
        after.notes.push_back({Level::warning, "node.toml, line 13, column 1: b is ignored"});
        after.notes.push_back({Level::warning, "node.toml, line 14, column 1: b is ignored"});
        after.notes.push_back({Level::info, "EKS is asked"});

        const auto added = new_findings(before, after);
        CHECK(added.problems.texts() == Texts{"node.toml, line 8, column 1: c: wrong"});
        REQUIRE(added.notes.size() == 1);
        CHECK(added.notes[0].text == "node.toml, line 14, column 1: b is ignored");
        CHECK(new_findings(after, before).problems.empty());
        CHECK(new_findings({}, after).notes.size() == 2);
}
