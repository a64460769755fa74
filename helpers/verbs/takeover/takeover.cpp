// SPDX-License-Identifier: Apache-2.0
#include "verbs/takeover/takeover.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fs.hpp"

namespace eks {

namespace {

// Files of that image in /etc, and ours of the same name. A file in /etc has precedence over one in /usr.
struct Pair {
        std::string_view theirs;
        std::string_view ours;
};
constexpr std::array pairs{
        Pair{"/etc/modules-load.d/containerd.conf", "/usr/lib/modules-load.d/containerd.conf"},
        Pair{"/etc/sysctl.d/67-eks-reserved-ports.conf", "/usr/lib/sysctl.d/67-eks-reserved-ports.conf"},
        Pair{"/etc/sysctl.d/99-amazon.conf", "/usr/lib/eks/sysctl.d/99-amazon.conf"},
        Pair{"/etc/sysctl.d/99-kubernetes-cri.conf", "/usr/lib/sysctl.d/99-kubernetes-cri.conf"},
        Pair{"/etc/systemd/network/99-default.link.d/99-no-policy.conf",
                "/usr/lib/systemd/network/99-default.link.d/99-no-policy.conf"},
        Pair{"/etc/systemd/networkd.conf.d/80-release.conf",
                "/usr/lib/systemd/networkd.conf.d/80-release.conf"},
        Pair{"/etc/systemd/system/amazon-ssm-agent.service.d/00-oom-score.conf",
                "/usr/lib/systemd/system/amazon-ssm-agent.service.d/00-oom-score.conf"},
        Pair{"/etc/systemd/system/kubelet.service", "/usr/lib/eks/units/kubelet.service"},
        Pair{"/etc/systemd/system/runtime.slice", "/usr/lib/systemd/system/runtime.slice"},
        Pair{"/etc/systemd/system/soci-snapshotter.service",
                "/usr/lib/systemd/system/soci-snapshotter.service"},
        Pair{"/etc/systemd/system/soci-snapshotter.socket",
                "/usr/lib/systemd/system/soci-snapshotter.socket"},
        Pair{"/etc/udev/rules.d/90-eks.rules", "/usr/lib/udev/rules.d/90-eks.rules"},
};

constexpr std::string_view unit_directory = "/etc/systemd/system";

// Units that the image, or nodeadm on it, has enabled and that eksnode starts itself or does the work of.
bool is_enabled_by_image(std::string_view unit)
{
        constexpr std::array names{"ebs-initialize-bin@containerd.service",
                "ebs-initialize-bin@kubelet.service", "kubelet.service", "nodeadm-boot-hook.service",
                "nodeadm-config.service", "nodeadm-run.service", "soci-snapshotter.socket"};
        return std::ranges::find(names, unit) != names.end() ||
               (unit.starts_with("udev-net-manager@") && unit.ends_with(".service"));
}

std::optional<mode_t> kind_of(const std::string& path)
{
        struct stat st {};
        if (::lstat(path.c_str(), &st) < 0) {
                if (errno == ENOENT || errno == ENOTDIR)
                        return std::nullopt;
                throw io_error("look at", path, errno);
        }

        return st.st_mode & S_IFMT;
}

std::string place(const std::string& path)
{
        return std::string(set_aside_directory) + path;
}

void rename_file(const Root& root, const std::string& from, const std::string& to)
{
        const auto target = root(to);
        make_directories(target.substr(0, target.rfind('/')));
        if (::rename(root(from).c_str(), target.c_str()) < 0)
                throw io_error("move", root(from), errno);
}

void add_links(const Root& root, Takeover& takeover)
{
        for (const auto& directory : list_directory(root(std::string(unit_directory)))) {
                if (!directory.ends_with(".wants") && !directory.ends_with(".requires"))
                        continue;
                const auto below = fmt::format("{}/{}", unit_directory, directory);
                for (const auto& unit : list_directory(root(below)))
                        if (is_enabled_by_image(unit) && kind_of(root(below + "/" + unit)) == S_IFLNK)
                                takeover.moves.push_back({below + "/" + unit, "disables " + unit});
        }
}

void add_set_aside(const Root& root, const std::string& path, Takeover& takeover)
{
        for (const auto& name : list_directory(root(place(path)))) {
                const auto entry = path + "/" + name;
                if (kind_of(root(place(entry))) == S_IFDIR)
                        add_set_aside(root, entry, takeover);
                else if (kind_of(root(entry)))
                        takeover.notes.push_back(
                                fmt::format("'{}' stays, because '{}' is there", place(entry), entry));
                else
                        takeover.moves.push_back({entry, ""});
        }
}

void remove_empty(const std::string& directory)
{
        for (const auto& name : list_directory(directory))
                if (kind_of(directory + "/" + name) == S_IFDIR)
                        remove_empty(directory + "/" + name);
        if (::rmdir(directory.c_str()) < 0 && errno != ENOTEMPTY && errno != EEXIST && errno != ENOENT)
                throw io_error("remove", directory, errno);
}

} // namespace

Takeover plan_takeover(const Root& root)
{
        Takeover takeover;
        add_links(root, takeover);

        for (const auto& [theirs, ours] : pairs) {
                const auto kind = kind_of(root(std::string(theirs)));
                if (!kind)
                        continue;

                if (*kind != S_IFREG)
                        takeover.notes.push_back(
                                fmt::format("'{}' stays: it is not a regular file", theirs));
                else if (!kind_of(root(std::string(ours))))
                        takeover.notes.push_back(fmt::format("'{}' stays: there is no '{}'", theirs, ours));
                else
                        takeover.moves.push_back(
                                {std::string(theirs), fmt::format("has precedence over '{}'", ours)});
        }

        return takeover;
}

Takeover plan_undo(const Root& root)
{
        Takeover takeover;
        add_set_aside(root, "", takeover);
        return takeover;
}

void set_aside(const Root& root, const Move& move)
{
        rename_file(root, move.path, place(move.path));
}

void bring_back(const Root& root, const Move& move)
{
        rename_file(root, place(move.path), move.path);
}

void remove_empty_directories(const Root& root)
{
        remove_empty(root(std::string(set_aside_directory)));
}

} // namespace eks
