// SPDX-License-Identifier: Apache-2.0
// The device nodes. Numbers and names: the chapter on device files in the README of NVIDIA's driver, and
// CUDA's installation guide.
#include <cerrno>
#include <optional>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "steps/nvidia/nvidia.hpp"

namespace eks {

namespace {

constexpr std::string_view driver = "/proc/driver/nvidia";
constexpr unsigned control_minor = 255;
constexpr unsigned modeset_minor = 254;

// The number after "NAME:" on a separate line.
std::optional<unsigned> number_in(std::string_view text, std::string_view name)
{
        for (const auto line : lines(text)) {
                const auto colon = line.find(':');
                if (colon != line.npos && trim(line.substr(0, colon)) == name)
                        return parse_int<unsigned>(trim(line.substr(colon + 1)));
        }
        return std::nullopt;
}

// Of /proc/devices: "195 nvidia".
std::optional<unsigned> major_of(std::string_view devices, std::initializer_list<std::string_view> names)
{
        for (const auto line : lines(devices)) {
                const auto text = trim(line);
                const auto blank = text.find(' ');
                if (blank == text.npos)
                        continue;

                for (const auto name : names)
                        if (text.substr(blank + 1) == name)
                                return parse_int<unsigned>(text.substr(0, blank));
        }

        return std::nullopt;
}

// True if it was made now.
bool make_node(const std::string& path, dev_t number, mode_t mode)
{
        struct stat st {};
        if (::lstat(path.c_str(), &st) == 0) {
                if (S_ISCHR(st.st_mode) && st.st_rdev == number)
                        return false;
                remove_if_exists(path);
        }

        // It has its mode at once: another run, if this one is killed, takes it for finished.
        const auto mask = ::umask(0);
        const int result = ::mknod(path.c_str(), S_IFCHR | mode, number);
        const int error = errno;
        ::umask(mask);

        if (result != 0)
                throw io_error("make device", path, error);

        return true;
}

} // namespace

void make_nvidia_nodes(Context& context)
{
        const auto& root = context.root();
        const auto text = [&](std::string_view path) {
                return read_file_if_exists(root(path)).value_or("");
        };

        const auto parameters = text(fmt::format("{}/params", driver));
        if (number_in(parameters, "ModifyDeviceFiles") == 0U ||
                number_in(parameters, "DeviceFileUID").value_or(0) != 0 ||
                number_in(parameters, "DeviceFileGID").value_or(0) != 0)
                return context.did("device nodes are left to others, as the driver's parameters say", false);

        constexpr unsigned usual_mode = 0666;
        const auto mode = number_in(parameters, "DeviceFileMode").value_or(usual_mode) & 0777U;
        const auto devices = text("/proc/devices");
        unsigned made = 0;
        unsigned all = 0;
        const auto make = [&](const std::string& name, unsigned major, unsigned minor) {
                made += make_node(root("/dev/" + name), makedev(major, minor), mode) ? 1 : 0;
                ++all;
        };

        if (const auto major = major_of(devices, {"nvidia", "nvidia-frontend"})) {
                make("nvidiactl", *major, control_minor);
                if (exists(root("/sys/module/nvidia_modeset")))
                        make("nvidia-modeset", *major, modeset_minor);

                for (const auto& gpu : list_directory(root(fmt::format("{}/gpus", driver)))) {
                        const auto about = text(fmt::format("{}/gpus/{}/information", driver, gpu));
                        if (const auto minor = number_in(about, "Device Minor"))
                                make(fmt::format("nvidia{}", *minor), *major, *minor);
                }
        }

        if (const auto major = major_of(devices, {"nvidia-uvm"})) {
                make("nvidia-uvm", *major, 0);
                make("nvidia-uvm-tools", *major, 1);
        }

        context.did(made > 0 ? fmt::format("made {} of {} device nodes", made, all)
                             : fmt::format("{} device nodes exist", all),
                made > 0);
}

} // namespace eks
