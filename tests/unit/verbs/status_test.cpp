// SPDX-License-Identifier: Apache-2.0
#include <csignal>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "verbs/status/last_boot.hpp"
#include "verbs/status/status.hpp"

using namespace eks;

namespace {

UnitState target(std::string active, std::vector<std::string> pulls_in)
{
        return {.load = "loaded",
                .active = active,
                .sub = active == "active" ? "active" : "dead",
                .pulls_in = std::move(pulls_in)};
}

UnitState done(std::uint64_t started, std::uint64_t finished, std::vector<std::string> pulls_in = {})
{
        return {.load = "loaded",
                .active = "active",
                .sub = "exited",
                .result = "success",
                .status = "wrote a file",
                .started = started,
                .finished = finished,
                .pulls_in = std::move(pulls_in)};
}

// What follows "NAME: " in a verdict; "" if it has no such line.
std::string line_of(const std::string& name, const std::string& text)
{
        const auto begin = text.find(fmt::format("\n  {:<6} ", name + ":"));
        if (begin == std::string::npos)
                return {};
        const auto value = text.substr(
                text.find(':', begin) + 1, text.find('\n', begin + 1) - text.find(':', begin) - 1);
        return value.substr(value.find_first_not_of(' '));
}

} // namespace

TEST_CASE("Edits by hand are listed, and those that decide whom kubelet trusts are marked", "[status]")
{
        CHECK(render_edits({}).empty());
        CHECK(render_edits({"/etc/a", "/etc/kubernetes/pki/ca.crt"}) ==
                "\nedited by hand, not changed:\n"
                "  /etc/a\n"
                "! /etc/kubernetes/pki/ca.crt: it says which API server kubelet trusts\n"
                "our versions are below /var/lib/eks/rendered/\n");
}

TEST_CASE("A node that is up is a tree of steps in the order they started, with their times", "[status]")
{
        const UnitStates units{
                {"eks-node.target", target("active", {"kubelet.service", "containerd.service",
                                                             "eks-configured.target"})},
                {"kubelet.service", {.load = "loaded",
                                            .active = "active",
                                            .sub = "running",
                                            .result = "success",
                                            .started = 3'000'000,
                                            .finished = 3'120'400,
                                            .pulls_in = {"containerd.service", "eks-configured.target"}}},
                {"containerd.service", {.load = "loaded",
                                               .active = "active",
                                               .sub = "running",
                                               .started = 2'000'000,
                                               .finished = 2'080'000}},
                {"eks-configured.target",
                        target("active", {"eks-ca.service", "eks-config.service", "eks-imds.service"})},
                {"eks-imds.service", done(1'000'000, 1'009'600)},
                {"eks-config.service", done(1'010'000, 1'013'000, {"eks-imds.service"})},
                {"eks-ca.service", done(1'014'000, 1'015'499, {"eks-config.service"})},
        };

        CHECK(render_status(units, "eks-node.target") ==
                "● eks-node.target                                     reached\n"
                "├─ ● containerd.service                        80 ms  running\n"
                "├─ ● kubelet.service                          120 ms  running\n"
                "└─ ● eks-configured.target                            reached\n"
                "   ├─ ● eks-imds.service                       10 ms  done\n"
                "   ├─ ● eks-config.service                      3 ms  done\n"
                "   └─ ● eks-ca.service                          1 ms  done\n");
        CHECK(chain_exit_status(units, "eks-node.target") == 0);
}

TEST_CASE("What two daemons need stands below the one that started first", "[status]")
{
        const auto daemon = [](std::uint64_t started) {
                auto unit = done(started, started, {"eks-containerd-config.service"});
                unit.sub = "running";
                return unit;
        };

        const UnitStates units{
                {"eks-node.target", target("active", {"kubelet.service", "containerd.service"})},
                {"kubelet.service", daemon(3'000'000)},
                {"containerd.service", daemon(2'000'000)},
                {"eks-containerd-config.service", done(1'000'000, 1'010'000)},
        };

        CHECK(render_status(units, "eks-node.target") ==
                "● eks-node.target                                     reached\n"
                "├─ ● containerd.service                         0 ms  running\n"
                "│  └─ ● eks-containerd-config.service          10 ms  done\n"
                "└─ ● kubelet.service                            0 ms  running\n");
}

