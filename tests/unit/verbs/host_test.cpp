// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "support.hpp"
#include "verbs/host/host.hpp"

using namespace eks;
using State = Check::State;
using test::TemporaryDirectory;

namespace {

// A machine on which everything is as it should be, with our files of sysctl.d.
void set_up(const TemporaryDirectory& machine)
{
        machine.write("/proc/filesystems", "nodev\tsysfs\nnodev\toverlay\n\text4\n");
        machine.write("/proc/sys/net/bridge/bridge-nf-call-iptables", "1\n");
        machine.write("/proc/swaps", "Filename\t\t\t\tType\t\tSize\n");

        for (const auto* name : {"67-eks-reserved-ports", "90-eks", "99-kubernetes-cri"})
                machine.write(fmt::format("/usr/lib/sysctl.d/{}.conf", name),
                        test::source_file(fmt::format("dropins/sysctl.d/{}.conf", name)));
        machine.write("/usr/lib/eks/sysctl.d/99-amazon.conf",
                test::source_file("dropins/sysctl.d/99-amazon.conf"));
        machine.write(
                "/proc/sys/net/ipv4/ip_local_reserved_ports", "22,2703,9808-9809,10249-10256,61678-61679\n");
        machine.write("/proc/sys/kernel/pid_max", "4194304\n");
        machine.write("/proc/sys/fs/inotify/max_user_instances", "8192\n");
        machine.write("/proc/sys/fs/inotify/max_user_watches", "1048576\n");
        machine.write("/proc/sys/vm/max_map_count", "524288\n");
        machine.write("/proc/sys/vm/overcommit_memory", "1\n");
        machine.write("/proc/sys/kernel/panic", "10\n");
        machine.write("/proc/sys/kernel/panic_on_oops", "1\n");
        machine.write("/proc/sys/net/ipv4/ip_forward", "1\n");
        machine.link("/usr/sbin/iptables", "/etc/alternatives/iptables");
        machine.link("/etc/alternatives/iptables", "/usr/sbin/iptables-nft");
        machine.link("/usr/sbin/iptables-nft", "xtables-nft-multi");
        machine.write("/usr/sbin/xtables-nft-multi", "");
}

void start(const TemporaryDirectory& machine, const std::string& unit)
{
        machine.link("/run/systemd/units/invocation:" + unit, "0123456789abcdef0123456789abcdef");
}

Check named(const std::vector<Check>& checks, std::string_view name)
{
        for (const auto& one : checks)
                if (one.name == name)
                        return one;
        return {std::string(name), State::unknown, "not checked", "", ""};
}

} // namespace

TEST_CASE("A machine that is as a node needs it has no problem and no warning", "[host]")
{
        const TemporaryDirectory machine;
        set_up(machine);
        const auto checks = check_host(machine.root(), true, 1);
        CHECK(checks.size() >= 19);

        for (const auto& one : checks) {
                CAPTURE(one.name, one.found);
                CHECK((one.state == State::ok || one.state == State::unknown));
                CHECK(one.remedy.empty());
        }

        CHECK(named(checks, "sysctl fs.inotify.max_user_watches").found == "1048576");
        CHECK(named(checks, "sysctl net.bridge.bridge-nf-call-ip6tables").found ==
                "this kernel does not have it");
        CHECK(named(checks, "iptables").found == "nf_tables");
        CHECK(named(checks, "security module").found == "neither SELinux nor AppArmor");
}

TEST_CASE("A kernel parameter with another value is said, with the file that has it", "[host]")
{
        const TemporaryDirectory machine;
        set_up(machine);
        machine.write("/etc/sysctl.d/99-cis.conf", "# hardened\nnet.ipv4.ip_forward = 0\n");
        machine.write("/proc/sys/net/ipv4/ip_forward", "0\n");
        machine.write("/proc/sys/vm/max_map_count", "65530\n");
        machine.write("/proc/sys/kernel/panic_on_oops", "0\n");
        machine.write("/proc/sys/net/ipv4/ip_local_reserved_ports", "\n");
        const auto checks = check_sysctls(machine.root());
        CHECK(named(checks, "sysctl net.ipv4.ip_forward") ==
                Check{"sysctl net.ipv4.ip_forward", State::problem, "0", "1",
                        "It is set in /etc/sysctl.d/99-cis.conf, line 2. Remove it there, and run "
                        "`systemctl restart systemd-sysctl.service`"});

        const auto few = named(checks, "sysctl vm.max_map_count");
        CHECK(few.state == State::warning);
        CHECK(few.wanted == "524288 or more");
        CHECK(few.remedy.find("/usr/lib/sysctl.d/90-eks.conf, line 16") != std::string::npos);
        CHECK(named(checks, "sysctl net.ipv4.ip_local_reserved_ports").found == "empty");

        const auto of_node = named(checks, "sysctl kernel.panic_on_oops");
        CHECK(of_node.state == State::problem);
        CHECK(of_node.remedy.find("/usr/lib/eks/sysctl.d/99-amazon.conf, line ") != std::string::npos);
        CHECK(of_node.remedy.find("`systemctl restart eks-kernel-defaults.service`") != std::string::npos);
}

