// SPDX-License-Identifier: Apache-2.0
#include "verbs/host/host.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <unistd.h>

#include <fmt/format.h>

#include "base/drop_ins.hpp"
#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "node/cgroup.hpp"
#include "node/iptables.hpp"
#include "node/node.hpp"
#include "systemd/daemons.hpp"
#include "systemd/swaps.hpp"

namespace eks {

namespace {

using State = Check::State;

std::string text_of(const Root& root, const std::string& path)
{
        return std::string(trim(read_file_if_exists(root(path)).value_or("")));
}

bool has_line(const std::string& text, std::string_view last_word)
{
        return std::ranges::any_of(
                lines(text), [&](std::string_view line) { return trim(line).ends_with(last_word); });
}

// Whether kubelet's configuration says false for this key.
bool is_off(const Root& root, const char* key)
{
        const auto text = read_file_if_exists(root("/etc/kubernetes/kubelet/config.json")).value_or("");
        const auto config = try_parse_json(text);
        return config.is_object() && config.contains(key) && config[key] == false;
}

// The third field of a line of /proc/PID/limits. Programs in Go, such as both daemons, raise the soft limit
// to it when they start.
std::string hard_limit(std::string_view line)
{
        constexpr std::size_t column = 47;
        return line.size() > column ? std::string(trim(line.substr(column, line.find(' ', column) - column)))
                                    : "";
}

bool refuses_cgroup_v1(const Root& root)
{
        constexpr Version since{1, 35, 0};
        try {
                return kubelet_version(root) >= since;
        } catch (const Error&) { // no security module could refuse it
                return false;
        }
}

} // namespace

std::string_view state_name(State state)
{
        return std::array{"ok", "unknown", "warning", "problem"}.at(static_cast<std::size_t>(state));
}

std::vector<Check> check_modules(const Root& root)
{
        constexpr auto remedy =
                "Run `modprobe {0}`. /usr/lib/modules-load.d/containerd.conf loads it at boot: see "
                "`systemctl status systemd-modules-load.service`";
        std::vector<Check> checks;
        const auto add = [&](std::string_view module, bool loaded, State otherwise) {
                checks.push_back({fmt::format("module {}", module), loaded ? State::ok : otherwise,
                        loaded ? "loaded" : "not loaded", loaded ? "" : "loaded",
                        loaded ? "" : fmt::format(fmt::runtime(remedy), module)});
        };

        add("overlay", has_line(text_of(root, "/proc/filesystems"), "\toverlay"), State::problem);
        add("br_netfilter", exists(root("/proc/sys/net/bridge")), State::warning);

        return checks;
}

Check check_cgroup(const Root& root)
{
        const auto version = cgroup_version(root);
        if (!version)
                return {"cgroup", State::unknown, "there is no /sys/fs/cgroup", "v2", ""};
        if (*version == 2)
                return {"cgroup", State::ok, "v2", "", ""};

        const bool refused = !is_off(root, "failCgroupV1") && refuses_cgroup_v1(root);
        return {"cgroup", refused ? State::problem : State::warning, "v1", "v2",
                "Boot with systemd.unified_cgroup_hierarchy=1 on the kernel command line. kubelet 1.35 and "
                "later does not start with v1, unless kubelet.config.failCgroupV1 is false"};
}

Check check_swap(const Root& root)
{
        const auto areas = swap_areas(root);
        const auto [kind, path] = swap_record(root);
        const auto found = areas.empty() ? "none" : names_of(areas);
        const bool ours = std::ranges::find(areas, path, &SwapArea::path) != areas.end();
        const bool as_asked = kind.empty() || (kind == "off" ? areas.empty() : ours);

        const bool allowed = areas.empty() || is_off(root, "failSwapOn");
        if (!allowed)
                return {"swap", State::problem, found, "none, since kubelet does not start with it",
                        "Run `swapoff -a` and remove it from /etc/fstab, or set kubelet.config.failSwapOn to "
                        "false"};
        if (!as_asked)
                return {"swap", State::warning, found, kind == "off" ? "none" : kind,
                        "See `systemctl status eks-swap.service`"};
        if (areas.empty())
                return {"swap", State::ok, found, "", ""};

        return {"swap", State::ok,
                kind.empty() ? found + ", which kubelet.config.failSwapOn allows"
                             : fmt::format("{}, of swap = '{}'", found, kind),
                "", ""};
}

Check check_networkd(const Root& root)
{
        constexpr std::array keys{"ManageForeignRoutes", "ManageForeignRoutingPolicyRules"};
        if (!runs(root, "systemd-networkd.service"))
                return {"networkd", State::ok, "does not run", "", ""};

        std::vector<std::string> files{"/etc/systemd/networkd.conf"};
        for (auto& file : drop_ins(root,
                     {"/usr/lib/systemd/networkd.conf.d", "/run/systemd/networkd.conf.d",
                             "/etc/systemd/networkd.conf.d"},
                     {".conf"}))
                files.push_back(std::move(file));
        std::array<std::pair<std::string, std::string>, keys.size()> set; // value, file

        for (const auto& file : files) {
                const auto text = text_of(root, file);
                for (const auto line : lines(text)) {
                        const auto equals = line.find('=');
                        for (std::size_t i = 0; equals != line.npos && i < keys.size(); ++i)
                                if (trim(line.substr(0, equals)) == keys.at(i))
                                        set.at(i) = {lower(trim(line.substr(equals + 1))), file};
                }
        }

        for (std::size_t i = 0; i < keys.size(); ++i) {
                const auto& [value, file] = set.at(i);
                constexpr std::array off{"no", "n", "false", "f", "0", "off"};
                if (std::ranges::find(off, value) == off.end())
                        return {"networkd", State::problem,
                                fmt::format("{}={}", keys.at(i), value.empty() ? "yes" : value),
                                fmt::format(
                                        "{}=no, or networkd removes the routes and rules of the CNI plugin",
                                        keys.at(i)),
                                file.empty() ? "Install the drop-in 80-release.conf, see eks-host(7)"
                                             : fmt::format("Remove it from {}, and run `systemctl restart "
                                                           "systemd-networkd.service`",
                                                       file)};
        }

        return {"networkd", State::ok, "leaves routes and rules of others alone", "", ""};
}

Check check_iptables(const Root& root)
{
        constexpr auto name = "iptables";
        const auto iptables = find_iptables(root);
        if (!iptables.installed)
                return {name, State::warning, "not installed", "installed",
                        "Install it: kubelet.service lets packets of pods through the chain FORWARD with it"};
        if (iptables.mixed())
                return {name, State::warning,
                        fmt::format("nf_tables, and tables of the legacy program ({})",
                                join(iptables.old_tables, ", ")),
                        "rules of one implementation",
                        "Rules of both apply. Find what calls iptables-legacy, and reboot"};

        return {name, State::ok, iptables.legacy ? "legacy" : "nf_tables", "", ""};
}

namespace {

// The rules by which the machine itself drops packets, as of its own daemons. Rules in chains of kube-proxy
// and CNI plugins are not among them.
std::vector<std::string> dropping(const std::string& packet_rules)
{
        std::vector<std::string> rules;
        for (const auto rule : lines(packet_rules)) {
                const bool own = rule.starts_with("-A OUTPUT ") || rule.starts_with("-A INPUT ");
                const bool policy = rule == "-P OUTPUT DROP" || rule == "-P INPUT DROP";
                const bool drops = rule.find("-j DROP") != rule.npos || rule.find("-j REJECT") != rule.npos;
                if (policy || (own && drops))
                        rules.emplace_back(rule);
        }

        return rules;
}

} // namespace

std::string iptables_rules()
{
        constexpr std::chrono::seconds limit{3};
        const auto iptables = find_iptables(Root());

        // The legacy program would load the kernel's module.
        if (!iptables.installed || ::geteuid() != 0 ||
                (iptables.legacy && std::ranges::count(iptables.old_tables, "filter") == 0))
                return {};

        try {
                const auto listed = run_program({"/usr/sbin/iptables", "-w", "2", "-S"}, limit);
                return listed.status == 0 && !listed.timed_out ? listed.output : std::string();
        } catch (const Error&) {
                return {};
        }
}

Check check_firewall(const Root& root, const std::string& packet_rules)
{
        for (const auto* unit : {"ufw.service", "firewalld.service"}) {
                if (!runs(root, unit))
                        continue;

                const bool disabled =
                        std::string_view(unit) == "ufw.service" &&
                        text_of(root, "/etc/ufw/ufw.conf").find("ENABLED=no") != std::string::npos;
                if (disabled)
                        continue;

                return {"firewall", State::warning, fmt::format("{} runs", unit), "none",
                        fmt::format(
                                "It drops packets of pods unless it is configured for the CNI plugin. Run "
                                "`systemctl disable --now {}`; security groups filter the traffic",
                                unit)};
        }

        if (const auto rules = dropping(packet_rules); !rules.empty())
                return {"firewall", State::warning, fmt::format("`{}`", join(rules, "`, `")), "none",
                        "Check that these rules of iptables let kubelet reach the API server, and the node its "
                        "metadata service (169.254.169.254); `iptables -D` removes one"};

        return {"firewall", State::ok, "none", "", ""};
}

Check check_clock(const Root& root, bool clock_is_right)
{
        if (clock_is_right)
                return {"clock", State::ok, "synchronised", "", ""};

        for (const auto* unit :
                {"chronyd.service", "chrony.service", "systemd-timesyncd.service", "ntpd.service"})
                if (runs(root, unit))
                        return {"clock", State::warning, fmt::format("not synchronised; {} runs", unit),
                                "synchronised",
                                fmt::format(
                                        "See `timedatectl` and `journalctl -u {}`. AWS refuses signatures "
                                        "that are off by 5 minutes",
                                        unit)};

        return {"clock", State::warning, "not synchronised; no time service runs", "synchronised",
                "Install chrony or systemd-timesyncd. AWS refuses signatures that are off by 5 minutes"};
}

std::vector<Check> check_limits(const Root& root)
{
        struct Daemon {
                const char* name;
                const char* cgroup;
        };
        constexpr std::uint64_t files_wanted = 65536;
        std::vector<Check> checks;

        for (const auto& [name, cgroup] :
                {Daemon{"containerd", "/sys/fs/cgroup/runtime.slice/containerd.service"},
                        Daemon{"kubelet", "/sys/fs/cgroup/runtime.slice/kubelet.service"}}) {
                const auto title = fmt::format("limits of {}", name);
                const auto processes = text_of(root, fmt::format("{}/cgroup.procs", cgroup));
                if (processes.empty()) {
                        checks.push_back(
                                {title, State::unknown, "it does not run in runtime.slice", "", ""});
                        continue;
                }
                const auto tasks = text_of(root, fmt::format("{}/pids.max", cgroup));
                std::string files;
                const auto limits = text_of(root, fmt::format("/proc/{}/limits", lines(processes).front()));
                for (const auto line : lines(limits))
                        if (line.starts_with("Max open files"))
                                files = hard_limit(line);
                const bool few_tasks = !tasks.empty() && tasks != "max";
                const bool few_files = !files.empty() && files != "unlimited" &&
                                       parse_int<std::uint64_t>(files).value_or(0) < files_wanted;
                const auto found = fmt::format(
                        "{} tasks, {} open files", tasks == "max" || tasks.empty() ? "all" : tasks, files);
                if (few_tasks || few_files)
                        checks.push_back({title, State::warning, found,
                                fmt::format("all tasks, {} open files or more", files_wanted),
                                fmt::format(
                                        "See `systemctl cat {}.service` for what sets TasksMax= or LimitNOFILE=",
                                        name)});
                else
                        checks.push_back({title, State::ok, found, "", ""});
        }

        return checks;
}

std::vector<Check> check_daemons(const Root& root)
{
        std::vector<Check> checks;
        for (const auto& daemon : stale_daemons(root))
                checks.push_back({fmt::format("configuration of {}", daemon.unit), State::warning,
                        fmt::format("'{}' was written after its start", daemon.path),
                        "the one that it has read",
                        fmt::format("Run `systemctl restart {}`; pods keep running", daemon.unit)});
        return checks;
}

Check check_security_module(const Root& root)
{
        const auto enforce = text_of(root, "/sys/fs/selinux/enforce");
        if (!enforce.empty())
                return {"security module", State::ok,
                        enforce == "1" ? "SELinux, enforcing" : "SELinux, permissive", "", ""};
        if (text_of(root, "/sys/module/apparmor/parameters/enabled") == "Y")
                return {"security module", State::ok, "AppArmor", "", ""};

        return {"security module", State::ok, "neither SELinux nor AppArmor", "", ""};
}

Check check_landlock(long abi)
{
        if (abi > 0)
                return {"landlock", State::ok, fmt::format("ABI {}", abi), "", ""};
        return {"landlock", State::warning, "not available",
                "available, as the steps confine themselves with it",
                "Boot a kernel that has it (Linux 5.13), and name landlock in lsm= on the kernel command line "
                "if that is there"};
}

std::vector<Check> check_host(
        const Root& root, bool clock_is_right, long landlock, const std::string& packet_rules)
{
        auto checks = check_modules(root);
        const auto append = [&](std::vector<Check> more) {
                checks.insert(checks.end(), more.begin(), more.end());
        };

        append(check_sysctls(root));
        append({check_cgroup(root), check_swap(root)});
        append(check_limits(root));
        append(check_daemons(root));
        append({check_networkd(root), check_iptables(root), check_firewall(root, packet_rules),
                check_clock(root, clock_is_right), check_security_module(root), check_landlock(landlock)});

        return checks;
}

std::string render_checks(const std::vector<Check>& checks)
{
        std::size_t width = 0;
        for (const auto& one : checks)
                width = std::max(width, one.name.size());
        std::string text;

        for (const auto& one : checks) {
                text += fmt::format("{:<7}  {:<{}}  {}{}\n", state_name(one.state), one.name, width,
                        one.found, one.wanted.empty() ? "" : fmt::format("; wanted: {}", one.wanted));
                if (!one.remedy.empty())
                        text += fmt::format("         {}\n", one.remedy);
        }

        return text;
}

std::string render_checks_as_json(const std::vector<Check>& checks)
{
        auto list = OrderedJson::array();
        for (const auto& one : checks)
                list.push_back({{"name", one.name}, {"state", state_name(one.state)}, {"found", one.found},
                        {"wanted", one.wanted}, {"remedy", one.remedy}});
        return OrderedJson{{"checks", list}}.dump(4, ' ', false, OrderedJson::error_handler_t::replace) +
               "\n";
}

} // namespace eks
