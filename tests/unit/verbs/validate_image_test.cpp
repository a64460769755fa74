// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "support.hpp"
#include "verbs/validate-image/validate_image.hpp"

using namespace eks;
using namespace test;

namespace {

constexpr auto kernel = "6.12.40-63.amzn2023.x86_64";
constexpr auto sum_of_x = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";

// A sealed image without a problem.
class SealedImage : public TemporaryDirectory {
public:
        SealedImage()
        {
                write("/usr/bin/kubelet", "#!/bin/sh\necho Kubernetes v1.34.1\n", 0755);
                write("/opt/cni/bin/bridge", "x", 0755);
                write("/etc/machine-id", "");
                write("/etc/eks/release", "x");
                link("/etc/eks/bootstrap.sh", "../../usr/libexec/eksnode/compat-commands");
                write("/usr/lib/systemd/system/mine.service", "");
                write("/usr/lib/systemd/system/each@.service", "");
                link("/etc/systemd/system/multi-user.target.wants/mine.service",
                        "/usr/lib/systemd/system/mine.service");
                link("/etc/systemd/system/multi-user.target.wants/each@a.service",
                        "/usr/lib/systemd/system/each@.service");
                write(fmt::format("/boot/vmlinuz-{}", kernel), "x");
                write(fmt::format("/usr/lib/modules/{}/modules.dep", kernel),
                        "kernel/fs/overlayfs/overlay.ko.xz:\nkernel/net/bridge/br_netfilter.ko.xz: kernel/net/bridge/bridge.ko.xz\n");
                write(fmt::format("/usr/lib/modules/{}/modules.builtin", kernel),
                        "kernel/drivers/net/tcp-bbr.ko\n");
                write("/usr/lib/modules-load.d/containerd.conf", "# needed\noverlay\nbr_netfilter\n");
                write("/etc/modules-load.d/mine.conf", "tcp_bbr\n");
                write("/var/log/empty.log", "");
                manifest.wanted = {{"kubernetes", "1.34.1"}};
                manifest.kernel = kernel;
                manifest.enabled = {"mine.service", "each@a.service"};
                manifest.leftovers = {"/etc/ssh/ssh_host_*", "/etc/resolv.conf", "/srv/*/.*_history",
                        "/var/lib/cloud/instance"};
                const auto owner = fmt::format("{}:{}", ::geteuid(), ::getegid());
                manifest.files = {{"/opt/cni/bin/bridge", "0755", owner, sum_of_x, ""},
                        {"/etc/eks/release", "0644", owner, "", ""},
                        {"/etc/eks/bootstrap.sh", "0777", owner, "",
                                "../../usr/libexec/eksnode/compat-commands"}};
        }

        std::vector<Check> problems(Stage stage = Stage::sealed) const
        {
                auto checks = validate_image(root(), manifest, stage);
                std::erase_if(checks, [](const Check& one) { return one.state == Check::State::ok; });
                return checks;
        }

        // The names of the problems, each of which must say what to do.
        std::vector<std::string> names(Stage stage = Stage::sealed) const
        {
                std::vector<std::string> found;
                for (const auto& one : problems(stage)) {
                        CHECK_FALSE(one.found.empty());
                        CHECK_FALSE(one.wanted.empty());
                        CHECK_FALSE(one.remedy.empty());
                        found.push_back(one.name);
                }

                return found;
        }

        ImageManifest manifest;
};

using Names = std::vector<std::string>;

} // namespace

TEST_CASE("a good image has a line for each subject")
{
        const SealedImage image;
        CHECK(image.names().empty());
        const auto checks = validate_image(image.root(), image.manifest, Stage::sealed);
        CHECK(checks.size() == 7);
        CHECK(render_validation(checks, {}).starts_with("ok       files"));
}

