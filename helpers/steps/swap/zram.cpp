// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <thread>
#include <unistd.h>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"
#include "steps/swap/areas.hpp"

namespace eks {

namespace {

using namespace std::chrono_literals;

constexpr auto module_timeout = 30s;
constexpr std::string_view zram_control = "/sys/class/zram-control";

std::string attribute_path(const Root& root, const std::string& device, const char* name)
{
        return root(fmt::format("/sys/block/{}/{}", device, name));
}

std::string attribute(const Root& root, const std::string& device, const char* name)
{
        return std::string(trim(read_file_if_exists(attribute_path(root, device, name)).value_or("")));
}

// errno, or 0. One write() sets an attribute.
int set(const Root& root, const std::string& device, const char* name, std::string_view value)
{
        const UniqueFd fd(::open(attribute_path(root, device, name).c_str(), O_WRONLY | O_CLOEXEC));
        if (!fd)
                return errno;
        return ::write(fd.get(), value.data(), value.size()) < 0 ? errno : 0;
}

void require_module(Context& context, const StartUnit& start, const SwapSettings& settings)
{
        const auto control = context.root()(zram_control);
        if (!exists(control)) {
                context.wait_until(module_timeout, "the step fails");
                context.awaiting("Waiting for modprobe@zram.service");
                start("modprobe@zram.service", module_timeout);
        }

        if (!exists(control))
                throw swap_refusal(settings, "this kernel has no zram",
                        "Install the modules of this kernel, or set swap to 'file' or 'instance-store'");
}

std::string free_device(const Root& root, const SwapSettings& settings)
{
        for (const auto& name : list_directory(root("/sys/block")))
                if (name.starts_with("zram") && attribute(root, name, "disksize") == "0")
                        return name;

        // Reading this file makes a device.
        const auto number = read_file_if_exists(root(fmt::format("{}/hot_add", zram_control))).value_or("");
        if (trim(number).empty())
                throw swap_refusal(settings, "the kernel makes no more zram devices", "See `journalctl -k`");

        return fmt::format("zram{}", trim(number));
}

// errno, or 0. It is closed again: the kernel does not reset a device that is open.
int write_header_to(const std::string& path, std::uint64_t size)
{
        const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
        return fd ? write_swap_header(fd.get(), size) : errno;
}

} // namespace

bool is_zram(std::string_view path)
{
        return path.starts_with("/dev/zram");
}

void reset_zram(const Root& root, const std::string& path)
{
        // udev may have it open for a moment. If it stays open, the next run uses another device.
        constexpr int attempts = 50;
        const auto device = path.substr(std::string_view("/dev/").size());
        for (int i = 0; i < attempts && set(root, device, "reset", "1") == EBUSY; ++i)
                std::this_thread::sleep_for(20ms);
}

std::string make_zram(
        Context& context, const StartUnit& start, const SwapSettings& settings, std::uint64_t size)
{
        const auto& root = context.root();
        require_module(context, start, settings);
        const auto device = free_device(root, settings);
        const auto path = fmt::format("/dev/{}", device);

        // It compresses better than the kernel's default, which stays where zstd is not listed.
        if (attribute(root, device, "comp_algorithm").find("zstd") != std::string::npos)
                set(root, device, "comp_algorithm", "zstd");

        if (const int error = set(root, device, "disksize", fmt::format("{}", size)); error != 0)
                throw swap_refusal(settings,
                        fmt::format("the kernel refuses {} for '{}': {}", in_gibibytes(size), path,
                                ::strerror(error)),
                        "Set swapSize to less");

        if (const int error = write_header_to(root(path), size); error != 0) {
                reset_zram(root, path);
                throw swap_refusal(settings, fmt::format("cannot write '{}': {}", path, ::strerror(error)),
                        "See `journalctl -k`");
        }

        return path;
}

} // namespace eks
