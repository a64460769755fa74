// SPDX-License-Identifier: Apache-2.0
#include "node/hardware.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

struct Flag {
        std::string_view linux_name; // in /proc/cpuinfo
        std::string_view name;
};

// The flags that Node Feature Discovery does not leave out by default, as the Go package cpuid names them.
constexpr std::array x86_flags{Flag{"adx", "ADX"}, Flag{"aes", "AESNI"}, Flag{"amx_bf16", "AMXBF16"},
        Flag{"amx_complex", "AMXCOMPLEX"}, Flag{"amx_fp16", "AMXFP16"}, Flag{"amx_int8", "AMXINT8"},
        Flag{"amx_tile", "AMXTILE"}, Flag{"avx", "AVX"}, Flag{"avx2", "AVX2"},
        Flag{"avx512_bf16", "AVX512BF16"}, Flag{"avx512_bitalg", "AVX512BITALG"},
        Flag{"avx512_fp16", "AVX512FP16"}, Flag{"avx512_vbmi2", "AVX512VBMI2"},
        Flag{"avx512_vnni", "AVX512VNNI"}, Flag{"avx512_vp2intersect", "AVX512VP2INTERSECT"},
        Flag{"avx512_vpopcntdq", "AVX512VPOPCNTDQ"}, Flag{"avx512bw", "AVX512BW"},
        Flag{"avx512cd", "AVX512CD"}, Flag{"avx512dq", "AVX512DQ"}, Flag{"avx512er", "AVX512ER"},
        Flag{"avx512f", "AVX512F"}, Flag{"avx512ifma", "AVX512IFMA"}, Flag{"avx512pf", "AVX512PF"},
        Flag{"avx512vbmi", "AVX512VBMI"}, Flag{"avx512vl", "AVX512VL"}, Flag{"avx_ifma", "AVXIFMA"},
        Flag{"avx_ne_convert", "AVXNECONVERT"}, Flag{"avx_vnni", "AVXVNNI"},
        Flag{"avx_vnni_int16", "AVXVNNIINT16"}, Flag{"avx_vnni_int8", "AVXVNNIINT8"},
        Flag{"cldemote", "CLDEMOTE"}, Flag{"clzero", "CLZERO"}, Flag{"cmpccxadd", "CMPCCXADD"},
        Flag{"cx8", "CMPXCHG8"}, Flag{"enqcmd", "ENQCMD"}, Flag{"fma", "FMA3"}, Flag{"fma4", "FMA4"},
        Flag{"fpu", "X87"}, Flag{"fsrm", "FSRM"}, Flag{"fxsr", "FXSR"}, Flag{"fxsr_opt", "FXSROPT"},
        Flag{"gfni", "GFNI"}, Flag{"hle", "HLE"}, Flag{"hypervisor", "HYPERVISOR"}, Flag{"ibpb", "IBPB"},
        Flag{"ibrs", "IBRS"}, Flag{"lahf_lm", "LAHF"}, Flag{"movbe", "MOVBE"},
        Flag{"movdir64b", "MOVDIR64B"}, Flag{"movdiri", "MOVDIRI"}, Flag{"mpx", "MPX"},
        Flag{"prefetchi", "PREFETCHI"}, Flag{"rtm", "RTM"}, Flag{"sep", "SYSEE"},
        Flag{"serialize", "SERIALIZE"}, Flag{"sha_ni", "SHA"}, Flag{"ssbd", "SPEC_CTRL_SSBD"},
        Flag{"sse4a", "SSE4A"}, Flag{"stibp", "STIBP"}, Flag{"svm", "SVM"}, Flag{"syscall", "SYSCALL"},
        Flag{"tbm", "TBM"}, Flag{"tsxldtrk", "TSXLDTRK"}, Flag{"vaes", "VAES"}, Flag{"vmx", "VMX"},
        Flag{"vpclmulqdq", "VPCLMULQDQ"}, Flag{"waitpkg", "WAITPKG"}, Flag{"wbnoinvd", "WBNOINVD"},
        Flag{"xgetbv1", "XGETBV1"}, Flag{"xop", "XOP"}, Flag{"xsave", "XSAVE"}, Flag{"xsavec", "XSAVEC"},
        Flag{"xsaveopt", "XSAVEOPT"}, Flag{"xsaves", "XSAVES"}};

