// SPDX-License-Identifier: Apache-2.0
#include "systemd/daemons.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <optional>
#include <sys/stat.h>
#include <tuple>

#include <fmt/format.h>

#include "base/conffile.hpp"
#include "base/error.hpp"
#include "base/fs.hpp"

namespace eks {

namespace {

struct Reader {
        std::string_view path; // a directory ends with a slash
        std::string_view unit;
};
constexpr std::array readers{Reader{"/etc/containerd/base-runtime-spec.json", containerd_unit},
        Reader{"/etc/containerd/config.toml", containerd_unit},
        Reader{"/etc/docker/daemon.json", docker_unit},
        Reader{"/etc/eks/image-credential-provider/", kubelet_unit},
        Reader{"/etc/eks/kubelet/", kubelet_unit}, Reader{"/etc/kubernetes/kubelet/", kubelet_unit},
        Reader{"/etc/kubernetes/pki/ca.crt", kubelet_unit},
        Reader{"/etc/soci-snapshotter-grpc/config.toml", soci_unit}, Reader{trusted_path, containerd_unit},
        Reader{trusted_path, docker_unit}, Reader{trusted_path, soci_unit},
        Reader{"/var/lib/kubelet/bootstrap-kubeconfig", kubelet_unit},
        Reader{"/var/lib/kubelet/kubeconfig", kubelet_unit}};

using Moment = std::pair<std::time_t, long>;

Moment written_at(const struct stat& st)
{
        return {st.st_mtim.tv_sec, st.st_mtim.tv_nsec};
}

// systemd makes the link when it starts the unit, and removes it when the unit has ended.
std::optional<Moment> started_at(const Root& root, std::string_view unit)
{
        struct stat st {};
        if (::lstat(root(fmt::format("/run/systemd/units/invocation:{}", unit)).c_str(), &st) != 0)
                return std::nullopt;
        return written_at(st);
}

} // namespace

std::vector<std::string> readers_of(std::string_view path)
{
        if (path.starts_with(environment_directory)) {
                const auto service = path.substr(environment_directory.size());
                if (service != every_service)
                        return {fmt::format("{}.service", service)};
                return {std::string(containerd_unit), std::string(docker_unit), std::string(kubelet_unit),
                        std::string(soci_unit)};
        }

        std::vector<std::string> units;
        for (const auto& reader : readers)
                if (reader.path.ends_with('/') ? path.starts_with(reader.path) : path == reader.path)
                        units.emplace_back(reader.unit);

        return units;
}

bool runs(const Root& root, std::string_view unit)
{
        return started_at(root, unit).has_value();
}

std::vector<StaleDaemon> stale_daemons(const Root& root, const std::vector<std::string>& paths)
{
        std::vector<StaleDaemon> stale;
        for (const auto& path : paths)
                for (auto& unit : readers_of(path)) {
                        // A step that has ended counts as started, but is no daemon.
                        const bool is_step = unit.starts_with("eks-");
                        if (is_step || std::ranges::find(stale, unit, &StaleDaemon::unit) != stale.end())
                                continue;

                        const auto started = started_at(root, unit);
                        struct stat st {};
                        if (started && ::stat(root(path).c_str(), &st) == 0 && *started < written_at(st))
                                stale.push_back({std::move(unit), path});
                }

        return stale;
}

std::vector<StaleDaemon> stale_daemons(const Root& root)
{
        // A file that no step has written, such as the kubeconfig that kubelet itself makes, does not count.
        auto paths = rendered_files(root);
        paths.emplace_back(trusted_path);

        try {
                for (const auto& service : list_directory(root(std::string(environment_directory))))
                        paths.push_back(fmt::format("{}{}", environment_directory, service));
        } catch (const Error&) { // a directory for root only
        }

        return stale_daemons(root, paths);
}

std::string text_of(const StaleDaemon& daemon)
{
        return fmt::format("{} was started before '{}' was written", daemon.unit, daemon.path);
}

} // namespace eks
