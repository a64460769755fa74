// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <ctime>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <fmt/format.h>

#include "base/clock.hpp"
#include "base/conffile.hpp"
#include "base/confine.hpp"
#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/pci.hpp"
#include "base/text.hpp"
#include "checks/certificate.hpp"
#include "config/kubelet_files.hpp"
#include "containerd/files.hpp"
#include "containerd/image_settings.hpp"
#include "net/containerd.hpp"
#include "net/http.hpp"
#include "node/image_name.hpp"
#include "node/max_pods.hpp"
#include "systemd/daemons.hpp"
#include "systemd/kubelet_arguments.hpp"
#include "userdata/base64.hpp"
#include "verbs/diagnose/diagnose.hpp"

namespace eks {

namespace {

using namespace std::chrono_literals;
using State = Check::State;

constexpr auto local_answer_time = 2s;

ContainerdClient::Options containerd_of(const Machine& machine)
{
        return {.socket = machine.root("/run/containerd/containerd.sock"), .timeout = local_answer_time};
}

// The share that is free, in percent; 100 where the file system does not count.
double free_share(fsfilcnt_t free, fsfilcnt_t all)
{
        return all == 0 ? 100 : 100.0 * static_cast<double>(free) / static_cast<double>(all);
}

// kubelet's default thresholds of eviction: 10 % of the space, 5 % of the inodes.
Check space_of(const std::string& path, const struct statvfs& status)
{
        const auto space = free_share(status.f_bavail, status.f_blocks);
        const auto inodes = free_share(status.f_favail, status.f_files);
        const auto found = fmt::format(
                "{}: {:.0f} % of the space and {:.0f} % of the inodes are free", path, space, inodes);
        if (space >= 15 && inodes >= 5)
                return {"disks", State::ok, found, "", ""};

        return {"disks", space < 10 || inodes < 5 ? State::problem : State::warning, found, "",
                fmt::format(
                        "kubelet evicts pods and deletes images there; `du -x{} '{}' | sort -n | tail` shows what fills it",
                        inodes < 5 ? " --inodes" : "", path)};
}

// Whether something listens at the port, in any of the tables of /proc/net.
bool is_taken(const Root& root, unsigned port)
{
        const auto wanted = fmt::format(":{:04X} ", port);
        for (const auto* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
                const auto text = read_file_if_exists(root(table)).value_or("");
                for (const auto line : lines(text)) { // number, local address, remote one, state
                        const auto local = line.substr(0, line.find(' ', line.find(": ") + 2) + 1);
                        if (local.ends_with(wanted) && line.find(" 0A ") != line.npos)
                                return true;
                }
        }
        return false;
}

// The file of CNI configuration that containerd takes, the first by name; nothing if there is none.
std::optional<std::string> cni_file(const Root& root)
{
        for (const auto& name : list_directory(root("/etc/cni/net.d")))
                if (name.ends_with(".conf") || name.ends_with(".conflist") || name.ends_with(".json"))
                        return "/etc/cni/net.d/" + name;
        return std::nullopt;
}

// Another CNI plugin than the VPC's, also beside it in a chain, has other limits. "" without one.
std::string other_cni_file(const Root& root)
{
        try {
                const auto path = cni_file(root);
                const auto text = path ? read_file_if_exists(root(*path), pem_limit) : std::nullopt;
                const bool is_vpc =
                        !text || path->find("aws") != path->npos || text->find("aws-cni") != text->npos;
                return is_vpc ? std::string() : *path;
        } catch (const Error&) {
                return {};
        }
}

} // namespace

std::vector<Check> ask_kubelet(const Machine& machine)
{
        if (!runs(machine.root, kubelet_unit))
                return {{"kubelet", State::problem, "kubelet.service does not run", "",
                        "`eksnode status` tells why"}};

        std::string url = "http://127.0.0.1:10248/healthz";
        if (machine.node)
                if (const auto port = machine.node->spec.kubelet.config.find("healthzPort");
                        port != machine.node->spec.kubelet.config.end() && port->is_number_integer()) {
                        if (*port == 0)
                                return {{"kubelet", State::unknown,
                                        "it runs; healthzPort = 0 turns its check off", "", ""}};
                        url = fmt::format("http://127.0.0.1:{}/healthz", port->get<int>());
                }

        try {
                const auto answer = HttpClient(plain_http())
                                            .fetch({{.url = url}}, one_attempt(local_answer_time))
                                            .front();
                return {{"kubelet", answer.status == 200 ? State::ok : State::unknown,
                        answer.status == 200 ? "healthy" : fmt::format("healthz answers {}", answer.status),
                        "", ""}};
        } catch (const HttpDeadline& e) {
                if (e.fault().status != 0)
                        return {{"kubelet", State::problem,
                                fmt::format("it says that it is not healthy: status {}", e.fault().status),
                                "",
                                fmt::format("`curl {}` names what is not; see `journalctl -b -u kubelet`",
                                        url)}};
                return {{"kubelet", State::problem,
                        fmt::format("it runs, but does not answer: {}", e.what()), "",
                        "It may still start, or hang: see `eksnode status`"}};
        }
}

std::vector<Check> ask_containerd(const Machine& machine)
{
        const auto images = ContainerdClient(containerd_of(machine)).images();
        return {{"containerd", State::ok, fmt::format("answers; it has {} images", images.size()), "", ""}};
}

std::vector<Check> ask_sandbox_image(const Machine& machine)
{
        const auto config = read_file_if_exists(machine.root(containerd_config_path));
        const auto name =
                config ? sandbox_image_in(*config, std::string(containerd_config_path)) : std::string();
        if (name.empty())
                return {{"sandbox-image", State::unknown, "containerd's configuration names none", "", ""}};

        const auto full = parse_image_name(name).text();
        if (ContainerdClient(containerd_of(machine)).image(full))
                return {{"sandbox-image", State::ok, full, "", ""}};
        if (is_node_s_image(full))
                return {{"sandbox-image", State::problem,
                        full + " is not on the node, and containerd cannot pull it by itself", "",
                        "Run `systemctl restart eks-sandbox-image`; see `systemctl status eks-sandbox-image`"}};

        return {{"sandbox-image", State::ok, full + " is pulled with the first pod", "", ""}};
}

std::vector<Check> ask_cni(const Machine& machine)
{
        if (const auto path = cni_file(machine.root))
                return {{"cni", State::ok, *path, "", ""}};

        return {{"cni", State::warning, "nothing is in /etc/cni/net.d, so the node is not Ready", "",
                "The CNI plugin's pod writes it, as aws-node does once it runs here: `crictl ps -a`, and the addon vpc-cni "
                "of the cluster"}};
}

std::vector<Check> ask_disks(const Machine& machine)
{
        std::vector<Check> checks;
        std::vector<std::pair<unsigned long, unsigned long>> seen; // file systems
        for (const auto* path : {"/", "/var/lib/kubelet", "/var/lib/containerd", "/var/log", "/run"}) {
                struct statvfs status {};
                if (::statvfs(machine.root(path).c_str(), &status) != 0 ||
                        (status.f_flag & ST_RDONLY) != 0 || // an image without free space, by its nature
                        std::ranges::count(seen,
                                std::pair(status.f_fsid, static_cast<unsigned long>(status.f_blocks))) > 0)
                        continue;
                seen.emplace_back(status.f_fsid, status.f_blocks);
                checks.push_back(space_of(path, status));
        }
        return checks;
}

std::vector<Check> ask_ports(const Machine& machine)
{
        const bool running = runs(machine.root, kubelet_unit);
        for (const unsigned port : {10250U, 10248U})
                if (!running && is_taken(machine.root, port))
                        return {{"ports", State::problem,
                                fmt::format("something listens at port {}, and kubelet does not run", port),
                                "", fmt::format("`ss -ltnp sport = :{}` names the process", port)}};
        return {{"ports", State::ok, running ? "kubelet has them" : "10250 and 10248 are free", "", ""}};
}

std::vector<Check> ask_max_pods(const Machine& machine)
{
        if (!machine.node)
                return {{"max-pods", State::unknown, machine.why_no_node, "", ""}};

        std::vector<Note> notes;
        const auto pods = max_pods(*machine.node, notes);
        const auto type = find_instance_type(machine.root, machine.facts.instance_type);
        const auto addresses = type ? cni_max_pods(*type, machine.node->spec.cluster.cni) : pods.effective;
        const auto found = fmt::format("kubelet admits {} pods: {}", pods.effective, pods.why);
        if (pods.effective <= addresses)
                return {{"max-pods", State::ok, found, "", ""}};
        if (const auto other = other_cni_file(machine.root); !other.empty())
                return {{"max-pods", State::ok,
                        fmt::format("{}; '{}' is not the VPC CNI's, whose limit this would be above", found,
                                other),
                        "", ""}};

        return {{"max-pods", State::warning, found, fmt::format("at most {}", addresses),
                "With the VPC CNI, further pods get no address and stay in ContainerCreating: turn on prefix delegation "
                "(cni.prefixDelegation), or lower kubelet.config.maxPods"}};
}

std::vector<Check> ask_files(const Machine& machine)
{
        std::vector<Check> checks;
        for (const auto& path : {std::string("/etc/kubernetes/pki/ca.crt"),
                     std::string("/var/lib/kubelet/kubeconfig"), std::string(kubelet_config_path),
                     std::string(kubelet_environment_path), std::string(containerd_config_path)}) {
                struct stat status {};
                if (::stat(machine.root(path).c_str(), &status) != 0)
                        continue;
                if (status.st_uid != 0 || (status.st_mode & 022) != 0)
                        checks.push_back({"files", State::warning,
                                fmt::format("{} has owner {} and mode {:04o}", path, status.st_uid,
                                        status.st_mode & 07777),
                                "root, and written by nobody else",
                                fmt::format(
                                        "`chown root '{0}'; chmod go-w '{0}'`, and find out what changed it",
                                        path)});
        }

        if (checks.empty())
                checks.push_back({"files", State::ok, "owned by root, and written by nobody else", "", ""});
        return checks;
}

std::vector<Check> ask_devices(const Machine& machine)
{
        const auto devices = known_devices(machine.root);
        std::vector<Check> checks;
        const auto add = [&](std::size_t count, std::string_view what, const char* path,
                                 std::string_view remedy) {
                if (count == 0)
                        return;
                const bool driven = exists(machine.root(path));
                checks.push_back({"devices", driven ? State::ok : State::warning,
                        fmt::format("{} {}{}", count, what, driven ? "" : ", and no driver is loaded"), "",
                        driven ? std::string() : std::string(remedy)});
        };

        add(devices.nvidia_gpus.size(), "NVIDIA GPUs", "/proc/driver/nvidia/version",
                "See `systemctl status eks-nvidia`");
        add(devices.neuron.size(), "Neuron devices", "/dev/neuron0", "See `systemctl status eks-neuron`");
        add(devices.efa.size(), "Elastic Fabric Adapters", "/sys/module/efa",
                "See `systemctl status eks-efa`");
        if (checks.empty())
                checks.push_back({"devices", State::ok, "none", "", ""});

        return checks;
}

namespace {

Check check_cluster_ca(const Machine& machine)
{
        const auto pem = read_file_if_exists(machine.root("/etc/kubernetes/pki/ca.crt"));
        if (!pem)
                return {"certificates", State::unknown, "'/etc/kubernetes/pki/ca.crt' is not there", "", ""};

        constexpr std::time_t month = 30L * 24 * 60 * 60;
        const auto now = std::time(nullptr);
        if (const auto check = check_ca_certificate(*pem, now); !check.wrong.empty())
                return {"certificates", check.fatal ? State::problem : State::warning,
                        "the cluster's CA: " + check.wrong, "",
                        "`eksnode explain cluster.certificateAuthority` shows who sets it"};
        if (const auto soon = check_ca_certificate(*pem, now + month); !soon.wrong.empty())
                return {"certificates", State::warning, "the cluster's CA, within 30 days: " + soon.wrong,
                        "", "Plan the rotation of the cluster's CA"};

        return {"certificates", State::ok, "the cluster's CA is valid for 30 days and more", "", ""};
}

// The certificate that kubelet shows the API server for logs and exec; nothing before it has one. kubelet
// renews that of the cluster long before its end; the one that it signs itself is not renewed, nor checked.
std::optional<Check> check_serving_certificate(const Machine& machine)
{
        constexpr const char* renewed = "/var/lib/kubelet/pki/kubelet-server-current.pem";
        std::string path = renewed;
        if (machine.node)
                if (const auto set = machine.node->spec.kubelet.config.find("tlsCertFile");
                        set != machine.node->spec.kubelet.config.end() && set->is_string() && *set != "")
                        path = set->get<std::string>();

        std::optional<std::string> pem;
        try {
                pem = read_file_if_exists(machine.root(path), pem_limit);
        } catch (const Error& e) {
                return Check{"certificates", State::unknown, e.what(), "", ""};
        }
        if (!pem)
                return std::nullopt;

        const auto now = std::time(nullptr);
        const auto wrong = wrong_dates(*pem, now);
        constexpr std::time_t day = 24L * 60 * 60;
        const auto soon = wrong.empty() ? wrong_dates(*pem, now + day) : "";
        if (wrong.empty() && soon.empty())
                return Check{"certificates", State::ok,
                        fmt::format("kubelet's serving certificate, '{}', is valid", path), "", ""};

        return Check{"certificates", wrong.empty() ? State::warning : State::problem,
                fmt::format("kubelet's serving certificate, '{}': {}{}", path,
                        wrong.empty() ? "within a day: " : "", wrong.empty() ? soon : wrong),
                "",
                path == renewed
                        ? "kubectl logs and exec fail with it. kubelet asks for another: `kubectl get csr`, and "
                          "`journalctl -b -u kubelet | grep certificate`; check the clock"
                        : "kubectl logs and exec fail with it: renew the file"};
}

} // namespace

std::vector<Check> ask_certificates(const Machine& machine)
{
        std::vector<Check> checks{check_cluster_ca(machine)};
        if (auto serving = check_serving_certificate(machine))
                checks.push_back(*std::move(serving));
        return checks;
}

std::vector<Check> ask_host(const Machine& machine)
{
        auto checks = check_host(machine.root, clock_is_synchronised(), landlock_abi(),
                machine.root.prefix().empty() ? iptables_rules() : "");
        std::erase_if(checks, [](const Check& check) {
                return check.name == "clock" || check.state == State::ok || check.state == State::unknown;
        });

        for (auto& check : checks)
                check.name = "host: " + check.name;
        if (checks.empty())
                checks.push_back({"host", State::ok, "as a node needs it", "", ""});
        return checks;
}

} // namespace eks
