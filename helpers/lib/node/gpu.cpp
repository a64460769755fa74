// SPDX-License-Identifier: Apache-2.0
#include "node/gpu.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include "base/ask_in_child.hpp"
#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

constexpr std::string_view pci_devices = "/sys/bus/pci/devices";
constexpr std::string_view driver = "/proc/driver/nvidia";

// Compute capability to architecture: the table of NVIDIA's CUDA programming guide.
struct Family {
        int major;
        int minor; // from this one on
        std::string_view name;
};
constexpr std::array families{Family{3, 0, "kepler"}, Family{5, 0, "maxwell"}, Family{6, 0, "pascal"},
        Family{7, 0, "volta"}, Family{7, 5, "turing"}, Family{8, 0, "ampere"}, Family{8, 9, "ada-lovelace"},
        Family{9, 0, "hopper"}, Family{10, 0, "blackwell"}, Family{12, 0, "blackwell"}};

std::string family_of(int major, int minor)
{
        std::string name = "undefined";
        for (const auto& family : families)
                if (family.major == major && family.minor <= minor)
                        name = family.name;
        return name;
}

class Gpus {
public:
        explicit Gpus(const Root& root) : root_(&root) {}

        Labels discover(
                const std::string& nvml, std::vector<Note>& notes, std::chrono::milliseconds deadline)
        {
                const auto count = count_devices();
                if (count == 0)
                        return {};

                add("gpu.present", "true");
                add("gpu.count", std::to_string(count));
                add("gpu.machine", text("/sys/class/dmi/id/product_name").value_or(""));
                read_driver();

                if (!nvml.empty())
                        ask_child(nvml, notes, deadline);

                return std::move(labels_);
        }

private:
        std::optional<std::string> text(std::string_view path) const
        {
                try {
                        if (const auto content = read_file_if_exists((*root_)(path)))
                                return std::string(trim(*content));
                } catch (const Error&) { // for a driver that is being loaded
                }
                return std::nullopt;
        }

        // A later, better source replaces an earlier one. Values that are not valid labels are left out.
        void add(std::string_view name, std::string value)
        {
                std::ranges::replace(value, ' ', '-');
                if (!value.empty() && wrong_label_value(value).empty())
                        labels_[fmt::format("nvidia.com/{}", name)] = std::move(value);
        }

        // Display controllers; switches and audio functions of the same vendor do not count.
        unsigned count_devices()
        {
                unsigned count = 0;
                for (const auto& device : list_directory((*root_)(pci_devices))) {
                        const auto file = [&](const char* name) {
                                return text(fmt::format("{}/{}/{}", pci_devices, device, name)).value_or("");
                        };

                        const auto kind = file("class");
                        if (file("vendor") != "0x10de" || !kind.starts_with("0x03"))
                                continue;

                        ++count;
                        add("gpu.mode", kind.starts_with("0x0302") ? "compute" : "graphics");
                }

                return count;
        }

        void read_driver()
        {
                // "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar …"
                const auto version = text(fmt::format("{}/version", driver)).value_or("");
                for (const auto line : lines(version))
                        if (line.starts_with("NVRM version:"))
                                for (const auto word : split(line, ' '))
                                        add_driver_version(word);

                for (const auto& gpu : list_directory((*root_)(fmt::format("{}/gpus", driver)))) {
                        const auto about =
                                text(fmt::format("{}/gpus/{}/information", driver, gpu)).value_or("");
                        for (const auto line : lines(about))
                                if (line.starts_with("Model:") &&
                                        !labels_.contains("nvidia.com/gpu.product"))
                                        add("gpu.product", std::string(trim(line.substr(6))));
                }
        }

        // Nothing if the word is not a version.
        void add_driver_version(std::string_view word)
        {
                const auto parts = split(word, '.');
                if (parts.size() < 2 || parts.size() > 3 ||
                        !std::ranges::all_of(parts,
                                [](std::string_view part) { return parse_int<unsigned>(part).has_value(); }))
                        return;

                add("cuda.driver-version.full", std::string(word));

                // Each has two names: the older one is obsolete, but charts still use it.
                constexpr std::array names{"major", "minor", "revision"};
                constexpr std::array older{"major", "minor", "rev"};

                for (std::size_t i = 0; i < parts.size(); ++i) {
                        add(fmt::format("cuda.driver-version.{}", names.at(i)), std::string(parts[i]));
                        add(fmt::format("cuda.driver.{}", older.at(i)), std::string(parts[i]));
                }
        }

