// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include <catch2/catch.hpp>

#include "node/gpu.hpp"
#include "support.hpp"

using namespace eks;
using test::TemporaryDirectory;
using namespace std::chrono_literals;

namespace {

class Machine : public TemporaryDirectory {
public:
        void add_device(const std::string& name, const std::string& kind, const std::string& vendor) const
        {
                write("/sys/bus/pci/devices/" + name + "/class", kind + "\n");
                write("/sys/bus/pci/devices/" + name + "/vendor", vendor + "\n");
        }
        void add_gpus() const
        {
                add_device("0000:00:1b.0", "0x030200", "0x10de");
                add_device("0000:00:1c.0", "0x030200", "0x10de");
                add_device("0000:00:1d.0", "0x068000", "0x10de"); // a switch
                write("/sys/class/dmi/id/product_name", "g5.24xlarge\n");
        }
        void add_driver(const std::string& version) const
        {
                write("/proc/driver/nvidia/version",
                        "NVRM version: " + version + "\nGCC version:  gcc 12.2.0\n");
                write("/proc/driver/nvidia/gpus/0000:00:1b.0/information",
                        "Model: \t\t NVIDIA A10G\nIRQ:   \t\t 40\n");
                write("/proc/driver/nvidia/gpus/0000:00:1c.0/information", "Model: \t\t Other\n");
        }

        Labels labels(const std::string& nvml = {}, std::chrono::milliseconds deadline = 60s)
        {
                Labels found;
                notes.clear();

                for (const auto& [key, value] : gpu_labels(root(), nvml, notes, deadline)) {
                        CHECK(key.starts_with("nvidia.com/"));
                        CHECK(refused_to_kubelets(key).empty());
                        CHECK(wrong_label_key(key).empty());
                        CHECK(wrong_label_value(value).empty());
                        found.emplace(key.substr(11), value);
                }

                return found;
        }

        std::vector<Note> notes;
};

const Labels bus{{"gpu.count", "2"}, {"gpu.machine", "g5.24xlarge"}, {"gpu.mode", "compute"},
        {"gpu.present", "true"}};

Labels with(Labels labels, const Labels& more)
{
        labels.insert(more.begin(), more.end());
        return labels;
}

} // namespace

TEST_CASE("A machine without an NVIDIA display controller has no GPU labels", "[gpu]")
{
        Machine machine;
        CHECK(machine.labels().empty());
        machine.add_device("0000:00:03.0", "0x030000", "0x1d0f");
        machine.add_device("0000:00:1d.0", "0x068000", "0x10de");
        machine.add_driver("NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5");
        CHECK(machine.labels(FAKE_NVML).empty());
}

TEST_CASE("Without the driver there is what the bus says", "[gpu]")
{
        Machine machine;
        machine.add_gpus();
        CHECK(machine.labels() == bus);

        machine.write("/sys/class/dmi/id/product_name", "not (a label)\n");
        CHECK_FALSE(machine.labels().contains("gpu.machine"));

        Machine other;
        other.add_device("0000:00:1b.0", "0x030000", "0x10de");
        CHECK(other.labels().at("gpu.mode") == "graphics");
}

TEST_CASE("The driver adds its version and the product", "[gpu]")
{
        Machine machine;
        machine.add_gpus();

        for (const auto* text :
                {"NVIDIA UNIX x86_64 Kernel Module  535.129.03  Thu Oct 19 18:56:32 UTC 2023",
                        "NVIDIA UNIX Open Kernel Module for x86_64  535.129.03  Release Build  (dvs@x)"}) {
                machine.add_driver(text);
                CHECK(machine.labels() ==
                        with(bus, {{"cuda.driver-version.full", "535.129.03"},
                                          {"cuda.driver-version.major", "535"},
                                          {"cuda.driver-version.minor", "129"},
                                          {"cuda.driver-version.revision", "03"},
                                          {"cuda.driver.major", "535"}, {"cuda.driver.minor", "129"},
                                          {"cuda.driver.rev", "03"}, {"gpu.product", "NVIDIA-A10G"}}));
        }

        machine.add_driver("something else");
        CHECK(machine.labels() == with(bus, {{"gpu.product", "NVIDIA-A10G"}}));
}

TEST_CASE("The management library adds what only it knows", "[gpu]")
{
        Machine machine;
        machine.add_gpus();
        const auto labels = machine.labels(FAKE_NVML);
        CHECK(machine.notes.empty());
        CHECK(labels ==
                with(bus,
                        {{"cuda.driver-version.full", "550.54.15"}, {"cuda.driver-version.major", "550"},
                                {"cuda.driver-version.minor", "54"}, {"cuda.driver-version.revision", "15"},
                                {"cuda.driver.major", "550"}, {"cuda.driver.minor", "54"},
                                {"cuda.driver.rev", "15"}, {"cuda.runtime-version.full", "12.4"},
                                {"cuda.runtime-version.major", "12"}, {"cuda.runtime-version.minor", "4"},
                                {"cuda.runtime.major", "12"}, {"cuda.runtime.minor", "4"},
                                {"gpu.compute.major", "8"}, {"gpu.compute.minor", "6"},
                                {"gpu.family", "ampere"}, {"gpu.memory", "23028"},
                                {"gpu.product", "NVIDIA-A10G"}, {"mig.capable", "false"}}));
        CHECK(machine.labels(FAKE_NVML) == labels); // it was shut down in between
}

TEST_CASE("A library that cannot be used is a warning", "[gpu]")
{
        Machine machine;
        machine.add_gpus();
        CHECK(machine.labels("/nonexistent/libnvidia-ml.so.1") == bus);
        REQUIRE(machine.notes.size() == 1);
        CHECK(machine.notes[0].level == Level::warning);
        CHECK(machine.notes[0].text.ends_with(", proceeding"));

        ::setenv("EKS_FAKE_NVML", "fail", 1);
        CHECK(machine.labels(FAKE_NVML) == bus);

        ::unsetenv("EKS_FAKE_NVML");
        REQUIRE(machine.notes.size() == 1);
        CHECK(machine.notes[0].text.find("nvmlInit_v2 gives 9") != std::string::npos);
}

TEST_CASE("A driver that hangs or kills costs its labels, no more", "[gpu]")
{
        Machine machine;
        machine.add_gpus();

        for (const auto* way : {"hang", "crash"}) {
                CAPTURE(way);
                ::setenv("EKS_FAKE_NVML", way, 1);
                CHECK(machine.labels(FAKE_NVML, std::string_view(way) == "hang" ? 100ms : 60'000ms) == bus);
                ::unsetenv("EKS_FAKE_NVML");
                REQUIRE(machine.notes.size() == 1);
                CHECK(machine.notes[0].text.find("it does not answer") != std::string::npos);
        }
}

TEST_CASE("Nothing of a foreign tree is loaded", "[gpu]")
{
        const Machine machine;
        machine.write("/usr/lib64/libnvidia-ml.so.1", "x");
        CHECK(nvml_library(machine.root()).empty());
}
