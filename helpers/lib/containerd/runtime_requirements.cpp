// SPDX-License-Identifier: Apache-2.0
#include "containerd/runtime_requirements.hpp"

#include <algorithm>
#include <functional>
#include <sys/utsname.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "node/version.hpp"

namespace eks {

namespace {

// The properties of this machine that descriptors may require.
class Machine {
public:
        explicit Machine(const Root& root) : root_(&root) {}

        bool has(const std::string& path) const { return exists((*root_)(path)); }

        const std::string& kernel()
        {
                return once(kernel_, [&] { return line("/proc/sys/kernel/osrelease"); });
        }

        // As `uname -m` has it. Kernels before 6.1 have no such file.
        const std::string& architecture()
        {
                return once(architecture_, [&] {
                        auto name = line("/proc/sys/kernel/arch");
                        utsname own{};
                        if (name.empty() && root_->prefix().empty() && ::uname(&own) == 0)
                                name = own.machine;
                        return name;
                });
        }

        // Words of the first "flags" (x86) or "Features" (arm) line.
        bool has_cpu_flag(const std::string& flag)
        {
                const auto words = once(cpu_flags_, [&] {
                        const auto text = read_file_if_exists((*root_)("/proc/cpuinfo")).value_or("");
                        for (const auto row : lines(text))
                                if (row.starts_with("flags") || row.starts_with("Features"))
                                        return " " + std::string(trim(row.substr(row.find(':') + 1))) + " ";
                        return std::string(" ");
                });
                return words.find(" " + flag + " ") != std::string::npos;
        }

        bool has_pci_vendor(const std::string& vendor)
        {
                const auto vendors = once(pci_vendors_, [&] {
                        std::string all = " ";
                        for (const auto& device : list_directory((*root_)("/sys/bus/pci/devices")))
                                all += line("/sys/bus/pci/devices/" + device + "/vendor") + " ";
                        return all;
                });
                return vendors.find(" " + vendor + " ") != std::string::npos;
        }

        // A module that is loaded, or built in.
        bool has_module(const std::string& name) const { return has("/sys/module/" + name); }

        // io.containerd.NAME.vN is the program containerd-shim-NAME-vN in the PATH of containerd.
        std::optional<std::string> shim(const std::string& runtime_type) const
        {
                const auto program = shim_name(runtime_type);
                for (const auto* directory : {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin",
                             "/opt/containerd/bin"})
                        if (const auto path = fmt::format("{}/{}", directory, program); has(path))
                                return path;
                return std::nullopt;
        }

        static std::string shim_name(const std::string& runtime_type)
        {
                const auto parts = split(runtime_type, '.');
                if (parts.size() < 2)
                        return "containerd-shim-" + runtime_type;
                return fmt::format("containerd-shim-{}-{}", parts[parts.size() - 2], parts.back());
        }

private:
        using Fact = std::optional<std::string>;

        static const std::string& once(Fact& fact, const std::function<std::string()>& find)
        {
                if (!fact)
                        fact = find();
                return *fact;
        }

        std::string line(const std::string& path) const
        {
                return std::string(trim(read_file_if_exists((*root_)(path)).value_or("")));
        }

        const Root* root_;
        Fact kernel_;
        Fact architecture_;
        Fact cpu_flags_;
        Fact pci_vendors_;
};

// "a|b" requires one of the two.
void each_missing(const Json& requires_, const char* key,
        const std::function<bool(const std::string&)>& is_present, std::string_view what,
        std::vector<std::string>& missing)
{
        for (const auto& item : requires_.value(key, std::vector<std::string>())) {
                const auto choices = split(item, '|');
                if (std::ranges::none_of(
                            choices, [&](auto choice) { return is_present(std::string(choice)); }))
                        missing.push_back(fmt::format("no {} {}", what, fmt::join(choices, " or ")));
        }
}

// The program of the handler itself; nothing if it exists.
std::optional<std::string> missing_program(const Json& tree, const Machine& machine)
{
        if (tree["kind"] == "runc-compatible") {
                const auto paths = paths_of(tree["binary"]);
                if (std::ranges::any_of(paths, [&](const auto& path) { return machine.has(path); }))
                        return std::nullopt;
                return fmt::format("no {}", fmt::join(paths, " or "));
        }

        if (const auto path = tree.value("runtime_path", std::string()); !path.empty())
                return machine.has(path) ? std::nullopt : std::optional("no " + path);

        const auto type = tree["runtime_type"].get<std::string>();
        return machine.shim(type) ? std::nullopt : std::optional("no " + Machine::shim_name(type));
}

MissingParts missing_parts_of(const Json& tree, Machine& machine)
{
        const auto& wanted = tree["requires"];
        MissingParts parts;
        auto& missing = parts.all;

        if (const auto program = missing_program(tree, machine)) {
                parts.program = true;
                missing.push_back(*program);
        }

        each_missing(
                wanted, "binaries", [&](const auto& path) { return machine.has(path); }, "file", missing);
        each_missing(
                wanted, "devices", [&](const auto& path) { return machine.has(path); }, "device", missing);
        each_missing(
                wanted, "modules", [&](const auto& name) { return machine.has_module(name); }, "module",
                missing);
        each_missing(
                wanted, "architectures", [&](const auto& name) { return machine.architecture() == name; },
                "architecture", missing);
        each_missing(
                wanted, "cpu_flags", [&](const auto& flag) { return machine.has_cpu_flag(flag); },
                "CPU flag", missing);
        each_missing(
                wanted, "pci_vendors", [&](const auto& id) { return machine.has_pci_vendor(id); },
                "PCI device of vendor", missing);

        if (const auto least = find_version(wanted.value("kernel", std::string()));
                least && find_version(machine.kernel()).value_or(Version{}) < *least)
                missing.push_back(fmt::format("kernel {} is older than {}",
                        machine.kernel().empty() ? "(unknown)" : machine.kernel(),
                        wanted["kernel"].get<std::string>()));

        return parts;
}

} // namespace

std::map<std::string, MissingParts> missing_parts(const Root& root, const RuntimeDescriptors& descriptors)
{
        Machine machine(root);
        std::map<std::string, MissingParts> parts;
        for (const auto& [name, descriptor] : descriptors)
                parts.emplace(name, missing_parts_of(descriptor.tree, machine));
        return parts;
}

std::optional<std::string> missing_program_of(const Root& root, const Json& table)
{
        const Machine machine(root);
        const auto is_missing = [&](const std::string& path) {
                return is_absolute_path(path) && !machine.has(path);
        };

        const auto binary = table.value(Json::json_pointer("/options/BinaryName"), std::string());
        if (is_missing(binary))
                return "no " + binary;

        auto shim = table.value("runtime_path", std::string());
        if (shim.empty())
                shim = table.value("runtime_type", std::string());
        if (is_absolute_path(shim))
                return is_missing(shim) ? std::optional("no " + shim) : std::nullopt;

        const bool is_own =
                shim.starts_with("io.containerd.runc.") || shim.starts_with("io.containerd.runtime.");
        if (shim.empty() || is_own || machine.shim(shim)) // its own are part of containerd
                return std::nullopt;

        return "no " + Machine::shim_name(shim);
}

} // namespace eks