TEST_CASE("A failure shows its status, what the step said, and where to look", "[status]")
{
        const UnitStates units{
                {"eks-node.target", target("inactive", {"kubelet.service", "eks-configured.target"})},
                {"kubelet.service", {.load = "loaded", .active = "inactive", .sub = "dead"}},
                {"eks-configured.target", target("inactive", {"eks-ca.service", "eks-imds.service"})},
                {"eks-imds.service", done(1'000'000, 1'009'600)},
                {"eks-ca.service", {.load = "loaded",
                                           .active = "failed",
                                           .sub = "failed",
                                           .result = "exit-code",
                                           .status = "Failed: no PEM certificate in it. Give one",
                                           .exit_status = 78,
                                           .started = 1'020'000,
                                           .finished = 0}},
        };

        CHECK(render_status(units, "eks-node.target") ==
                "○ eks-node.target                                     not started\n"
                "├─ ○ eks-configured.target                            not started\n"
                "│  ├─ ● eks-imds.service                       10 ms  done\n"
                "│  └─ × eks-ca.service                                FAILED (exit status 78)\n"
                "│          Failed: no PEM certificate in it. Give one\n"
                "│          See: journalctl -b -x -u eks-ca.service\n"
                "└─ ○ kubelet.service                                  not started\n");
        CHECK(chain_exit_status(units, "eks-node.target") == 1);
}

TEST_CASE("A chain on its way shows what is awaited", "[status]")
{
        const UnitStates units{
                {"eks-node.target", target("inactive", {"eks-imds.service"})},
                {"eks-imds.service", {.load = "loaded",
                                             .active = "activating",
                                             .sub = "start",
                                             .status = "Waiting for the instance metadata service",
                                             .started = 1'000'000}},
        };

        CHECK(render_status(units, "eks-node.target") ==
                "○ eks-node.target                                     not started\n"
                "└─ ◌ eks-imds.service                                 working\n"
                "        Waiting for the instance metadata service\n");
        CHECK(chain_exit_status(units, "eks-node.target") == 75);
}

TEST_CASE("Every state has words", "[status]")
{
        struct Row {
                UnitState unit;
                std::string words;
        };
        const std::vector<Row> rows{
                {{.load = "masked", .active = "inactive"}, "masked: run `systemctl unmask` to enable it"},
                {{.load = "not-found", .active = "inactive"}, "not installed"},
                {{.load = "loaded", .active = "inactive", .conditions = false}, "not needed"},
                {{.load = "loaded", .active = "inactive", .asserts = false},
                        "not started: an assertion failed"},
                {{.load = "loaded", .active = "inactive"}, "not started"},
                {{.load = "loaded", .active = "deactivating"}, "deactivating"},
                {{.load = "loaded", .active = "failed", .result = "timeout"}, "FAILED (timeout)"},
                {{.load = "loaded", .active = "failed", .result = "exit-code", .exit_status = 1},
                        "FAILED (exit status 1)"},
                {{.load = "loaded", .active = "active", .sub = "running"}, "running"},
                {{.load = "loaded", .active = "active", .sub = "exited"}, "done"},
        };

        for (const auto& row : rows) {
                const auto text = render_status({{"eks-a.service", row.unit}}, "eks-a.service");
                CAPTURE(text);
                CHECK(text.substr(0, text.find('\n')).ends_with("  " + row.words));
        }
}

TEST_CASE(
        "A unit is shown once, as near to the root as it is pulled in; cycles and units of other packages are left out",
        "[status]")
{
        const UnitStates units{
                {"eks-node.target",
                        target("active", {"eks-a.service", "eks-b.service", "eks-unknown.service"})},
                {"eks-a.service", done(1, 2, {"eks-c.service", "eks-node.target"})},
                {"eks-b.service", done(3, 4, {"eks-c.service", "eks-a.service"})},
                {"eks-c.service", done(5, 6, {"eks-b.service"})},
        };
        CHECK(render_status(units, "eks-node.target") ==
                "● eks-node.target                                     reached\n"
                "├─ ● eks-a.service                              0 ms  done\n"
                "│  └─ ● eks-c.service                           0 ms  done\n"
                "└─ ● eks-b.service                              0 ms  done\n");
}

