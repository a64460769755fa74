// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <sys/stat.h>
#include <unordered_map>

#include <fmt/format.h>

#include "base/conffile.hpp"
#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "verbs/validate-image/tree.hpp"
#include "verbs/validate-image/validate_image.hpp"

namespace eks {

namespace {

using namespace std::chrono_literals;

constexpr auto rpm_limit = 30s;
constexpr std::size_t rpm_output_limit = 64U << 20U;
constexpr auto nobody_known = "nobody known";
constexpr std::size_t shown_files = 20;

// Who writes below a path on each instance.
struct FileWriter {
        std::string_view path;
        std::string_view name;
};

constexpr std::array file_writers{FileWriter{"/etc/cni/", "CNI plugin"},
        FileWriter{"/opt/cni/", "CNI plugin"}, FileWriter{"/etc/machine-id", "systemd"},
        FileWriter{"/etc/.updated", "systemd"}, FileWriter{"/etc/hostname", "cloud-init"},
        FileWriter{"/etc/hosts", "cloud-init"}, FileWriter{"/etc/ssh/ssh_host_", "cloud-init"},
        FileWriter{"/etc/ssh/sshd_config.d/50-cloud-init.conf", "cloud-init"},
        FileWriter{"/etc/netplan/", "cloud-init"},
        FileWriter{"/etc/sudoers.d/90-cloud-init-users", "cloud-init"},
        FileWriter{"/etc/passwd", "accounts"}, FileWriter{"/etc/shadow", "accounts"},
        FileWriter{"/etc/group", "accounts"}, FileWriter{"/etc/gshadow", "accounts"},
        FileWriter{"/etc/ld.so.cache", "ldconfig"}, FileWriter{"/etc/resolv.conf", "network"}};

// Debian's packages that own some of these paths. In its lists, a path of /usr may be without it.
void find_debian_owners(const Root& root, std::unordered_map<std::string, std::string>& owners)
{
        constexpr std::string_view suffix = ".list";
        for (const auto& name : list_directory(root("/var/lib/dpkg/info"))) {
                if (!name.ends_with(suffix))
                        continue;

                auto package = name.substr(0, name.size() - suffix.size());
                package.resize(std::min(package.find(':'), package.size()));
                const auto list = read_file_if_exists(root("/var/lib/dpkg/info/" + name)).value_or("");
                for (const auto line : lines(list))
                        for (const auto* before : {"", "/usr"})
                                if (const auto found = owners.find(before + std::string(line));
                                        found != owners.end())
                                        found->second = package;
        }
}

// Amazon Linux's. A file may be of several packages, so they are asked for their files.
void find_rpm_owners(const Root& root, std::unordered_map<std::string, std::string>& owners)
{
        const auto output = run_program(
                {root("/usr/bin/rpm"), "--query", "--all", "--queryformat", "[%{=NAME} %{FILENAMES}\\n]"},
                rpm_limit, rpm_output_limit)
                                    .output;
        for (const auto line : lines(output)) {
                const auto blank = std::min(line.find(' '), line.size());
                if (const auto found =
                                owners.find(std::string(line.substr(std::min(blank + 1, line.size()))));
                        found != owners.end())
                        found->second = line.substr(0, blank);
        }
}

} // namespace

std::vector<Change> changed_files(const Root& root, const ImageManifest& manifest)
{
        struct stat first_boot {};
        if (::lstat(root("/etc/machine-id").c_str(), &first_boot) != 0)
                throw Error(failure::file_io, fmt::format("there is no '{}'", root("/etc/machine-id")),
                        "systemd writes it at the first boot of an instance");

        std::unordered_map<std::string, std::string> owners; // of each path that is changed
        for (const auto* top : {"/boot", "/etc", "/opt", "/usr"})
                walk_tree(root, top, [&](std::string_view path, const struct stat& st) {
                        const auto& then = first_boot.st_ctim;
                        const auto& now = st.st_ctim;
                        const bool is_later = now.tv_sec != then.tv_sec ? now.tv_sec > then.tv_sec
                                                                        : now.tv_nsec > then.tv_nsec;
                        if (!S_ISDIR(st.st_mode) && is_later)
                                owners.emplace(path, "");
                });

        if (!owners.empty() && exists(root("/var/lib/dpkg/info")))
                find_debian_owners(root, owners);
        else if (!owners.empty() && exists(root("/usr/bin/rpm")))
                find_rpm_owners(root, owners);

        const auto rendered = rendered_files(root);
        std::vector<Change> changes;
        for (auto& entry : owners) {
                const auto& path = entry.first; // clang 14 captures no structured binding
                auto& owner = entry.second;

                const auto* writer = std::ranges::find_if(
                        file_writers, [&](const FileWriter& one) { return path.starts_with(one.path); });
                if (std::ranges::binary_search(rendered, path))
                        owner = "eksnode";
                else if (std::ranges::find(manifest.files, path, &ImageFile::path) != manifest.files.end())
                        owner = "image build";
                else if (!owner.empty())
                        owner = "package " + owner;
                else
                        owner = writer != file_writers.end() ? writer->name : nobody_known;
                changes.push_back({path, owner});
        }

        std::ranges::sort(changes, {}, [](const Change& one) { return std::pair(one.owner, one.path); });
        return changes;
}

std::vector<Check> checks_of_changes(const std::vector<Change>& changes)
{
        std::map<std::string, std::vector<std::string>> by_owner;
        for (const auto& [path, owner] : changes)
                by_owner[owner].push_back(path);

        std::vector<Check> checks;
        for (const auto& [owner, paths] : by_owner) {
                const auto more = paths.size() > shown_files
                                          ? fmt::format(" and {} more", paths.size() - shown_files)
                                          : "";
                const auto shown = std::vector(paths.begin(),
                        paths.begin() + static_cast<std::ptrdiff_t>(std::min(paths.size(), shown_files)));
                const bool expected =
                        owner != nobody_known && owner != "image build" && !owner.starts_with("package ");
                checks.push_back({fmt::format("changed by {}", owner),
                        expected ? Check::State::ok : Check::State::warning, join(shown, ", ") + more,
                        expected ? "" : "as in the image",
                        expected
                                ? ""
                                : "Build what you need into the image, or replace this instance by a new one of its image"});
        }
        if (checks.empty())
                checks.push_back({"changed files", Check::State::ok, "none since the first boot", "", ""});
        return checks;
}

} // namespace eks