constexpr std::array vendors{Flag{"AuthenticAMD", "AMD"}, Flag{"GenuineIntel", "Intel"}};

// Display and processing accelerators: what Node Feature Discovery labels by default.
constexpr std::array<std::string_view, 3> pci_classes{"03", "0b40", "12"};

constexpr std::array<std::string_view, 4> kernel_options{"NO_HZ", "NO_HZ_FULL", "NO_HZ_IDLE", "PREEMPT"};

class Discovery {
public:
        explicit Discovery(const Root& root) : root_(&root) {}

        Labels discover()
        {
                discover_cpu();
                discover_kernel();
                discover_pci();
                discover_network();
                discover_system();

                if (const auto nodes = text("/sys/devices/system/node/online"); nodes && *nodes != "0")
                        add("memory-numa");

                // Only real devices, not loop and zram.
                for (const auto& disk : names("/sys/block"))
                        if (exists(path("/sys/block/{}/device", disk)) &&
                                text(fmt::format("/sys/block/{}/queue/rotational", disk)) == "0")
                                add("storage-nonrotationaldisk");

                return std::move(labels_);
        }

private:
        template <typename... Args>
        std::string path(fmt::format_string<Args...> format, Args&&... args) const
        {
                return (*root_)(fmt::format(format, std::forward<Args>(args)...));
        }

        // A file of one value. Drivers fail reads with various errors, which all mean that there is no
        // value.
        std::optional<std::string> text(std::string_view file) const
        {
                try {
                        if (const auto content = read_file_if_exists((*root_)(file)))
                                return std::string(trim(*content));
                } catch (const Error&) { // as above
                }
                return std::nullopt;
        }

        std::vector<std::string> names(std::string_view directory) const
        {
                return list_directory((*root_)(directory));
        }

        void add(std::string_view name, std::string value = "true")
        {
                auto key = fmt::format("feature.node.kubernetes.io/{}", name);
                if (wrong_label_key(key).empty() && wrong_label_value(value).empty() && !value.empty())
                        labels_.emplace(std::move(key), std::move(value));
        }

        void discover_cpu()
        {
                const auto content = text("/proc/cpuinfo").value_or("");
                for (const auto line : lines(content)) {
                        if (line.empty())
                                break; // the other CPUs are like the first

                        const auto colon = std::min(line.find(':'), line.size());
                        const auto key = trim(line.substr(0, colon));
                        const auto value = trim(line.substr(std::min(colon + 1, line.size())));
                        if (key == "flags")
                                add_x86_flags(value);
                        else if (key == "Features") // arm64: the kernel's own names in upper case
                                for (const auto flag : split(value, ' '))
                                        add(fmt::format("cpu-cpuid.{}", upper(flag)));
                        else if (key == "cpu family")
                                add("cpu-model.family", std::string(value));
                        else if (key == "model")
                                add("cpu-model.id", std::string(value));
                        else if (key == "vendor_id")
                                add_vendor(value);
                }

                discover_threads();
                if (text("/sys/devices/system/cpu/cpuidle/current_driver") == "intel_idle")
                        if (const auto deepest = text("/sys/module/intel_idle/parameters/max_cstate"))
                                add("cpu-cstate.enabled", *deepest != "0" ? "true" : "false");
        }

        void add_x86_flags(std::string_view value)
        {
                for (const auto word : split(value, ' ')) {
                        const auto* const flag = std::ranges::find(x86_flags, word, &Flag::linux_name);
                        if (flag != x86_flags.end())
                                add(fmt::format("cpu-cpuid.{}", flag->name));
                }
        }

        void add_vendor(std::string_view value)
        {
                const auto* const vendor = std::ranges::find(vendors, value, &Flag::linux_name);
                if (vendor != vendors.end())
                        add("cpu-model.vendor_id", std::string(vendor->name));
        }

