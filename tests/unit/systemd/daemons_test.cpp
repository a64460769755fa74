// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "base/conffile.hpp"
#include "support.hpp"
#include "systemd/daemons.hpp"
#include "systemd/restart_daemons.hpp"
#include "systemd/step.hpp"

using namespace eks;
using test::TemporaryDirectory;

namespace {

constexpr const char* config = "/etc/containerd/config.toml";
constexpr std::time_t before = 1'000;
constexpr std::time_t now = 2'000;
constexpr std::time_t later = 3'000;

void set_time(const TemporaryDirectory& node, const std::string& path, std::time_t time)
{
        const timespec times[2] = {{time, 0}, {time, 0}};
        REQUIRE(::utimensat(AT_FDCWD, node(path).c_str(), times, AT_SYMLINK_NOFOLLOW) == 0);
}

void start(const TemporaryDirectory& node, const std::string& unit, std::time_t time)
{
        const auto link = "/run/systemd/units/invocation:" + unit;
        node.link(link, "0123456789abcdef0123456789abcdef");
        set_time(node, link, time);
}

void render(const TemporaryDirectory& node, const std::string& path, std::time_t time)
{
        put_in_place(node.root(), {.path = path, .content = "one"});
        set_time(node, path, time);
}

// What a step says that writes containerd's configuration, or finds it written.
std::string output_of_step(const TemporaryDirectory& node, bool reload)
{
        return test::captured_child([&] {
                ::unsetenv("JOURNAL_STREAM");
                ::unsetenv("NOTIFY_SOCKET");

                if (!reload)
                        ::setenv("NOTIFY_SOCKET", "/nonexistent", 1);
                std::string root = node.path();
                std::vector<char*> argv{const_cast<char*>("eks-test"), const_cast<char*>("--root"), // NOLINT
                        root.data()};
                return run_step({.name = "eks-test",
                                        .purpose = "try things",
                                        .access = {.writes = {"/etc/containerd", "/var/lib/eks"}},
                                        .read_by = {containerd_unit}},
                        static_cast<int>(argv.size()), argv.data(), [](Context& context) {
                                context.apply({.files = {{.path = config, .content = "one"}}});
                        });
        }).err;
}

} // namespace

TEST_CASE("Each file has its readers", "[daemons]")
{
        using Units = std::vector<std::string>;
        CHECK(readers_of(config) == Units{"containerd.service"});
        CHECK(readers_of("/etc/docker/daemon.json") == Units{"docker.service"});
        CHECK(readers_of("/etc/kubernetes/kubelet/config.json.d/40-nodeadm.conf") ==
                Units{"kubelet.service"});
        CHECK(readers_of("/run/eks/trust.pem") ==
                Units{"containerd.service", "docker.service", "soci-snapshotter.service"});
        CHECK(readers_of("/run/eks/environment/site-agent") == Units{"site-agent.service"});
        CHECK(readers_of("/run/eks/environment/default").size() == 4);
        CHECK(readers_of("/etc/containerd/certs.d/docker.io/hosts.toml").empty());
        CHECK(readers_of("/etc/containerd/config.toml.user-edited").empty());
}

TEST_CASE("A daemon that was started before its file was written is stale", "[daemons]")
{
        const TemporaryDirectory node;
        render(node, config, now);
        render(node, "/etc/kubernetes/pki/ca.crt", now);
        CHECK(stale_daemons(node.root()).empty()); // neither runs

        start(node, "containerd.service", before);
        start(node, "kubelet.service", later);
        const std::vector<StaleDaemon> stale{{"containerd.service", config}};
        CHECK(stale_daemons(node.root()) == stale);
        CHECK(text_of(stale.front()) ==
                "containerd.service was started before '/etc/containerd/config.toml' was written");

        set_time(node, config, before);
        CHECK(stale_daemons(node.root()).empty());
}

TEST_CASE("Files that no step has written make no daemon stale, those of this boot do", "[daemons]")
{
        const TemporaryDirectory node;
        start(node, "kubelet.service", before);
        node.write("/var/lib/kubelet/kubeconfig", "kubelet has made it");
        set_time(node, "/var/lib/kubelet/kubeconfig", now);
        CHECK(stale_daemons(node.root()).empty());

        node.write("/run/eks/environment/kubelet", "A=b");
        set_time(node, "/run/eks/environment/kubelet", now);
        CHECK(stale_daemons(node.root()).size() == 1);

        // A step that has ended is no daemon.
        start(node, "eks-sandbox-image.service", before);
        node.write("/run/eks/environment/eks-sandbox-image", "A=b");
        CHECK(stale_daemons(node.root()).size() == 1);
}

TEST_CASE("Containers are the tasks of containerd, and of the containerd that Docker starts", "[daemons]")
{
        for (const auto* state : {"/run/containerd", "/run/docker/containerd/daemon"}) {
                CAPTURE(state);
                const TemporaryDirectory node;
                const auto tasks = fmt::format("{}/io.containerd.runtime.v2.task/k8s.io", state);
                CHECK_FALSE(has_containers(node.root()));

                std::filesystem::create_directories(node(tasks)); // it stays when the last task has gone
                CHECK_FALSE(has_containers(node.root()));

                std::filesystem::create_directory(node(tasks + "/one"));
                CHECK(has_containers(node.root()));
        }
}

TEST_CASE("A step says which daemon keeps its old configuration, but not when it is reloaded", "[daemons]")
{
        const TemporaryDirectory node;
        start(node, "containerd.service", before);
        const auto reported = output_of_step(node, false);
        CHECK(reported.find(
                      "<4>eks-test: containerd.service was started before '/etc/containerd/config.toml' was "
                      "written") != reported.npos);
        CHECK(reported.find("systemctl restart containerd.service") != reported.npos);

        // Another start finds the file unchanged, and the daemon as before.
        CHECK(output_of_step(node, false).find("<4>") != reported.npos);
        CHECK(output_of_step(node, true).find("<4>") == reported.npos);
}