TEST_CASE("files are as the build made them")
{
        const SealedImage image;
        image.write("/opt/cni/bin/bridge", "y", 0755);
        REQUIRE(image.names() == Names{"file /opt/cni/bin/bridge"});
        CHECK(image.problems().front().wanted == sum_of_x);
        CHECK(image.names(Stage::running).empty()); // the VPC CNI replaces it

        ::chmod(image("/opt/cni/bin/bridge").c_str(), 0700);
        CHECK(image.names(Stage::running) == Names{"file /opt/cni/bin/bridge"});

        ::unlink(image("/opt/cni/bin/bridge").c_str());
        CHECK(image.problems().front().found == "missing");

        image.write("/opt/cni/bin/bridge", "x", 0755);
        image.write("/etc/eks/release", "something else");
        CHECK(image.names().empty()); // its content has the time of the build

        ::unlink(image("/etc/eks/bootstrap.sh").c_str());
        image.link("/etc/eks/bootstrap.sh", "/tmp/x");
        REQUIRE(image.names() == Names{"file /etc/eks/bootstrap.sh"});
        CHECK(image.problems().front().found == "a link to /tmp/x");

        ::unlink(image("/etc/eks/bootstrap.sh").c_str());
        image.write("/etc/eks/bootstrap.sh", "x");
        CHECK(image.problems().front().found == "not a link");
}

TEST_CASE("directories are as the build made them")
{
        SealedImage image;
        const auto owner = image.manifest.files.front().owner;
        image.write("/etc/kubernetes/pki/x", "");
        image.write("/var/lib/kubelet/x", "");
        ::chmod(image("/etc/kubernetes/pki").c_str(), 0755);
        ::chmod(image("/var/lib/kubelet").c_str(), 0755);
        image.manifest.files = {{"/etc/kubernetes/pki/", "0755", owner, "", ""},
                {"/var/lib/kubelet/", "0755", owner, "", ""}};
        CHECK(image.names().empty());

        ::chmod(image("/etc/kubernetes/pki").c_str(), 0700);
        ::chmod(image("/var/lib/kubelet").c_str(), 0700);
        CHECK(image.names() == Names{"file /etc/kubernetes/pki/", "file /var/lib/kubelet/"});
        CHECK(image.problems().front().remedy == "Run `chmod 0755 /etc/kubernetes/pki/`");
        CHECK(image.names(Stage::running) == Names{"file /etc/kubernetes/pki/"});

        image.manifest.files = {{"/etc/eks/release/", "0644", owner, "", ""}};
        REQUIRE(image.names() == Names{"file /etc/eks/release/"});
}

TEST_CASE("owners of files are compared")
{
        SealedImage image;
        image.manifest.files.front().owner = "4711:4711";
        REQUIRE(image.names() == Names{"file /opt/cni/bin/bridge"});
        CHECK(image.problems().front().remedy == "Run `chown 4711:4711 /opt/cni/bin/bridge`");
}

TEST_CASE("nobody but root writes to programs and configuration")
{
        const SealedImage image;
        image.write("/etc/eks/mine", "x", 0646);
        ::chmod(image("/usr/bin/kubelet").c_str(), 0775);
        CHECK(image.names() == Names{"access /etc/eks/mine", "access /usr/bin/kubelet"});

        if (::geteuid() != 0)
                return; // nobody else can give files away

        ::chmod(image("/usr/bin/kubelet").c_str(), 0755);
        ::chmod(image("/etc/eks/mine").c_str(), 0644);
        REQUIRE(::lchown(image("/etc/eks/mine").c_str(), 4711, 0) == 0);
        CHECK(image.problems().front().found == "belongs to 4711");
}

TEST_CASE("units are enabled")
{
        const SealedImage image;
        ::unlink(image("/etc/systemd/system/multi-user.target.wants/mine.service").c_str());
        REQUIRE(image.names() == Names{"unit mine.service"});
        CHECK(image.problems().front().remedy == "Run `systemctl enable mine.service`");

        image.link("/etc/systemd/system/mine.service", "/dev/null");
        CHECK(image.problems().front().found == "masked");

        ::unlink(image("/usr/lib/systemd/system/each@.service").c_str());
        CHECK(image.problems().back().found == "missing");
}

TEST_CASE("versions are those of the build")
{
        const SealedImage image;
        image.write("/usr/bin/kubelet", "#!/bin/sh\necho Kubernetes v1.33.5\n", 0755);
        REQUIRE(image.names() == Names{"version of kubernetes"});
        CHECK(image.problems().front().found == "1.33.5");
}