TEST_CASE("The exit status says up, on its way, or neither", "[status]")
{
        const auto unit = [](const char* active) { return UnitState{.load = "loaded", .active = active}; };
        struct Row {
                const char* root;
                const char* other;
                int status;
        };

        for (const auto& row :
                {Row{"active", "active", 0}, Row{"active", "failed", 1}, Row{"inactive", "activating", 75},
                        Row{"activating", "active", 75}, Row{"inactive", "failed", 1},
                        Row{"activating", "failed", 1}, Row{"inactive", "inactive", 1}}) {
                CAPTURE(row.root, row.other);
                CHECK(chain_exit_status({{"root", unit(row.root)}, {"other", unit(row.other)}}, "root") ==
                        row.status);
        }
}

TEST_CASE("The tree shows our units, containerd and kubelet", "[status]")
{
        for (const auto* name :
                {"eks-ca.service", "eks-node.target", "kubelet.service", "containerd.service"})
                CHECK(in_chain(name));
        for (const auto* name : {"network.target", "sshd.service", "eks.slice", "eks-a.socket",
                     "my-eks-a.service", "eks", "", "kubelet.socket"})
                CHECK_FALSE(in_chain(name));
}

TEST_CASE("A daemon that restarts itself is shown with its last end, and how often", "[status]")
{
        const auto shown = [](UnitState daemon) {
                const UnitStates units{{"eks-node.target", target("inactive", {"kubelet.service"})},
                        {"kubelet.service", std::move(daemon)}};
                CHECK(chain_exit_status(units, "eks-node.target") == 75);
                const auto text = render_status(units, "eks-node.target");
                return text.substr(text.find('\n') + 1);
        };

        UnitState daemon{.load = "loaded",
                .active = "activating",
                .sub = "auto-restart",
                .result = "exit-code",
                .exit_status = 1,
                .restarts = 0,
                .last_line = "Error: no such file"};
        CHECK(shown(daemon) ==
                "└─ × kubelet.service                                  FAILED (exit status 1), restarts "
                "itself\n        Last error: Error: no such file\n");

        auto ending = daemon; // runs its ExecStopPost=
        ending.active = "deactivating";
        ending.sub = "stop-post";
        CHECK(shown(ending) == shown(daemon));
        CHECK(find_blockers({{"eks-node.target", target("inactive", {})}, {"kubelet.service", ending}},
                      "eks-node.target") == std::vector<std::string>{"kubelet.service"});

        daemon.restarts = 3;
        CHECK(shown(daemon).find("FAILED (exit status 1), restarts itself; has done so 3 times\n") !=
                std::string::npos);

        daemon.killed = true;
        daemon.exit_status = 9;
        CHECK(shown(daemon).find("FAILED (killed by signal 9), ") != std::string::npos);

        daemon.result = "watchdog";
        CHECK(shown(daemon).find("FAILED (hung: killed by signal 9), ") != std::string::npos);

        daemon.sub = "start";
        CHECK(shown(daemon).find(
                      "◌ kubelet.service                                  working, restarted itself 3 "
                      "times\n        Last error: Error: no such file\n") != std::string::npos);

        daemon.active = "active";
        daemon.sub = "running";
        daemon.restarts = 1;
        const auto text = render_status({{"kubelet.service", daemon}}, "kubelet.service");
        CHECK(text.find("running, restarted itself once\n") != std::string::npos);
        CHECK(text.find("  Before the restart: Error: no such file\n") != std::string::npos);
}

