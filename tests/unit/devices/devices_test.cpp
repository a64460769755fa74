// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "base/log.hpp"
#include "steps/efa/efa.hpp"
#include "steps/neuron/neuron.hpp"
#include "support.hpp"

using namespace eks;
using namespace std::chrono_literals;
using test::refusal;
using test::TemporaryDirectory;

namespace {

constexpr auto pages = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";

void add(const TemporaryDirectory& machine, const std::string& address, const std::string& device)
{
        machine.write("/sys/bus/pci/devices/" + address + "/vendor", "0x1d0f\n");
        machine.write("/sys/bus/pci/devices/" + address + "/device", device + "\n");
}

// A step on that machine; what it did, or how it was refused.
struct Run {
        test::Refusal refused;
        std::string summary;
        std::vector<std::string> started;
};

template <typename Step>
Run run(const TemporaryDirectory& machine, const Step& step, const std::function<bool()>& modprobe)
{
        const Log log("test", Level::err);
        const auto root = machine.root();
        Context context(root, log);
        Run result;
        const StartUnit start = [&](const std::string& unit, std::chrono::milliseconds) {
                result.started.push_back(unit);
                return modprobe();
        };

        result.refused = refusal([&] { step(context, start); });
        result.summary = context.summary();

        return result;
}

} // namespace

TEST_CASE("Neuron devices and adapters are told from Amazon's other devices", "[neuron][efa]")
{
        const TemporaryDirectory machine;
        add(machine, "0000:00:05.0", "0xec20"); // a network interface
        add(machine, "0000:00:04.0", "0x8061"); // a disk
        CHECK(known_devices(machine.root()).neuron.empty());
        CHECK(known_devices(machine.root()).efa.empty());

        add(machine, "0000:00:06.0", "0xefa2");
        add(machine, "0000:00:07.0", "0xEFA1");

        for (const auto* device : {"0x7064", "0x7067", "0x7164", "0x7264", "0x7364"})
                add(machine, std::string("0000:01:") + (device + 2), device);
        CHECK(known_devices(machine.root()).efa.size() == 2);
        CHECK(known_devices(machine.root()).neuron.size() == 5);
}

TEST_CASE("The Neuron driver is loaded, and has made its nodes", "[neuron]")
{
        const TemporaryDirectory machine;
        machine.write("/dev/neuron_core", "");
        const auto load = [&](const std::function<bool()>& modprobe) {
                return run(
                        machine,
                        [&](Context& context, const StartUnit& start) {
                                load_neuron(context, known_devices(machine.root()).neuron, start, 3s);
                        },
                        modprobe);
        };

        CHECK(load([] { return true; }).refused.mentions("there is no Neuron device"));

        add(machine, "0000:00:1e.0", "0x7264");
        const auto hangs = load([] { return false; });
        CHECK(hangs.refused.failure == "neuron-driver-failed");
        CHECK(hangs.refused.mentions("within 3 seconds"));

        const auto missing = load([] { return true; });
        CHECK(missing.refused.mentions("'neuron'"));
        CHECK(missing.started == std::vector<std::string>{"modprobe@neuron.service"});

        const auto idle = load([&] {
                machine.write("/sys/module/neuron/version", "2.29");
                return true;
        });

        CHECK(idle.refused.mentions("no device in /dev"));

        machine.write("/dev/neuron0", "");
        const auto found = load([] { return false; });
        CHECK(found.refused.failure == "nothing");
        CHECK(found.summary == "found the driver; 1 device nodes");
        CHECK(found.started.empty());
}

TEST_CASE("The EFA driver is loaded, or it is said why not", "[efa]")
{
        const TemporaryDirectory machine;
        const auto load = [&](const std::function<bool()>& modprobe) {
                return run(
                        machine,
                        [&](Context& context, const StartUnit& start) {
                                load_efa(context, known_devices(machine.root()).efa, start, 3s);
                        },
                        modprobe);
        };

        CHECK(load([] { return true; }).refused.mentions("there is no Elastic Fabric Adapter"));

        add(machine, "0000:00:1e.0", "0xefa2");
        CHECK(load([] { return false; }).refused.mentions("within 3 seconds"));

        const auto missing = load([] { return true; });
        CHECK(missing.refused.failure == "efa-driver-failed");
        CHECK(missing.started == std::vector<std::string>{"modprobe@efa.service"});

        const auto loaded = load([&] {
                machine.write("/sys/module/efa/version", "3.1.0");
                return true;
        });

        CHECK(loaded.summary == "loaded the driver");
        CHECK(load([] { return false; }).summary == "found the driver");
}

TEST_CASE("Huge pages are as many as EKS's images have, and few on a small machine", "[efa]")
{
        constexpr std::uint64_t gib = 1U << 20U; // in KiB
        CHECK(efa_huge_pages(1152 * gib) == 5128);
        CHECK(efa_huge_pages(192 * gib) == 5128);
        CHECK(efa_huge_pages(128 * gib) == 4096);
        CHECK(efa_huge_pages(0) == 0);
}

TEST_CASE("Huge pages that are there are not taken away", "[efa]")
{
        const TemporaryDirectory machine;
        machine.write("/proc/meminfo", "MemTotal:       134217728 kB\nMemFree: 1 kB\n");
        machine.write(pages, "12\n");
        const auto set = [&] {
                return run(
                        machine, [](Context& context, const StartUnit&) { set_huge_pages(context); },
                        [] { return true; });
        };

        CHECK(set().summary == "set 4096 huge pages aside (were 12)");
        CHECK(machine.read(pages) == "4096\n");
        CHECK(set().summary == "4096 huge pages are set aside");

        machine.write(pages, "9000\n");
        CHECK(set().summary == "9000 huge pages are set aside");
        CHECK(machine.read(pages) == "9000\n");
}