TEST_CASE("the kernel that boots has its modules")
{
        SealedImage image;
        image.write("/etc/modules-load.d/mine.conf", "tcp-bbr\nsctp\n; comment\n");
        REQUIRE(image.names() == Names{"kernel module sctp"});
        CHECK(image.problems().front().wanted == "/etc/modules-load.d/mine.conf loads it at boot");

        image.write("/etc/modules-load.d/containerd.conf", "sctp\n"); // has precedence
        image.write("/etc/modules-load.d/mine.conf", "");
        CHECK(image.names() == Names{"kernel module sctp"});

        image.write("/etc/modules-load.d/containerd.conf", "");
        CHECK(image.names().empty());

        image.write("/var/lib/dkms/nvidia/580.1/source/dkms.conf", "");
        image.write("/var/lib/dkms/nvidia/580.1/6.1.1/x86_64/module/nvidia.ko", "");
        image.link("/var/lib/dkms/nvidia/kernel-6.1.1-x86_64", "580.1/6.1.1/x86_64");
        REQUIRE(image.names() == Names{"kernel module nvidia"});
        CHECK(image.problems().front().remedy.starts_with(
                fmt::format("Run `dkms install nvidia/580.1 -k {}`", kernel)));

        image.write(fmt::format("/var/lib/dkms/nvidia/580.1/{}/x86_64/module/nvidia.ko", kernel), "");
        CHECK(image.names().empty());

        image.write("/proc/sys/kernel/osrelease", "6.18.1\n");
        CHECK(image.names().empty());
        CHECK(image.names(Stage::running) == Names{"kernel 6.18.1", "kernel 6.18.1"});

        image.manifest.kernel = "";
        CHECK(image.names(Stage::running).empty());
}

TEST_CASE("nothing is left of the builder")
{
        const SealedImage image;
        image.link("/etc/resolv.conf", "../run/systemd/resolve/stub-resolv.conf");
        CHECK(image.names().empty());

        ::unlink(image("/etc/resolv.conf").c_str());

        for (const auto* path : {"/etc/resolv.conf", "/etc/ssh/ssh_host_rsa_key", "/srv/admin/.bash_history",
                     "/var/lib/cloud/instance/x", "/var/log/journal/a/system.journal", "/var/log/wtmp"}) {
                image.write(path, "x");
                const auto names = image.names();
                REQUIRE(names.size() == 1);
                CHECK(std::string(path).starts_with(names.front().substr(std::string("leftover ").size())));
                CHECK(image.names(Stage::running).empty());
                ::unlink(image(path).c_str());
                ::rmdir(image("/var/lib/cloud/instance").c_str());
        }

        image.write("/var/log/audit/audit.log", "x");
        CHECK(image.names().empty());

        image.write("/etc/machine-id", "0123\n");
        CHECK(image.names() == Names{"leftover /etc/machine-id"});

        ::unlink(image("/etc/machine-id").c_str());
        CHECK(image.problems().front().found == "missing");
}

TEST_CASE("there is space left")
{
        SealedImage image;
        image.manifest.least_free_mib = 1ULL << 40U;
        REQUIRE(image.names() == Names{"free space"});
        CHECK(image.problems().front().state == Check::State::problem);
        CHECK(image.problems(Stage::running).front().state == Check::State::warning);
}

TEST_CASE("sizes are those of the components")
{
        const SealedImage image;
        image.write("/usr/lib/modules/6.1/big.ko", std::string(std::size_t{3} << 20U, 'x'));
        image.write("/usr/local/cuda-12.9/lib", std::string(std::size_t{2} << 20U, 'x'));
        REQUIRE(::link(image("/usr/local/cuda-12.9/lib").c_str(),
                        image("/usr/local/cuda-12.9/same").c_str()) == 0);

        const auto sizes = component_sizes(image.root());
        const auto size_of = [&](std::string_view name) {
                const auto at = std::ranges::find(sizes, name, &Size::component);
                return at == sizes.end() ? 0 : at->mib;
        };

        CHECK((size_of("kernel modules") == 4 || size_of("kernel modules") == 3));
        CHECK(size_of("CUDA") < 4);
        CHECK(sizes.front().component == "kernel modules");
        CHECK(sizes.back().component == "all");
        CHECK(sizes.back().mib >= 5);

        const auto tree = nlohmann::json::parse(render_validation_as_json({}, sizes));
        CHECK(tree["sizes"].back()["component"] == "all");
        CHECK(render_validation({}, {{"CUDA", 12}}) == "    12 MiB  CUDA\n");
}