        static std::string upper(std::string_view word)
        {
                std::string result(word);
                std::ranges::transform(result, result.begin(),
                        [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
                return result;
        }

        void discover_threads()
        {
                bool known = false;
                for (const auto& cpu : names("/sys/devices/system/cpu")) {
                        const auto siblings = text(fmt::format(
                                "/sys/devices/system/cpu/{}/topology/thread_siblings_list", cpu));
                        if (!siblings)
                                continue;

                        known = true;
                        if (siblings->find_first_of(",-") != std::string::npos)
                                return add("cpu-hardware_multithreading");
                }

                if (known)
                        add("cpu-hardware_multithreading", "false");
        }

        void discover_kernel()
        {
                const auto release = text("/proc/sys/kernel/osrelease").value_or("");
                add("kernel-version.full", label_of(release));
                add_numbers("kernel-version", release.substr(0, release.find_first_not_of("0123456789.")),
                        {"major", "minor", "revision"});

                if (text("/sys/fs/selinux/enforce") == "1")
                        add("kernel-selinux.enabled");

                const auto options = text("/boot/config-" + release).value_or("");
                for (const auto line : lines(options))
                        for (const auto option : kernel_options)
                                if (line == fmt::format("CONFIG_{}=y", option) ||
                                        line == fmt::format("CONFIG_{}=m", option))
                                        add(fmt::format("kernel-config.{}", option));
        }

        // A value with invalid characters replaced, as by Node Feature Discovery.
        static std::string label_of(std::string value)
        {
                std::ranges::replace_if(
                        value,
                        [](char c) {
                                return !(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') &&
                                       !(c >= 'A' && c <= 'Z') && c != '-' && c != '_' && c != '.';
                        },
                        '_');
                const auto begin = value.find_first_not_of("-_.");

                return begin == std::string::npos
                               ? std::string()
                               : value.substr(begin, value.find_last_not_of("-_.") - begin + 1);
        }

        // "6.1.115" as .major, .minor, .revision
        void add_numbers(std::string_view name, std::string_view version,
                std::initializer_list<std::string_view> levels)
        {
                const auto numbers = split(version, '.');
                std::size_t i = 0;

                for (const auto level : levels) {
                        if (i >= numbers.size() || !parse_int<unsigned>(numbers[i]))
                                return;
                        add(fmt::format("{}.{}", name, level), std::string(numbers[i++]));
                }
        }

        void discover_pci()
        {
                constexpr std::string_view devices = "/sys/bus/pci/devices";
                const auto number = [&](const std::string& device, const char* file) {
                        auto hex = text(fmt::format("{}/{}/{}", devices, device, file)).value_or("");
                        return hex.starts_with("0x") && hex.size() >= 6 ? hex.substr(2, 4) : std::string();
                };

                for (const auto& device : names(devices)) {
                        const auto kind = number(device, "class"); // of its six digits, class and subclass
                        const auto vendor = number(device, "vendor");
                        if (vendor.empty() || std::ranges::none_of(pci_classes, [&](std::string_view c) {
                                    return kind.starts_with(c);
                            }))
                                continue;

                        add(fmt::format("pci-{}_{}.present", kind, vendor));
                        if (text(fmt::format("{}/{}/sriov_totalvfs", devices, device)))
                                add(fmt::format("pci-{}_{}.sriov.capable", kind, vendor));
                }
        }

        void discover_network()
        {
                const auto count = [&](const std::string& interface, const char* file) {
                        const auto value = text(fmt::format("/sys/class/net/{}/device/{}", interface, file));
                        return parse_int<unsigned>(value.value_or("0")).value_or(0);
                };
                for (const auto& interface : names("/sys/class/net")) {
                        if (count(interface, "sriov_totalvfs") > 0)
                                add("network-sriov.capable");
                        if (count(interface, "sriov_numvfs") > 0)
                                add("network-sriov.configured");
                }
        }

        void discover_system()
        {
                const auto content = text("/etc/os-release").value_or("");
                for (const auto line : lines(content)) {
                        const auto equals = line.find('=');
                        if (equals == line.npos)
                                continue;

                        auto value = line.substr(equals + 1);
                        while (value.starts_with('"') || value.starts_with('\''))
                                value.remove_prefix(1);
                        while (value.ends_with('"') || value.ends_with('\''))
                                value.remove_suffix(1);
                        const auto key = line.substr(0, equals);
                        if (key != "ID" && key != "VERSION_ID")
                                continue;

                        add(fmt::format("system-os_release.{}", key), std::string(value));
                        if (key == "VERSION_ID")
                                add_numbers("system-os_release.VERSION_ID", value, {"major", "minor"});
                }
        }

        const Root* root_;
        Labels labels_;
};

} // namespace

Labels hardware_labels(const Root& root)
{
        return Discovery(root).discover();
}

} // namespace eks
