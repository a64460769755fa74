// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <functional>

#include <fmt/format.h>

#include "base/text.hpp"
#include "fixture.hpp"
#include "node/max_pods.hpp"
#include "node/reservations.hpp"
#include "steps/kubelet-config/kubelet_config.hpp"

using namespace eks;
using test::file_in;
using test::ReferenceNode;

namespace {

Json rendered(const StepPlan& plan)
{
        return Json::parse(file_in(plan, std::string(kubelet_config_path)).content);
}
Json rendered(const NodeInputs& node)
{
        return rendered(plan_kubelet_config(node));
}

// NodeConfig has no such keys: they are TOML's.
NodeInputs inputs(
        const ReferenceNode& node, const ReservationSettings& settings, const std::string& spec = {})
{
        auto inputs = node.inputs(spec);
        inputs.spec.kubelet.reservations = settings;
        return inputs;
}

void set_memory(const ReferenceNode& node, std::uint64_t mib)
{
        node.write("/proc/meminfo", "MemTotal: " + std::to_string(mib * 1024) + " kB\n");
}

// Every instance type that we know, with its number of vCPUs (0 if the table does not say).
void for_each_type(const ReferenceNode& node,
        const std::function<void(const std::string&, const InstanceType&, unsigned)>& check)
{
        const auto table = test::source_file("helpers/data/share/instance-types.tsv");
        std::size_t types = 0;

        for (const auto line : split(table, '\n')) {
                const auto columns = split(line, '\t');
                if (line.starts_with('#') || columns.size() < 4 || columns[0] == "instance_type")
                        continue;

                const auto type = find_instance_type(node.root(), columns[0]);
                REQUIRE(type);

                check(std::string(columns[0]), *type, parse_int<unsigned>(columns[3]).value_or(0));
                ++types;
        }

        CHECK(types > 1000);
}

} // namespace