TEST_CASE("What the configuration sets is wanted, and beats our files", "[host]")
{
        const TemporaryDirectory machine;
        set_up(machine);
        machine.write("/run/sysctl.d/99-zz-eks.conf", "kernel.panic = 30\nnet.ipv4.tcp_rmem = 1 2 3\n");
        machine.write("/proc/sys/net/ipv4/tcp_rmem", "1\t2\t3\n");
        const auto checks = check_sysctls(machine.root());
        CHECK(named(checks, "sysctl kernel.panic").wanted == "30");
        CHECK(named(checks, "sysctl net.ipv4.tcp_rmem").state == State::ok);
}

TEST_CASE("An image without our files is told of them", "[host]")
{
        const TemporaryDirectory machine;
        const auto checks = check_sysctls(machine.root());
        REQUIRE(checks.size() == 1);
        CHECK(checks.front().state == State::warning);
        CHECK(named(check_modules(machine.root()), "module overlay").state == State::problem);
        CHECK(named(check_modules(machine.root()), "module br_netfilter").state == State::warning);
}

TEST_CASE("Swap stops kubelet unless it is told otherwise", "[host]")
{
        const TemporaryDirectory machine;
        CHECK(check_swap(machine.root()).state == State::ok);
        machine.write(
                "/proc/swaps", "Filename\t\t\t\tType\n/dev/zram0                              partition\n");
        CHECK(check_swap(machine.root()).state == State::problem);
        CHECK(check_swap(machine.root()).found == "/dev/zram0");
        machine.write("/etc/kubernetes/kubelet/config.json", R"({"failSwapOn": false})");
        CHECK(check_swap(machine.root()).state == State::ok);
}

TEST_CASE("Swap is compared with what is configured", "[host]")
{
        const TemporaryDirectory machine;
        machine.write("/etc/kubernetes/kubelet/config.json", R"({"failSwapOn": false})");
        machine.write("/run/eks/swap", "zram\n");
        CHECK(check_swap(machine.root()) ==
                Check{"swap", State::warning, "none", "zram", "See `systemctl status eks-swap.service`"});
        machine.write("/proc/swaps", "/dev/zram0 partition 1 0 100\n");
        machine.write("/run/eks/swap", "zram /dev/zram0\n");
        CHECK(check_swap(machine.root()) ==
                Check{"swap", State::ok, "/dev/zram0, of swap = 'zram'", "", ""});
        machine.write("/run/eks/swap", "off\n");
        CHECK(check_swap(machine.root()).state == State::warning);
        CHECK(check_swap(machine.root()).wanted == "none");
        machine.write("/proc/swaps", "");
        CHECK(check_swap(machine.root()) == Check{"swap", State::ok, "none", "", ""});
}

TEST_CASE("cgroup v1 is a problem for the kubelets that refuse it", "[host]")
{
        const TemporaryDirectory machine;
        CHECK(check_cgroup(machine.root()).state == State::unknown);
        machine.write("/sys/fs/cgroup/tasks", "");
        CHECK(check_cgroup(machine.root()).state == State::warning);
        machine.write("/etc/eks/kubelet-version.txt", "v1.35.0\n");
        CHECK(check_cgroup(machine.root()).state == State::problem);
        machine.write("/etc/kubernetes/kubelet/config.json", R"({"failCgroupV1": false})");
        CHECK(check_cgroup(machine.root()).state == State::warning);
}

TEST_CASE("networkd must leave routes and rules of others alone", "[host]")
{
        const TemporaryDirectory machine;
        CHECK(check_networkd(machine.root()).found == "does not run");

        start(machine, "systemd-networkd.service");
        const auto bare = check_networkd(machine.root());
        CHECK(bare.state == State::problem);
        CHECK(bare.found == "ManageForeignRoutes=yes");
        CHECK(bare.remedy.find("eks-host(7)") != std::string::npos);

        machine.write("/usr/lib/systemd/networkd.conf.d/80-release.conf",
                test::source_file("dropins/networkd.conf.d/80-release.conf"));
        CHECK(check_networkd(machine.root()).state == State::ok);

        machine.write("/etc/systemd/networkd.conf.d/90-mine.conf",
                "[Network]\nManageForeignRoutingPolicyRules = true\n");
        const auto other = check_networkd(machine.root());
        CHECK(other.found == "ManageForeignRoutingPolicyRules=true");
        CHECK(other.remedy.find("/etc/systemd/networkd.conf.d/90-mine.conf") != std::string::npos);
}

TEST_CASE("Rules of both implementations of iptables are said", "[host]")
{
        const TemporaryDirectory machine;
        CHECK(check_iptables(machine.root()).found == "not installed");

        set_up(machine);
        machine.write("/proc/net/ip_tables_names", "nat\nfilter\n");
        const auto both = check_iptables(machine.root());
        CHECK(both.state == State::warning);
        CHECK(both.found == "nf_tables, and tables of the legacy program (nat, filter)");

        const TemporaryDirectory old;
        old.link("/usr/sbin/iptables", "xtables-legacy-multi");
        old.write("/proc/net/ip_tables_names", "nat\n");
        CHECK(check_iptables(old.root()).found == "legacy");
}

