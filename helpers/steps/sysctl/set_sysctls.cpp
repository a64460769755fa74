// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/fd.hpp"
#include "base/text.hpp"
#include "steps/sysctl/sysctl.hpp"

namespace eks {

namespace {

// errno of the failure, or 0. One write() sets a parameter as a whole.
int write_value(const std::string& path, const std::string& value)
{
        const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW));
        if (!file)
                return errno;
        const auto line = value + "\n";
        const auto written = ::write(file.get(), line.data(), line.size());
        return written == static_cast<ssize_t>(line.size()) ? 0 : written < 0 ? errno : EIO;
}

void warn(Context& context, const std::vector<std::string>& names, std::string_view why)
{
        if (!names.empty())
                context.log().write(Level::warning,
                        fmt::format("{}: {}, proceeding", join(names, ", "), why), event::config_warning.id);
}

constexpr std::string_view read_only_here = "read-only here, as in a container";

void set_huge_pages(Context& context, const Sysctl& one, Problems& refused)
{
        const auto refuse = [&](std::string_view wrong, std::string remedy) {
                refused.add(one.where, one.key, one.value, wrong, std::move(remedy));
        };

        const auto before = present_sysctl(context.root(), one.name);
        if (!before)
                return refuse("this machine has no huge pages of this size, or no such NUMA node",
                        "`ls /sys/devices/system/node/node*/hugepages` shows what there is");

        const auto what = fmt::format("{} = {}", one.key, one.value);
        if (*before == one.value)
                return context.did(what + " already set", false);

        const int error = write_value(context.root()(one.name), one.value);
        const auto now = present_sysctl(context.root(), one.name).value_or(*before);
        if (now == one.value)
                context.did(fmt::format("{} (was {})", what, *before), true);
        else if (error == EROFS)
                warn(context, {one.key}, read_only_here);
        else
                refuse(error != 0 ? fmt::format("the kernel refuses it: {}", ::strerror(error))
                                  : fmt::format("the kernel has set aside {} only", now),
                        "Ask for less, or set pages aside on the kernel command line (hugepagesz=, hugepages=)");
}

} // namespace

void set_sysctls(Context& context, const NodeInputs& node)
{
        std::vector<Note> said_by_the_plan;
        const auto wanted = our_sysctls(node, said_by_the_plan);
        Problems refused;
        std::vector<std::string> unknown;
        std::vector<std::string> read_only;
        std::size_t unchanged = 0;

        // First: memory is not fragmented yet.
        for (const auto& pages : node.spec.host.huge_pages)
                set_huge_pages(context, pages, refused);

        for (const auto& one : wanted) {
                const auto path = context.root()("/proc/sys/" + one.name);
                const auto before = present_sysctl(context.root(), one.name);
                if (before == sysctl_value(one.value)) {
                        ++unchanged;
                        continue;
                }

                switch (const int error = write_value(path, one.value)) {
                case 0:
                        context.did(fmt::format("{} = {}{}", one.name, one.value,
                                            before ? fmt::format(" (was {})", *before) : std::string()),
                                true);
                        break;
                case ENOENT:
                case ENOTDIR:
                        unknown.push_back(one.name);
                        break;
                case EROFS:
                        read_only.push_back(one.name);
                        break;
                default:
                        refused.add(one.where, one.key, one.value,
                                fmt::format("the kernel refuses it: {}", ::strerror(error)),
                                error == EPERM || error == EACCES
                                        ? "This step has no capabilities: set it in a file of /etc/sysctl.d"
                                        : "Give a value that the kernel takes, or remove the key");
                }
        }

        if (unchanged > 0)
                context.did(fmt::format("{} {} already set", unchanged,
                                    unchanged == 1 ? "kernel parameter" : "kernel parameters"),
                        false);
        warn(context, unknown, "this kernel has no such parameter (yet: its module may not be loaded)");
        warn(context, read_only, read_only_here);
        refused.throw_if_any(failure::sysctl_refused);
}

} // namespace eks