TEST_CASE("The instance store is shown with its use", "[status]")
{
        const StorageNow use{
                .use =
                        [](const std::string& directory) {
                                CHECK((directory == "/mnt/k8s-disks/0" || directory == "/mnt/two words/0"));
                                return SpaceUse{.used = 1.5 * (1 << 30), .size = 10.0 * (1 << 30)};
                        },
                .loss =
                        [](const std::string& array) {
                                return std::string(array == "/dev/md127" ? "" : "it lacks 1 of its disks");
                        }};

        CHECK(render_storage("", use).empty());
        CHECK(render_storage("disk /dev/nvme1n1 AWS1 5.0 GiB\narray /dev/md127 RAID0 of AWS1, AWS2\n"
                             "mount /mnt/k8s-disks/0 /dev/md127\n",
                      use) == "\ninstance store:\n  disk /dev/nvme1n1 AWS1 5.0 GiB\n"
                              "  array /dev/md127 RAID0 of AWS1, AWS2\n"
                              "  mount /mnt/k8s-disks/0 /dev/md127, 1.5 of 10.0 GiB used\n");
        CHECK(render_storage("mount /mnt/two words/0 /dev/md127\n", use) ==
                "\ninstance store:\n  mount /mnt/two words/0 /dev/md127, 1.5 of 10.0 GiB used\n");
        CHECK(render_storage("array /dev/md0 RAID10 of AWS1\n", use) ==
                "\ninstance store:\n  array /dev/md0 RAID10 of AWS1: it lacks 1 of its disks\n");
}

TEST_CASE("Daemons on an older configuration are named with the command", "[status]")
{
        CHECK(render_stale({}).empty());
        CHECK(render_stale({{"containerd.service", "/etc/containerd/config.toml"}}) ==
                "\nrunning on an older configuration:\n! containerd.service was started before "
                "'/etc/containerd/config.toml' was written: run `systemctl restart containerd.service`\n");
}

TEST_CASE("Swap is shown as configured and as it is on", "[status]")
{
        CHECK(render_swap({}, {}).empty());
        CHECK(render_swap({"off", ""}, {}) == "\nswap: off\n");
        CHECK(render_swap({"zram", ""}, {}) == "\nswap: zram, not on\n");

        const SwapArea ours{"/dev/zram0", 2ULL << 30U, 1ULL << 29U};
        CHECK(render_swap({"zram", "/dev/zram0"}, {ours, {"/swap", 1ULL << 30U, 0}}) ==
                "\nswap: zram\n  /dev/zram0, 0.5 of 2.0 GiB used\n  /swap, 0.0 of 1.0 GiB used, not of eksnode\n");
        CHECK(render_swap({}, {ours}) ==
                "\nswap: not configured\n  /dev/zram0, 0.5 of 2.0 GiB used, not of eksnode\n");
}

TEST_CASE("What happens next is said once: the next attempt, or that there is none", "[status]")
{
        UnitStates units{{"eks-node.target", target("inactive", {"kubelet.service"})},
                {"kubelet.service",
                        {.load = "loaded", .active = "inactive", .requires_ = {"eks-imds.service"}}},
                {"eks-imds.service",
                        {.load = "loaded", .active = "failed", .result = "exit-code", .exit_status = 69}}};
        const auto verdict = [&](Seconds retry_in) {
                return render_verdict(units, "eks-node.target", {.retry_in = retry_in});
        };

        for (const auto& [seconds, words] :
                {std::pair(0, "0 s"), {119, "119 s"}, {120, "2 min"}, {899, "15 min"}}) {
                const auto text = verdict(seconds);
                CAPTURE(text);
                CHECK(text.starts_with("× Blocked by eks-imds.service (exit status 69)\n"));
                CHECK(text.find(std::string("next attempt in ") + words) != std::string::npos);
                CHECK(text.find("will not try again") == std::string::npos);
        }

        CHECK(verdict({}).find("will not try again; when the cause is removed, run `systemctl start") !=
                std::string::npos);
        CHECK(chain_exit_status(units, "eks-node.target", 5) == 75);
        CHECK(chain_exit_status(units, "eks-node.target") == 1);
}