TEST_CASE("A running firewall is named", "[host]")
{
        const TemporaryDirectory machine;
        CHECK(check_firewall(machine.root()).found == "none");

        start(machine, "ufw.service");
        machine.write("/etc/ufw/ufw.conf", "ENABLED=no\n");
        CHECK(check_firewall(machine.root()).found == "none");

        machine.write("/etc/ufw/ufw.conf", "ENABLED=yes\n");
        CHECK(check_firewall(machine.root()).found == "ufw.service runs");

        const TemporaryDirectory filtered;
        const auto found = [&](const std::string& rules) { return check_firewall(filtered.root(), rules); };
        CHECK(found("-P OUTPUT ACCEPT\n-A OUTPUT -j KUBE-FIREWALL\n-A KUBE-FIREWALL -j DROP\n").state ==
                State::ok);

        const auto dropped = found("-P INPUT ACCEPT\n-A OUTPUT -d 169.254.169.254/32 -j DROP\n");
        CHECK(dropped.state == State::warning);
        CHECK(dropped.found == "`-A OUTPUT -d 169.254.169.254/32 -j DROP`");
        CHECK(found("-P OUTPUT DROP\n").state == State::warning);

        const TemporaryDirectory other;
        start(other, "firewalld.service");
        CHECK(check_firewall(other.root()).state == State::warning);
}

TEST_CASE("A clock without a time service is reported", "[host]")
{
        const TemporaryDirectory machine;
        CHECK(check_clock(machine.root(), true).state == State::ok);
        CHECK(check_clock(machine.root(), false).found == "not synchronised; no time service runs");
        start(machine, "chrony.service");
        CHECK(check_clock(machine.root(), false).found == "not synchronised; chrony.service runs");
}

TEST_CASE("Limits of the daemons are those that their processes have", "[host]")
{
        const TemporaryDirectory machine;
        machine.write("/sys/fs/cgroup/runtime.slice/containerd.service/cgroup.procs", "812\n900\n");
        machine.write("/sys/fs/cgroup/runtime.slice/containerd.service/pids.max", "max\n");
        const auto* const header =
                "Limit                     Soft Limit           Hard Limit           Units     \n";
        machine.write("/proc/812/limits",
                fmt::format(
                        "{}Max open files            1024                 1048576              files     \n",
                        header));
        CHECK(named(check_limits(machine.root()), "limits of containerd").found ==
                "all tasks, 1048576 open files");
        CHECK(named(check_limits(machine.root()), "limits of kubelet").state == State::unknown);

        machine.write("/proc/812/limits",
                fmt::format(
                        "{}Max open files            1024                 4096                 files     \n",
                        header));
        CHECK(named(check_limits(machine.root()), "limits of containerd").state == State::warning);
}

TEST_CASE("SELinux and AppArmor are named", "[host]")
{
        const TemporaryDirectory machine;
        machine.write("/sys/module/apparmor/parameters/enabled", "Y\n");
        CHECK(check_security_module(machine.root()).found == "AppArmor");
        machine.write("/sys/fs/selinux/enforce", "1");
        CHECK(check_security_module(machine.root()).found == "SELinux, enforcing");
}

TEST_CASE("The checks are printed for people and as JSON", "[host]")
{
        const std::vector<Check> checks{{"cgroup", State::ok, "v2", "", ""},
                {"swap", State::problem, "/swap", "none", "Run `swapoff -a`"}};
        CHECK(render_checks(checks) == "ok       cgroup  v2\n"
                                       "problem  swap    /swap; wanted: none\n"
                                       "         Run `swapoff -a`\n");

        const auto json = nlohmann::json::parse(render_checks_as_json(checks));
        CHECK(json["checks"][1] == nlohmann::json{{"name", "swap"}, {"state", "problem"}, {"found", "/swap"},
                                           {"wanted", "none"}, {"remedy", "Run `swapoff -a`"}});
}

TEST_CASE("A kernel without Landlock is a warning", "[host]")
{
        CHECK(check_landlock(1).state == State::ok);
        CHECK(check_landlock(0).state == State::warning);
        const TemporaryDirectory machine;
        set_up(machine);
        CHECK(named(check_host(machine.root(), true, 0), "landlock").state == State::warning);
}

TEST_CASE("A daemon that was started before its file was written is a warning", "[host]")
{
        const TemporaryDirectory machine;
        CHECK(check_daemons(machine.root()).empty());

        start(machine, "kubelet.service");
        machine.write("/run/eks/environment/kubelet", "A=b\n");
        const timespec times[2] = {{1'000, 0}, {1'000, 0}};
        REQUIRE(::utimensat(AT_FDCWD, machine("/run/systemd/units/invocation:kubelet.service").c_str(),
                        times, AT_SYMLINK_NOFOLLOW) == 0);

        const auto checks = check_daemons(machine.root());
        REQUIRE(checks.size() == 1);
        CHECK(checks.front().name == "configuration of kubelet.service");
        CHECK(checks.front().state == State::warning);
        CHECK(checks.front().remedy.find("systemctl restart kubelet.service") != std::string::npos);
}
