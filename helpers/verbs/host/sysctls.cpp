// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <fnmatch.h>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/drop_ins.hpp"
#include "base/text.hpp"
#include "steps/sysctl/sysctl.hpp"
#include "verbs/host/host.hpp"

namespace eks {

namespace {

using State = Check::State;

// Only a node has these, which systemd-sysctl does not read.
constexpr std::string_view node_directory = "/usr/lib/eks/sysctl.d";

// Those of eks-host(7), that of eks-kernel-defaults.service, and that of eks-sysctl.
bool is_ours(std::string_view path)
{
        constexpr std::array names{"67-eks-reserved-ports.conf", "90-eks.conf", "99-amazon.conf",
                "99-kubernetes-cri.conf", "99-zz-eks.conf"};
        return std::ranges::any_of(names, [&](std::string_view name) { return path.ends_with(name); });
}

// Without these values kubelet does not start (its protectKernelDefaults), or pods have no network.
bool is_required(std::string_view name)
{
        return name == "vm/overcommit_memory" || name == "kernel/panic" || name == "kernel/panic_on_oops" ||
               name == "net/ipv4/ip_forward";
}

// A limit: a higher value is fine.
bool is_limit(std::string_view name)
{
        return name == "kernel/pid_max" || name.starts_with("fs/inotify/") || name == "vm/max_map_count";
}

std::set<int> ports(std::string_view text)
{
        std::set<int> found;
        for (const auto range : split(text, ',')) {
                const auto dash = range.find('-');
                const auto first = parse_int<int>(range.substr(0, dash));
                const auto last = dash == range.npos ? first : parse_int<int>(range.substr(dash + 1));
                for (int port = first.value_or(1); first && last && port <= *last && port < 65536; ++port)
                        found.insert(port);
        }

        return found;
}

bool is_enough(const std::string& name, const std::string& found, const std::string& wanted)
{
        if (name == "net/ipv4/ip_local_reserved_ports")
                return std::ranges::includes(ports(found), ports(wanted));
        const auto has = parse_int<std::uint64_t>(found);
        const auto needs = parse_int<std::uint64_t>(wanted);
        return found == wanted || (is_limit(name) && has && needs && *has >= *needs);
}

// In its usual form, by the rule of sysctl.d(5).
std::string title_of(std::string_view name)
{
        std::string title = "sysctl ";
        for (const char c : name)
                title += c == '/' ? '.' : c == '.' ? '/' : c;
        return title;
}

std::string place(const SysctlLine& line)
{
        return fmt::format("{}, line {}", line.where.source, line.where.line);
}

std::string_view service_of(const SysctlLine& line)
{
        return line.where.source.starts_with(node_directory) ? "eks-kernel-defaults.service"
                                                             : "systemd-sysctl.service";
}

std::string remedy_for(const SysctlLine& wanted, const SysctlLine* other)
{
        if (other != nullptr)
                return fmt::format("It is set in {}. Remove it there, and run `systemctl restart {}`",
                        place(*other), service_of(wanted));
        return fmt::format("It is set in {}. Run `systemctl restart {}`; if that does not help, another "
                           "program sets it later",
                place(wanted), service_of(wanted));
}

} // namespace

std::vector<Check> check_sysctls(const Root& root)
{
        std::map<std::string, SysctlLine> wanted;
        std::vector<SysctlLine> others;
        auto files = drop_ins(root,
                {std::string(node_directory), "/usr/lib/sysctl.d", "/run/sysctl.d", "/etc/sysctl.d"},
                {".conf"});
        files.emplace_back("/etc/sysctl.conf");

        for (const auto& file : files)
                for (auto& line : sysctl_lines(root, file)) {
                        line.value = sysctl_value(line.value);
                        if (is_ours(file))
                                wanted.insert_or_assign(line.name, line);
                        else
                                others.push_back(std::move(line));
                }

        std::vector<Check> checks;
        if (wanted.empty())
                checks.push_back(
                        {"sysctl", State::warning, "no file of eks-host(7)", "the files of eks-host(7)",
                                "Install them: the image lacks the files with the install tag host"});

        for (const auto& [name, line] : wanted) {
                const auto found = present_sysctl(root, name);
                const auto title = title_of(name);

                if (!found) {
                        checks.push_back({title, line.optional ? State::ok : State::warning,
                                "this kernel does not have it", line.optional ? "" : line.value, ""});
                        continue;
                }

                if (is_enough(name, *found, line.value)) {
                        checks.push_back({title, State::ok, *found, "", ""});
                        continue;
                }

                const auto other =
                        std::ranges::find_if(others, [&found, &name = name](const SysctlLine& one) {
                                return ::fnmatch(one.name.c_str(), name.c_str(), FNM_PATHNAME) == 0 &&
                                       one.value == *found;
                        });

                checks.push_back({title, is_required(name) ? State::problem : State::warning,
                        found->empty() ? "empty" : *found,
                        is_limit(name) ? line.value + " or more" : line.value,
                        remedy_for(line, other == others.end() ? nullptr : &*other)});
        }

        return checks;
}

} // namespace eks