TEST_CASE("CPU is reserved by the number of cores", "[reservations]")
{
        struct Row {
                unsigned cores;
                unsigned reserved;
        };
        const ReferenceNode node;

        for (const auto& row :
                {Row{1, 60}, Row{2, 70}, Row{3, 75}, Row{4, 80}, Row{8, 90}, Row{16, 110}, Row{96, 310}}) {
                CAPTURE(row.cores);
                CHECK(reserved_millicpus(row.cores * 1000) == row.reserved);
                node.set_cpus(row.cores);
                CHECK(rendered(node.inputs())["kubeReserved"]["cpu"] == std::to_string(row.reserved) + "m");
        }

        // the larger ones of the EKS images' own list
        for (const auto& row :
                {Row{32, 150}, Row{48, 190}, Row{64, 230}, Row{128, 390}, Row{192, 550}, Row{448, 1190}})
                CHECK(reserved_millicpus(row.cores * 1000) == row.reserved);

        // fractions of a range are rounded down, each on its own
        CHECK(reserved_millicpus(0) == 0);
        CHECK(reserved_millicpus(1) == 0);
        CHECK(reserved_millicpus(500) == 30);
        CHECK(reserved_millicpus(1999) == 69);
        CHECK(reserved_millicpus(4399) == 80);
        CHECK(reserved_millicpus(896'000) == 2310);
}

TEST_CASE("CPUs that cannot be counted are those of the instance type", "[reservations]")
{
        const ReferenceNode node;
        node.write("/sys/devices/system/cpu/online", "garbage\n");
        const auto plan = plan_kubelet_config(node.inputs());
        CHECK(rendered(plan)["kubeReserved"]["cpu"] == "80m");
        CHECK(plan.notes.empty());
}

TEST_CASE("Without CPUs in sysfs and in the table there is a warning, not a failure", "[reservations]")
{
        const ReferenceNode node;
        node.write("/sys/devices/system/cpu/online", "garbage\n");
        node.write(
                instance_types_path, "# source\ninstance_type\tmax_enis\tipv4_per_eni\nx9.large\t3\t10\n");
        const auto plan = plan_kubelet_config(node.inputs());
        CHECK(rendered(plan)["kubeReserved"]["cpu"] == "0m");

        const auto note = std::ranges::find_if(plan.notes, [](const Note& one) {
                return one.text.find("no CPU is reserved for kubelet, proceeding") != std::string::npos;
        });

        REQUIRE(note != plan.notes.end());
        CHECK(note->level == Level::warning);
}

TEST_CASE("Memory is reserved for the pods that kubelet will run", "[reservations]")
{
        struct Row {
                const char* spec;
                const char* memory;
        };
        const ReferenceNode node;

        for (const auto& row : {Row{"", "893Mi"}, Row{"  kubelet: {config: {maxPods: 110}}\n", "1465Mi"},
                     Row{"  kubelet: {flags: [--max-pods=20]}\n", "475Mi"},
                     Row{"  kubelet: {config: {maxPods: 110}, flags: [--max-pods=20]}\n", "475Mi"}})
                for (unsigned minor = 23; minor <= 37; ++minor) {
                        CAPTURE(row.spec, minor);
                        const auto config = rendered(node.inputs(row.spec, {1, minor, 0}));
                        CHECK(config["kubeReserved"]["memory"] == row.memory);
                        CHECK(config["kubeReserved"]["ephemeral-storage"] == "1Gi");
                }
}

TEST_CASE("GKE's tiers of memory", "[reservations]")
{
        struct Row {
                std::uint64_t machine;
                std::uint64_t reserved;
        };

        for (const auto& row : {Row{0, 255}, Row{512, 255}, Row{1023, 255}, Row{1024, 256}, Row{2048, 512},
                     Row{4096, 1024}, Row{8192, 1843}, Row{16384, 2662}, Row{65536, 5611}, Row{131072, 9543},
                     Row{262144, 12165}, Row{25165824, 510238}}) {
                CAPTURE(row.machine);
                CHECK(gke_reserved_mib(row.machine) == row.reserved);
        }

        const ReferenceNode node;
        set_memory(node, 16384);
        std::vector<Note> notes;
        const auto reserved = kube_reserved(inputs(node, {.policy = "gke"}), 58, notes);
        CHECK(reserved.cpu == "70m");
        CHECK(reserved.memory == "2662Mi");
        CHECK(reserved.why == "gke policy: tiers of the machine's 16384 MiB");
        CHECK(notes.empty());
        CHECK(rendered(inputs(node, {.policy = "gke"}))["kubeReserved"] ==
                Json{{"cpu", "70m"}, {"ephemeral-storage", "1Gi"}, {"memory", "2662Mi"}, {"pid", "1000"}});
}

TEST_CASE("A machine whose memory is unknown reserves by its pods", "[reservations]")
{
        const ReferenceNode node;
        std::vector<Note> notes;
        const auto reserved =
                kube_reserved(inputs(node, {.policy = "gke", .memory_limit_percent = 1}), 58, notes);
        CHECK(reserved.memory == "893Mi");
        CHECK(reserved.why == "eks policy: 11 MiB x 58 pods + 255 MiB");
        REQUIRE(notes.size() == 2);

        for (const auto& note : notes) {
                CHECK(note.level == Level::warning);
                CHECK(note.text.ends_with("proceeding"));
        }

        CHECK(notes[0].text.find("the policy eks") != std::string::npos);
        CHECK(notes[1].text.find("memoryLimitPercent") != std::string::npos);

        // who does not ask for it need not know it
        notes.clear();
        CHECK(kube_reserved(inputs(node, {}), 58, notes).memory == "893Mi");
        CHECK(notes.empty());
}

TEST_CASE("A share of the machine's memory is the most", "[reservations]")
{
        const ReferenceNode node;
        set_memory(node, 4096);
        std::vector<Note> notes;
        const auto cut = kube_reserved(inputs(node, {.memory_limit_percent = 10}), 58, notes);
        CHECK(cut.memory == "409Mi");
        CHECK(cut.why == "eks policy: 11 MiB x 58 pods + 255 MiB, cut to 10 % of the machine's 4096 MiB");
        CHECK(kube_reserved(inputs(node, {.memory_limit_percent = 50}), 58, notes).memory == "893Mi");
        CHECK(kube_reserved(inputs(node, {.policy = "gke", .memory_limit_percent = 20}), 58, notes).memory ==
                "819Mi");
        CHECK(notes.empty());
}

TEST_CASE("Policies that write nothing", "[reservations]")
{
        const ReferenceNode node;
        for (const auto* policy : {"none", "explicit"}) {
                const auto plan = plan_kubelet_config(inputs(
                        node, {.policy = policy}, "  kubelet: {config: {kubeReserved: {cpu: 1m}}}\n"));
                CHECK_FALSE(rendered(plan).contains("kubeReserved"));
                CHECK(Json::parse(file_in(plan, "/etc/kubernetes/kubelet/config.json.d/40-nodeadm.conf")
                                          .content)["kubeReserved"] == Json{{"cpu", "1m"}});

                std::vector<Note> notes;
                CHECK(kube_reserved(inputs(node, {.policy = policy}), 58, notes)
                                .why.starts_with(policy + std::string(" policy: ")));
        }

        // where the file is all there is, the user's is alone in it
        auto old = inputs(node, {.policy = "explicit"}, "  kubelet: {config: {kubeReserved: {cpu: 1m}}}\n");
        old.versions.kubelet = {1, 27, 0};
        CHECK(rendered(old)["kubeReserved"] == Json{{"cpu", "1m"}});
}

TEST_CASE("systemReserved and the eviction thresholds can be switched", "[reservations]")
{
        const ReferenceNode node;
        const auto plain = rendered(node.inputs());
        CHECK_FALSE(plain.contains("systemReserved"));
        CHECK(plain.contains("evictionHard"));

        const auto both = rendered(inputs(node, {.system_reserved = true, .eviction_hard = false}));
        CHECK(both["systemReserved"] ==
                Json{{"cpu", "50m"}, {"ephemeral-storage", "256Mi"}, {"memory", "384Mi"}, {"pid", "100"}});
        CHECK_FALSE(both.contains("evictionHard"));
}

TEST_CASE("Images on another filesystem than kubelet's have eviction thresholds of their own",
        "[reservations]")
{
        const ReferenceNode node;
        const auto is_separate = [&](const char* storage) {
                const auto config = rendered(
                        node.inputs(fmt::format("  instance: {{localStorage: {{{}}}}}\n", storage).c_str()));
                return config["evictionHard"].contains("imagefs.available");
        };

        CHECK_FALSE(is_separate("strategy: RAID0"));
        CHECK(is_separate("strategy: RAID0, disabledMounts: [Containerd]"));
        CHECK_FALSE(is_separate("strategy: RAID0, disabledMounts: [PodLogs]"));
        CHECK_FALSE(is_separate("strategy: Mount, disabledMounts: [Containerd]"));

        auto volume = node.inputs();
        volume.spec.storage.separate_images = true;
        CHECK(rendered(volume)["evictionHard"] ==
                Json{{"imagefs.available", "15%"}, {"imagefs.inodesFree", "5%"},
                        {"memory.available", "100Mi"}, {"nodefs.available", "10%"},
                        {"nodefs.inodesFree", "5%"}});

        volume.spec.kubelet.reservations.eviction_hard = false;
        CHECK_FALSE(rendered(volume).contains("evictionHard"));
}

TEST_CASE("With CPUs reserved by number, no cgroups are enforced beside them, which kubelet would refuse",
        "[reservations]")
{
        const ReferenceNode node;
        for (const auto* spec : {"  kubelet: {config: {reservedSystemCPUs: '0,1'}}\n",
                     "  kubelet: {flags: [--reserved-cpus=0]}\n"}) {
                const auto config = rendered(node.inputs(spec));
                CHECK_FALSE(config.contains("kubeReservedCgroup"));
                CHECK_FALSE(config.contains("systemReservedCgroup"));
        }

        for (const auto* spec : {"", "  kubelet: {config: {reservedSystemCPUs: ''}}\n"}) {
                const auto config = rendered(node.inputs(spec));
                CHECK(config["kubeReservedCgroup"] == "/runtime");
                CHECK(config["systemReservedCgroup"] == "/system");
        }
}

TEST_CASE("The formulas hold for every instance type", "[reservations]")
{
        const ReferenceNode node;
        std::vector<Note> notes;
        for_each_type(node, [&](const std::string& name, const InstanceType& type, unsigned vcpus) {
                CAPTURE(name);
                const auto pods = standard_max_pods(type);
                CHECK(eks_reserved_mib(pods) == 255 + 11 * pods);

                const auto cpu = reserved_millicpus(vcpus * 1000);
                CHECK(cpu <= vcpus * 60); // never more than the share of the first core
                if (vcpus > 0) {
                        const double cores = vcpus;
                        const auto tiers =
                                0.06 * std::min(cores, 1.0) + 0.01 * std::clamp(cores - 1, 0.0, 1.0) +
                                0.005 * std::clamp(cores - 2, 0.0, 2.0) + 0.0025 * std::max(cores - 4, 0.0);
                        CHECK(std::abs(tiers * 1000 - cpu) < 1);
                }

                // A machine of half a GiB a vCPU is the smallest that EC2 has.
                const std::uint64_t machine = std::max(vcpus, 1U) * 512ULL;
                CHECK(gke_reserved_mib(machine) < machine);
                CHECK(gke_reserved_mib(machine) <= gke_reserved_mib(machine + 512));
        });

        set_memory(node, 1024); // each of them on a t3.micro's memory
        for_each_type(node, [&](const std::string& name, const InstanceType& type, unsigned) {
                CAPTURE(name);
                const auto pods = standard_max_pods(type);
                const auto limited = kube_reserved(inputs(node, {.memory_limit_percent = 25}), pods, notes);
                CHECK(limited.memory == std::to_string(std::min(eks_reserved_mib(pods), 256U)) + "Mi");
        });

        CHECK(notes.empty());
}