TEST_CASE("A machine that is not a node says why", "[status]")
{
        const UnitStates units{{"eks-node.target", target("inactive", {})}};
        const auto text = render_verdict(units, "eks-node.target",
                {.chosen = false, .why_not = "/etc/eks/node.disabled exists; remove it"});
        CHECK(text.starts_with("○ This machine is not a node: /etc/eks/node.disabled exists; remove it\n"));
}

TEST_CASE("Steps that are not needed are listed below the tree, and hide nothing", "[status]")
{
        const auto skipped = [](std::vector<std::string> pulls_in) {
                return UnitState{.load = "loaded",
                        .active = "inactive",
                        .conditions = false,
                        .pulls_in = std::move(pulls_in)};
        };

        auto closed = skipped({});
        closed.active = "failed"; // before `eksnode apply` closed its gate
        closed.gate_closed = true;
        const UnitStates units{
                {"eks-node.target", target("active", {"eks-a.service", "eks-b.service", "eks-d.service"})},
                {"eks-a.service", skipped({"eks-c.service"})},
                {"eks-b.service", done(1, 2)},
                {"eks-c.service", done(3, 4)},
                {"eks-d.service", closed},
        };

        CHECK(render_status(units, "eks-node.target") ==
                "● eks-node.target                                     reached\n"
                "├─ ● eks-b.service                              0 ms  done\n"
                "└─ ● eks-c.service                              0 ms  done\n"
                "○ not needed: eks-a eks-d\n");
        CHECK(chain_exit_status(units, "eks-node.target") == 0);
}

TEST_CASE("What blocks the node is named by its root, not by what follows from it", "[status]")
{
        const auto failed = [](std::uint64_t started, int status, std::vector<std::string> requires_) {
                return UnitState{.load = "loaded",
                        .active = "failed",
                        .result = "exit-code",
                        .exit_status = status,
                        .started = started,
                        .requires_ = std::move(requires_)};
        };

        UnitStates units{{"eks-node.target", target("inactive", {"kubelet.service"})},
                {"kubelet.service", failed(9, 1, {"eks-config.service", "eks-ca.service"})},
                {"eks-config.service", failed(1, 78, {"eks-imds.service"})},
                {"eks-imds.service", failed(5, 69, {})},
                {"eks-ca.service", {.load = "masked", .active = "inactive"}},
                {"eks-sandbox-image.service", failed(2, 69, {})}};
        using Names = std::vector<std::string>;
        CHECK(find_blockers(units, "eks-node.target") ==
                Names{"eks-imds.service", "eks-config.service", "kubelet.service"});

        // systemd starts nothing that requires a masked unit.
        for (const auto* name : {"kubelet.service", "eks-config.service", "eks-imds.service"})
                units.at(name).active = "inactive";
        CHECK(find_blockers(units, "eks-node.target") == Names{"eks-ca.service"});

        units.at("eks-imds.service").active = "activating"; // at boot the others start
        CHECK(find_blockers(units, "eks-node.target").empty());

        units.at("eks-imds.service").active = "active";
        units.at("kubelet.service").lacks = {"eks-ca.service"};
        units.at("eks-config.service").active = "activating";
        CHECK(find_blockers(units, "eks-node.target") == Names{"eks-ca.service"});

        const auto text = render_verdict(units, "eks-node.target", {});
        CHECK(text.starts_with("× Blocked by eks-ca.service (masked)\n"));
        CHECK(text.find("`systemctl unmask eks-ca.service` and `systemctl start eks-node.target`") !=
                std::string::npos);
}