        void ask_child(
                const std::string& path, std::vector<Note>& notes, std::chrono::milliseconds deadline);
        void ask_library(const std::string& path);

        const Root* root_;
        Labels labels_;
};

void Gpus::ask_library(const std::string& path)
{
        const Nvml nvml(path);
        using Device = Nvml::Device;

        std::array<char, 96> buffer{}; // NVML_DEVICE_NAME_V2_BUFFER_SIZE
        const unsigned size = buffer.size() - 1;
        if (nvml.call<int(char*, unsigned)>("nvmlSystemGetDriverVersion", buffer.data(), size) == 0)
                add_driver_version(buffer.data());

        if (int version = 0; nvml.call<int(int*)>("nvmlSystemGetCudaDriverVersion_v2", &version) == 0) {
                const auto major = std::to_string(version / 1000); // 12040 is 12.4
                const auto minor = std::to_string(version % 1000 / 10);
                add("cuda.runtime-version.full", fmt::format("{}.{}", major, minor));

                for (const auto* older : {"-version", ""}) {
                        add(fmt::format("cuda.runtime{}.major", older), major);
                        add(fmt::format("cuda.runtime{}.minor", older), minor);
                }
        }

        unsigned count = 0;
        if (nvml.call<int(unsigned*)>("nvmlDeviceGetCount_v2", &count) != 0 || count == 0)
                return;

        add("gpu.count", std::to_string(count));

        // As with GPU Feature Discovery, the first device speaks for all.
        Device device = nullptr;
        if (nvml.call<int(unsigned, Device*)>("nvmlDeviceGetHandleByIndex_v2", 0U, &device) != 0)
                return;

        if (nvml.call<int(Device, char*, unsigned)>("nvmlDeviceGetName", device, buffer.data(), size) == 0)
                add("gpu.product", buffer.data());

        if (Nvml::Memory memory{};
                nvml.call<int(Device, void*)>( // its type is NVML's own
                        "nvmlDeviceGetMemoryInfo", device, static_cast<void*>(&memory)) == 0)
                add("gpu.memory", std::to_string(memory.total >> 20U)); // MiB

        int major = 0;
        int minor = 0;
        if (nvml.call<int(Device, int*, int*)>(
                    "nvmlDeviceGetCudaComputeCapability", device, &major, &minor) == 0) {
                add("gpu.compute.major", std::to_string(major));
                add("gpu.compute.minor", std::to_string(minor));
                add("gpu.family", family_of(major, minor));
        }

        unsigned mode = 0;
        unsigned pending = 0;
        const bool mig = nvml.call<int(Device, unsigned*, unsigned*)>(
                                 "nvmlDeviceGetMigMode", device, &mode, &pending) == 0;
        add("mig.capable", mig ? "true" : "false");
}

void Gpus::ask_child(const std::string& path, std::vector<Note>& notes, std::chrono::milliseconds deadline)
{
        const auto answer = ask_in_child(
                [&] {
                        labels_.clear();
                        ask_library(path);
                        std::vector<std::string> found;
                        for (const auto& [key, value] : labels_)
                                found.push_back(fmt::format("{}={}", key, value));
                        return found;
                },
                deadline);
        if (!answer.wrong.empty())
                notes.push_back({Level::warning,
                        fmt::format("'{}' cannot be used ({}): the labels that need it are left out, "
                                    "proceeding",
                                path, answer.wrong)});

        for (const auto& line : answer.lines)
                if (const auto equals = line.find('='); equals != line.npos)
                        labels_[line.substr(0, equals)] = line.substr(equals + 1);
}

} // namespace

Labels gpu_labels(const Root& root, const std::string& nvml, std::vector<Note>& notes,
        std::chrono::milliseconds deadline)
{
        return Gpus(root).discover(nvml, notes, deadline);
}

} // namespace eks
