// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "fixture.hpp"
#include "steps/sysctl/sysctl.hpp"

using namespace eks;
using test::captured_child;
using test::file_in;
using test::ReferenceNode;

namespace {

constexpr auto pid_max = "/proc/sys/kernel/pid_max";
constexpr auto backlog = "/proc/sys/net/core/somaxconn";

// A node that is to have these parameters.
NodeInputs with(const ReferenceNode& node, std::vector<Sysctl> wanted)
{
        auto inputs = node.inputs();
        inputs.spec.host.sysctls = std::move(wanted);
        return inputs;
}
// A node that is to have these huge pages.
NodeInputs with_pages(const ReferenceNode& node, std::vector<Sysctl> wanted)
{
        auto inputs = node.inputs();
        inputs.spec.host.huge_pages = std::move(wanted);
        return inputs;
}
Sysctl of_profile(const std::string& name, const std::string& value)
{
        return {name, value, "sysctl." + name, {"p.toml", 3, 1}, true};
}
Sysctl of_layer(const std::string& name, const std::string& value)
{
        return {name, value, "sysctl." + name, {"user data", 4, 2}, false};
}

// The step's run: its exit status and output.
test::ChildResult run(const NodeInputs& inputs)
{
        return captured_child([&] {
                std::string name = "eks-sysctl";
                std::string root = "--root=" + inputs.root.prefix();
                std::vector<char*> arguments{name.data(), root.data()};
                return run_step({.name = "eks-sysctl",
                                        .purpose = "test",
                                        .access = {.reads = {"/"},
                                                .writes = {"/proc/sys", "/run/sysctl.d", "/sys"}}},
                        2, arguments.data(), [&](Context& context) { set_sysctls(context, inputs); });
        });
}

bool mentions(const std::string& text, const std::string& part)
{
        return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("The plan is a file of sysctl.d(5)", "[sysctl]")
{
        const ReferenceNode node;
        const auto plan = plan_sysctl(with(node,
                {of_profile("kernel/pid_max", "100000"), of_layer("net/ipv4/conf/eth0.1/forwarding", "1")}));
        const auto& file = file_in(plan, "/run/sysctl.d/99-zz-eks.conf");
        CHECK(file.content == "kernel/pid_max = 100000\nnet/ipv4/conf/eth0.1/forwarding = 1\n");
        CHECK(file_in(plan_sysctl(with(node, {})), "/run/sysctl.d/99-zz-eks.conf").kind ==
                File::Kind::absent);
}

TEST_CASE("An admin's file beats the profile, and is beaten by the configuration", "[sysctl]")
{
        const ReferenceNode node;
        const std::string line = GENERATE("kernel.pid_max = 5", " kernel/pid_max=5 ", "-kernel.pid_max = 5",
                "kernel.* = 5", "# comment\n\nkernel.pid_max=5");
        const std::string path =
                GENERATE("/etc/sysctl.d/10-a.conf", "/run/sysctl.d/10-a.conf", "/etc/sysctl.conf");
        CAPTURE(line, path);
        node.write(path, line + "\n");
        const auto plan = plan_sysctl(with(node, {of_profile("kernel/pid_max", "6")}));
        CHECK(plan.files[0].kind == File::Kind::absent);
        REQUIRE(plan.notes.size() == 1);
        CHECK(plan.notes[0].level == Level::info);
        CHECK(mentions(plan.notes[0].text, "kernel/pid_max keeps the value of " + path + ", line "));

        const auto own = plan_sysctl(with(node, {of_layer("kernel/pid_max", "6")}));
        CHECK(own.files[0].content == "kernel/pid_max = 6\n");
        CHECK(own.notes.empty());
}

TEST_CASE("Other lines, masked files and our own file do not take a parameter away", "[sysctl]")
{
        const ReferenceNode node;
        node.write("/etc/sysctl.d/10-a.conf",
                "# kernel.pid_max = 5\n;kernel.pid_max = 5\nkernel.pid_maxi = 5\n"
                "kernel.pid_max\nvm.* = 1\n*.pid_max = 1\n");
        node.write("/run/sysctl.d/20-b.conf", "kernel.pid_max = 5\n");
        node.link("/etc/sysctl.d/20-b.conf", "/dev/null");
        node.write("/run/sysctl.d/99-zz-eks.conf", "kernel/pid_max = 5\n");
        node.write("/etc/sysctl.d/README", "kernel.pid_max = 5\n");
        CHECK(plan_sysctl(with(node, {of_profile("kernel/pid_max", "6")})).notes.size() == 1); // *.pid_max

        node.write("/etc/sysctl.d/10-a.conf",
                "# kernel.pid_max = 5\n;kernel.pid_max = 5\nkernel.pid_maxi = 5\n"
                "kernel.pid_max\nvm.* = 1\n*.max = 1\n");
        CHECK(plan_sysctl(with(node, {of_profile("kernel/pid_max", "6")})).notes.empty());
}

TEST_CASE("What differs is set, with what was there; what does not is left alone", "[sysctl]")
{
        const ReferenceNode node;
        node.write(pid_max, "32768\n");
        node.write(backlog, "4096\t131072\t6291456\n");
        const auto inputs = with(node, {of_profile("kernel/pid_max", "100"),
                                               of_profile("net/core/somaxconn", "4096 131072  6291456")});
        const auto first = run(inputs);
        CHECK(first.status == 0);
        CHECK(mentions(first.err, "kernel/pid_max = 100 (was 32768), 1 kernel parameter already set"));
        CHECK(node.read(pid_max).starts_with("100\n"));
        CHECK(node.read(backlog) == "4096\t131072\t6291456\n");

        node.write(pid_max, "100\n"); // a real one is not longer than what was written
        CHECK(mentions(run(inputs).err, "2 kernel parameters already set"));
}

TEST_CASE("A parameter that the kernel does not have is a warning, and the others are set", "[sysctl]")
{
        const ReferenceNode node;
        node.write(pid_max, "3\n");
        const auto result = run(with(node,
                {of_layer("a/b", "1"), of_layer("kernel/pid_max", "5"), of_layer("kernel/pid_max/x", "1")}));
        CHECK(result.status == 0);
        CHECK(mentions(result.err, "a/b, kernel/pid_max/x: this kernel has no such parameter"));
        CHECK(mentions(result.err, ", proceeding"));
        CHECK(node.read(pid_max) == "5\n");
}

TEST_CASE("A parameter that cannot be written is a failure of its own, after all others", "[sysctl]")
{
        const ReferenceNode node;
        node.write("/proc/sys/a/b/c", "3\n"); // a directory cannot be written
        node.write(pid_max, "3\n");
        node.link("/proc/sys/a/link", "b/c"); // nothing in /proc/sys is a link
        const auto result = run(with(
                node, {of_layer("a/b", "1"), of_layer("a/link", "7"), of_layer("kernel/pid_max", "5")}));
        CHECK(result.status == 78);
        CHECK(mentions(
                result.err, "user data, line 4, column 2: sysctl.a/b = \"1\": the kernel refuses it: "));
        CHECK(mentions(result.err, "sysctl.a/link"));
        CHECK(node.read("/proc/sys/a/b/c") == "3\n");
        CHECK(node.read(pid_max) == "5\n");
}

TEST_CASE("Huge pages are set aside, on the machine or on NUMA nodes", "[sysctl]")
{
        const ReferenceNode node;
        const std::string whole = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";
        const std::string second =
                "/sys/devices/system/node/node1/hugepages/hugepages-1048576kB/nr_hugepages";
        node.write(whole, "0\n");
        node.write(second, "4\n");
        std::vector<Sysctl> wanted{{whole, "12", "hugepages.2Mi", {"user data", 1, 1}},
                {second, "4", "hugepages.1Gi.node1", {"user data", 2, 1}}};
        const auto first = run(with_pages(node, wanted));
        CHECK(first.status == 0);
        CHECK(mentions(first.err, "hugepages.2Mi = 12 (was 0), hugepages.1Gi.node1 = 4 already set"));
        CHECK(node.read(whole).starts_with("12\n"));

        // A change of them is a change of the file, so that `eksnode apply` runs the step.
        CHECK(file_in(plan_sysctl(with_pages(node, wanted)), "/run/sysctl.d/99-zz-eks.conf").content ==
                "# " + whole + " = 12\n# " + second + " = 4\n");
}

TEST_CASE("Huge pages that the machine does not have are a failure, after all others are set", "[sysctl]")
{
        const ReferenceNode node;
        const std::string present = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";
        const std::string link = "/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages";
        node.write(present, "3\n");
        node.link(link, "../hugepages-2048kB/nr_hugepages"); // one is not followed, so nothing is written
        const auto result =
                run(with_pages(node, {{"/sys/kernel/mm/hugepages/hugepages-64kB/nr_hugepages", "1",
                                              "hugepages.64Ki", {"user data", 3, 1}},
                                             {link, "5", "hugepages.1Gi", {"user data", 4, 1}},
                                             {present, "6", "hugepages.2Mi", {"user data", 5, 1}}}));
        CHECK(result.status == 78);
        CHECK(mentions(result.err,
                "user data, line 3, column 1: hugepages.64Ki = \"1\": this machine has no huge pages of this size"));
        CHECK(mentions(result.err, "hugepages.1Gi = \"5\": the kernel refuses it: "));
        CHECK(node.read(present) == "6\n");
}