TEST_CASE("A node that is up says what it lacks", "[status]")
{
        UnitStates units{{"eks-node.target", target("active", {"kubelet.service"})},
                {"kubelet.service", {.load = "loaded", .active = "active", .sub = "running"}},
                {"eks-sandbox-image.service",
                        {.load = "loaded", .active = "failed", .result = "exit-code", .exit_status = 69}}};
        const auto first = [&] {
                const auto text = render_verdict(units, "eks-node.target", {});
                return text.substr(0, text.find('\n'));
        };

        CHECK(first() == "! The node is up, but without eks-sandbox-image.service (exit status 69)");

        units.erase("eks-sandbox-image.service");
        CHECK(first() == "● The node is up: kubelet is running");

        units.at("kubelet.service").warnings = {"mind this"};
        CHECK(first() == "● The node is up: kubelet is running; a step warned, see '!' below");

        units.at("kubelet.service").registered = true;
        CHECK(first() == "● The node is up: kubelet has registered it; a step warned, see '!' below");

        units.at("kubelet.service").ready = false;
        units.at("kubelet.service").why_not_ready = "cni plugin not initialized";
        CHECK(first() == "! kubelet has registered the node, which is not Ready");
        CHECK(chain_exit_status(units, "eks-node.target", std::nullopt) == 75);

        units.at("kubelet.service").ready = true;
        CHECK(first() ==
                "● The node is up: kubelet has registered it, and it is Ready; a step warned, see '!' below");

        units.at("kubelet.service").not_registered = "Unauthorized";
        CHECK(first() == "! kubelet runs, but could not register the node");
        CHECK(chain_exit_status(units, "eks-node.target") == 75);
}

TEST_CASE("What keeps a unit from being started is the cause, with the file to change", "[status]")
{
        UnitStates units{{"eks-node.target", target("inactive", {"kubelet.service"})},
                {"kubelet.service", {.load = "loaded",
                                            .active = "inactive",
                                            .conditions = false,
                                            .requires_ = {"eks-ca.service"}}},
                {"eks-ca.service", {.load = "bad-setting", .active = "inactive"}}};
        units.at("eks-ca.service").obstacle = {
                "systemd refuses its file", "it has no ExecStart=", "/etc/a.conf"};
        CHECK(render_verdict(units, "eks-node.target", {})
                        .starts_with("× Blocked by eks-ca.service (systemd refuses its file)\n"
                                     "  Cause: it has no ExecStart=\n"
                                     "  Change: /etc/a.conf\n"));
        CHECK(chain_exit_status(units, "eks-node.target") == 1);

        units.at("eks-ca.service") = done(1, 2);
        units.at("kubelet.service").obstacle = {
                "not started", "ConditionPathExists=/a is not met", "/etc/b.conf", "create /a"};
        CHECK(render_verdict(units, "eks-node.target", {})
                        .starts_with("× Blocked by kubelet.service (not started)\n"
                                     "  Cause: ConditionPathExists=/a is not met\n"));
        CHECK(line_of("Next", render_verdict(units, "eks-node.target", {})) ==
                "will not try again; create /a and run `systemctl start eks-node.target`; or correct the file, run "
                "`systemctl daemon-reload` and `systemctl start eks-node.target`");
        CHECK(chain_exit_status(units, "eks-node.target") == 1);
        CHECK(render_status(units, "eks-node.target")
                        .find("not started: ConditionPathExists=/a is not met\n") != std::string::npos);

        units.at("kubelet.service").obstacle.reset();
        units.at("kubelet.service").conditions = true;
        units.at("kubelet.service").waits_for = "slow.service";
        CHECK(render_verdict(units, "eks-node.target", {})
                        .starts_with(
                                "◌ Waiting for slow.service, which kubelet.service is ordered after\n"));
        CHECK(chain_exit_status(units, "eks-node.target") == 75);
}

TEST_CASE("How systemd ended a unit is said in words, with its last message", "[status]")
{
        UnitStates units{{"eks-node.target", target("inactive", {"kubelet.service"})},
                {"kubelet.service", {.load = "loaded", .active = "failed"}}};
        auto& kubelet = units.at("kubelet.service");
        const auto cause = [&] { return line_of("Cause", render_verdict(units, "eks-node.target", {})); };
        kubelet.result = "timeout";
        CHECK(cause() == "it exceeded the time limit of its unit and was stopped");

        kubelet.result = "oom-kill";
        kubelet.last_line = "loading";
        CHECK(cause() == "the kernel killed it because memory ran out; its last message: loading");

        kubelet.result = "core-dump";
        kubelet.killed = true;
        kubelet.exit_status = 11;
        CHECK(cause() == "it was killed by SIGSEGV; its last message: loading");

        kubelet.failed_command = "ExecStartPre=/bin/a ended with exit status 1";
        CHECK(cause() == "ExecStartPre=/bin/a ended with exit status 1; its last message: loading");
        CHECK(reason_of(kubelet) == "a command before it failed");
}