TEST_CASE("controls are read from what the script prints")
{
        const auto checks = checks_of_controls(
                "met\tcis: 1.1 a\t\ncat: noise\nwaived\tcis: 1.2 b\t\nbroken\tcis: 1.3 c\tsysctl a 1 is not in force\n"
                "met\tcis: 1.4 d\t\n");
        REQUIRE(checks.size() == 2);
        CHECK(checks[0].name == "control cis: 1.3 c");
        CHECK(checks[0].state == Check::State::problem);
        CHECK(checks[0].found == "sysctl a 1 is not in force");
        CHECK(checks[1].found == "2 are in force, 1 are waived");
}

TEST_CASE("a script that fails is an error with its output")
{
        const SealedImage image;
        CHECK_THROWS_AS(check_controls(image.root()), Error);
        const auto script = "/usr/share/eks/packer/provisioners/check-controls";
        image.write(script, "[ $1 = --running ] && printf 'broken\\tx: y\\t%s\\n' \"$IMAGE_ROOT\"", 0755);
        CHECK(check_controls(image.root()).front().found == image.root().prefix());
        image.write(script, "echo why; exit 3", 0755);
        CHECK_THROWS_WITH(check_controls(image.root()), Catch::Contains("why"));
}

TEST_CASE("changed files have their owner")
{
        SealedImage image;
        image.write("/etc/before", "x");
        image.write("/var/lib/dpkg/info/ssh:amd64.list", "/.\n/etc\n/etc/sshd_config\n/lib/x.so\n");
        image.write("/etc/machine-id", "0123\n");
        ::usleep(20000); // more than a tick of the file system's clock

        CHECK(changed_files(image.root(), image.manifest).empty());
        CHECK(checks_of_changes({}).front().state == Check::State::ok);

        for (const auto* path : {"/etc/sshd_config", "/usr/lib/x.so", "/etc/mine", "/opt/cni/bin/new",
                     "/etc/eks/release", "/etc/kubernetes/kubelet/config.json"})
                image.write(path, "new");
        image.write("/var/lib/eks/rendered/etc/kubernetes/kubelet/config.json", "new");
        ::chmod(image("/etc/before").c_str(), 0600);

        CHECK(changed_files(image.root(), image.manifest) ==
                std::vector<Change>{{"/opt/cni/bin/new", "CNI plugin"},
                        {"/etc/kubernetes/kubelet/config.json", "eksnode"},
                        {"/etc/eks/release", "image build"}, {"/etc/before", "nobody known"},
                        {"/etc/mine", "nobody known"}, {"/etc/sshd_config", "package ssh"},
                        {"/usr/lib/x.so", "package ssh"}});

        const auto checks = checks_of_changes(changed_files(image.root(), image.manifest));
        CHECK(checks[3].name == "changed by nobody known");
        CHECK(checks[3].found == "/etc/before, /etc/mine");
        CHECK(checks[3].state == Check::State::warning);
        CHECK(checks[1].state == Check::State::ok);
}

TEST_CASE("the owner of a changed file is asked of rpm where there is no dpkg")
{
        const SealedImage image;
        image.write("/usr/bin/rpm",
                "#!/bin/sh\nprintf '%s\\n' 'openssh /etc/ssh/sshd_config' 'other /etc/a b'\n", 0755);
        ::usleep(20000);
        image.write("/etc/machine-id", "0123\n");
        ::usleep(20000);
        image.write("/etc/a b", "x");
        image.write("/etc/c", "x");
        CHECK(changed_files(image.root(), image.manifest) ==
                std::vector<Change>{{"/etc/c", "nobody known"}, {"/etc/a b", "package other"}});
}
