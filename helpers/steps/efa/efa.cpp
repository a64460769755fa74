// SPDX-License-Identifier: Apache-2.0
#include "steps/efa/efa.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/fd.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"
#include "systemd/driver.hpp"

namespace eks {

namespace {

constexpr std::string_view pages_path = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";

std::uint64_t memory_kib(const Root& root)
{
        const auto text = read_file_if_exists(root("/proc/meminfo")).value_or("");
        for (const auto line : lines(text)) {
                constexpr std::string_view name = "MemTotal:";
                if (line.starts_with(name))
                        return parse_int<std::uint64_t>(split(trim(line.substr(name.size())), ' ').front())
                                .value_or(0);
        }

        return 0;
}

unsigned pages_now(const std::string& path)
{
        return parse_int<unsigned>(trim(read_file_if_exists(path).value_or(""))).value_or(0);
}

} // namespace

unsigned efa_huge_pages(std::uint64_t memory_kib)
{
        constexpr unsigned wanted = 5128;
        constexpr std::uint64_t page_kib = 2048;
        constexpr std::uint64_t share = 16;
        return static_cast<unsigned>(std::min<std::uint64_t>(wanted, memory_kib / share / page_kib));
}

void load_efa(Context& context, const std::vector<PciDevice>& devices, const StartUnit& start,
        std::chrono::milliseconds deadline)
{
        if (devices.empty())
                throw Error(failure::efa_driver_failed, "there is no Elastic Fabric Adapter in this machine",
                        "Attach one, or remove /etc/eks/efa.enabled");

        const bool is_new = load_driver(context,
                {.module = "efa",
                        .devices = "Elastic Fabric Adapters",
                        .failure = failure::efa_driver_failed,
                        .install = "Install the module for this kernel"},
                devices.size(), start, deadline);
        context.did(fmt::format("{} the driver", is_new ? "loaded" : "found"), is_new);
}

void set_huge_pages(Context& context)
{
        const auto path = context.root()(pages_path);
        const auto wanted = efa_huge_pages(memory_kib(context.root()));
        const auto before = pages_now(path);
        if (before >= wanted)
                return context.did(fmt::format("{} huge pages are set aside", before), false);

        const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
        const auto text = fmt::format("{}\n", wanted);
        if (!file || ::write(file.get(), text.data(), text.size()) < 0) {
                context.log().write(Level::warning,
                        fmt::format(
                                "no huge pages can be set aside ({}): EFA is slower without them, proceeding",
                                ::strerror(errno)),
                        event::config_warning.id);
                return;
        }

        const auto got = pages_now(path);
        if (got < wanted)
                context.log().write(Level::warning,
                        fmt::format("the kernel has only {} of {} huge pages, proceeding", got, wanted),
                        event::config_warning.id);
        context.did(fmt::format("set {} huge pages aside (were {})", got, before), true);
}

} // namespace eks