TEST_CASE("For a daemon's error that names no setting, the drop-ins of its unit are named", "[status]")
{
        UnitStates units{{"eks-node.target", target("inactive", {"kubelet.service"})},
                {"kubelet.service", {.load = "loaded", .active = "failed"}}};
        auto& kubelet = units.at("kubelet.service");
        kubelet.last_line = "failed to initialize";
        const auto change = [&] { return line_of("Change", render_verdict(units, "eks-node.target", {})); };

        CHECK(change().empty());

        kubelet.settings["/etc/a.conf"] = {"User=", "Nice="};
        CHECK(change() == "perhaps the drop-in /etc/a.conf, which sets User=, Nice=");
        CHECK(line_of("Next", render_verdict(units, "eks-node.target", {}))
                        .find("`systemctl daemon-reload` and ") != std::string::npos);

        kubelet.last_line = "chmod /var/lib/kubelet: operation not permitted";
        CHECK(change() == "the drop-in /etc/a.conf, which sets User=");

        kubelet.last_line = "failed to initialize";
        kubelet.places = {"kubelet.config.maxPods (user data, line 3)"};
        CHECK(change().starts_with("kubelet.config.maxPods (user data, line 3)"));
}

TEST_CASE("A time limit is named with its value, and the drop-in that sets it", "[status]")
{
        UnitStates units{{"eks-node.target", target("inactive", {"kubelet.service"})},
                {"kubelet.service", {.load = "loaded", .active = "failed", .result = "timeout"}}};
        auto& kubelet = units.at("kubelet.service");
        kubelet.time_limit = "TimeoutStartSec=5s";
        kubelet.settings["/etc/a.conf"] = {"TimeoutStartSec=1s", "Nice="};
        const auto text = render_verdict(units, "eks-node.target", {});
        CHECK(line_of("Cause", text) == "it exceeded TimeoutStartSec=5s and was stopped");
        CHECK(line_of("Change", text) == "the drop-in /etc/a.conf, which sets TimeoutStartSec=1s");
}

TEST_CASE("For a daemon that crashes, its program and core dump are named", "[status]")
{
        UnitStates units{{"eks-node.target", target("inactive", {"containerd.service"})},
                {"containerd.service", {.load = "loaded",
                                               .active = "failed",
                                               .result = "core-dump",
                                               .exit_status = SIGSEGV,
                                               .killed = true}}};
        units.at("containerd.service").program = "/usr/bin/containerd";
        const auto change = [&](bool core_dumps) {
                return line_of(
                        "Change", render_verdict(units, "eks-node.target", {.core_dumps = core_dumps}));
        };

        CHECK(change(false) ==
                "the program /usr/bin/containerd, which crashed: install another version of it");
        CHECK(change(true).ends_with("; `coredumpctl info /usr/bin/containerd` shows where it crashed"));
}

TEST_CASE("A program that systemd cannot execute is to be installed again", "[status]")
{
        UnitStates units{{"eks-node.target", target("inactive", {"kubelet.service"})},
                {"kubelet.service",
                        {.load = "loaded", .active = "failed", .result = "exit-code", .exit_status = 203}}};
        auto& kubelet = units.at("kubelet.service");
        kubelet.program = "/usr/bin/kubelet";
        const auto change = [&] { return line_of("Change", render_verdict(units, "eks-node.target", {})); };

        kubelet.cause = "Failed to execute /usr/bin/kubelet: No such file or directory";
        CHECK(change() == "/usr/bin/kubelet is not there: install the package that it belongs to again");

        kubelet.cause = "Failed to execute /usr/bin/kubelet: Exec format error";
        CHECK(change() == "/usr/bin/kubelet is damaged, or for another architecture: install it again");

        kubelet.drop_ins = {"/etc/a.conf"};
        CHECK(change() == "the drop-in /etc/a.conf");
}

TEST_CASE("A certificate that is out of date is blamed on the clock only if nothing keeps it right",
        "[status]")
{
        UnitStates units{{"eks-node.target", target("active", {"kubelet.service"})},
                {"kubelet.service", {.load = "loaded", .active = "active", .sub = "running"}}};
        auto& kubelet = units.at("kubelet.service");
        kubelet.not_registered = "x509: certificate has expired or is not yet valid: current time …";
        kubelet.places = {"cluster.apiServerEndpoint (user data, line 4)",
                "cluster.certificateAuthority (user data, line 5)"};
        const auto change = [&](bool synchronised) {
                return line_of("Change",
                        render_verdict(units, "eks-node.target", {.clock_synchronised = synchronised}));
        };

        CHECK(change(true).starts_with(
                "the certificate of the server at cluster.apiServerEndpoint (user data, line 4), or of a proxy"));
        CHECK(change(false).starts_with("first the clock of this machine, which is not synchronised"));
}

TEST_CASE("An ordering cycle is found, and its way is told", "[status]")
{
        UnitStates units;
        units["a.service"].after = {"b.service"};
        units["b.service"].after = {"c.service", "d.service"};
        units["c.service"].after = {};
        units["d.service"].after = {"a.service"};
        CHECK(ordering_cycle(units, "a.service") ==
                std::vector<std::string>{"a.service", "b.service", "d.service"});
        CHECK(ordering_cycle(units, "d.service") ==
                std::vector<std::string>{"d.service", "a.service", "b.service"});
        CHECK(ordering_cycle(units, "c.service").empty());
}

TEST_CASE("While a step is awaited, the first warning stands beside it", "[status]")
{
        UnitStates units{{"eks-node.target", target("inactive", {"eks-cluster.service"})},
                {"eks-config.service", done(1, 2)},
                {"eks-cluster.service", {.load = "loaded", .active = "activating", .sub = "start"}}};
        units.at("eks-config.service").warnings = {"clutser is unknown"};
        CHECK(line_of("Warned", render_verdict(units, "eks-node.target", {})) == "clutser is unknown");
}

TEST_CASE("The last boot of another root begins with the first failure", "[status]")
{
        constexpr std::uint64_t time = 1'764'180'000'000'000; // 2025-11-26 18:00:00 UTC
        std::vector<EndedUnit> units{{"eks-imds", "changed", "wrote /run/eks/imds.json", "", time},
                {"eks-config", "failed", "user data, line 3: swap: unknown", "Write zram", time},
                {"kubelet.service", "", "kubelet.service ended: no such flag", "", time}};
        CHECK(last_boot_exit_status(units) == 1);

        const auto text = render_last_boot(units);
        CHECK(text.starts_with("× eks-config failed in the last boot, at 2025-11-26 18:00:00 UTC\n"
                               "  Cause: user data, line 3: swap: unknown\n"
                               "  Change: Write zram\n"));
        CHECK(text.find("\n● eks-imds ") != text.npos);
        CHECK(text.find("\n× kubelet.service ") != text.npos);

        units.resize(1);
        CHECK(last_boot_exit_status(units) == 0);
        CHECK(render_last_boot(units).starts_with(
                "● Nothing failed in the last boot, until 2025-11-26 18:00:00 UTC\n"));
}

TEST_CASE("Without a record, the exit status tells what systemd could not set up", "[status]")
{
        struct Row {
                int status;
                const char* cause;
        };
        const auto row = GENERATE(values<Row>({{203, "  Cause: systemd could not execute its program\n"},
                {217, "  Cause: systemd could not set its User=\n"}, {226, "mount namespace"}}));
        UnitStates units{{"eks-node.target", target("inactive", {"containerd.service"})},
                {"containerd.service", {.load = "loaded",
                                               .active = "failed",
                                               .result = "exit-code",
                                               .exit_status = row.status}}};
        units.at("eks-node.target").requires_ = {"containerd.service"};
        INFO(row.status);
        CHECK(render_verdict(units, "eks-node.target", {}).find(row.cause) != std::string::npos);
}
