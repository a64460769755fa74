// SPDX-License-Identifier: Apache-2.0
#include "verbs/validate-image/validate_image.hpp"
#include "base/json.hpp"

#include <algorithm>
#include <cerrno>
#include <glob.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"
#include "verbs/validate-image/tree.hpp"
#include "verbs/versions/digest.hpp"
#include "verbs/versions/versions.hpp"

namespace eks {

namespace {

using State = Check::State;

constexpr auto build_again =
        "Build the image again: nothing but packer/ and packages should write this file";

std::optional<struct stat> look_at(const std::string& path)
{
        struct stat st {};
        if (::lstat(path.c_str(), &st) == 0)
                return st;
        if (errno == ENOENT || errno == ENOTDIR)
                return std::nullopt;
        throw io_error("look at", path, errno);
}

Check problem(std::string_view subject, std::string_view what, std::string found, std::string wanted,
        std::string remedy)
{
        return {fmt::format("{} {}", subject, what), State::problem, std::move(found), std::move(wanted),
                std::move(remedy)};
}

void check_file(const Root& root, const ImageFile& file, bool with_content, std::vector<Check>& checks)
{
        const auto path = root(file.path);
        const auto add = [&](std::string found, std::string wanted, std::string remedy) {
                checks.push_back(
                        problem("file", file.path, std::move(found), std::move(wanted), std::move(remedy)));
        };

        const auto st = look_at(path);
        if (!st)
                return add("missing", "as the build made it", build_again);

        if (!file.target.empty()) {
                if (const auto target = read_link_if_exists(path); target != file.target)
                        add(target ? "a link to " + *target : "not a link", "a link to " + file.target,
                                fmt::format("Run `ln -sfn {} {}`", file.target, file.path));
                return;
        }

        if (file.path.ends_with('/')) {
                if (!S_ISDIR(st->st_mode))
                        return add("not a directory", "a directory", build_again);
        } else if (!S_ISREG(st->st_mode)) {
                return add("not a regular file", "a regular file", build_again);
        }

        const auto mode = fmt::format("{:04o}", st->st_mode & 07777U);
        if (mode != file.mode)
                add("mode " + mode, file.mode, fmt::format("Run `chmod {} {}`", file.mode, file.path));
        const auto owner = fmt::format("{}:{}", st->st_uid, st->st_gid);
        if (owner != file.owner)
                add("owner " + owner, file.owner, fmt::format("Run `chown {} {}`", file.owner, file.path));
        if (!with_content || file.sha256.empty())
                return;

        if (const auto sum = sha256_of_file(path); sum != file.sha256)
                add("SHA-256 " + sum, file.sha256, build_again);
}

bool is_unit_file(const Root& root, const std::string& unit)
{
        auto name = unit;
        if (const auto at = name.find('@'); at != name.npos) // of an instance, the template
                name = name.substr(0, at + 1) + name.substr(name.rfind('.'));
        return std::ranges::any_of(std::array{"/etc/systemd/system/", "/usr/lib/systemd/system/",
                                           "/lib/systemd/system/", "/usr/lib/eks/units/"},
                [&](const char* directory) { return exists(root(directory + name)); });
}

bool is_wanted(const Root& root, const std::string& unit)
{
        for (const auto* directory : {"/etc/systemd/system", "/usr/lib/systemd/system"})
                for (const auto& name : list_directory(root(directory)))
                        if ((name.ends_with(".wants") || name.ends_with(".requires")) &&
                                look_at(root(fmt::format("{}/{}/{}", directory, name, unit))))
                                return true;
        return false;
}

std::string module_name(std::string_view text)
{
        text = text.substr(text.rfind('/') + 1);
        std::string name(text.substr(0, text.find(".ko")));
        std::ranges::replace(name, '-', '_');
        return name;
}

// Names in modules.dep and modules.builtin of a kernel, with _ for -.
std::vector<std::string> modules_of(const Root& root, const std::string& directory)
{
        std::vector<std::string> names;
        for (const auto* file : {"/modules.dep", "/modules.builtin"}) {
                const auto text = read_file_if_exists(root(directory + file)).value_or("");
                for (const auto line : lines(text))
                        names.push_back(module_name(line.substr(0, line.find(':'))));
        }

        std::ranges::sort(names);
        return names;
}

// Module to the file that loads it at boot. A file in /etc has precedence over one of the same name.
std::vector<std::pair<std::string, std::string>> loaded_modules(const Root& root)
{
        std::vector<std::pair<std::string, std::string>> modules;
        std::vector<std::string> seen;

        for (const auto* directory : {"/etc/modules-load.d", "/usr/lib/modules-load.d"})
                for (const auto& name : list_directory(root(directory))) {
                        if (!name.ends_with(".conf") || std::ranges::find(seen, name) != seen.end())
                                continue;

                        seen.push_back(name);
                        const auto path = fmt::format("{}/{}", directory, name);
                        const auto text = read_file_if_exists(root(path)).value_or("");
                        for (const auto line : lines(text))
                                if (const auto word = trim(line);
                                        !word.empty() && !word.starts_with('#') && !word.starts_with(';'))
                                        modules.emplace_back(word, path);
                }

        return modules;
}

std::vector<std::string> paths_like(const Root& root, const std::string& pattern)
{
        glob_t found{};
        std::vector<std::string> paths;
        if (::glob(root(pattern).c_str(), GLOB_NOSORT, nullptr, &found) == 0)
                for (std::size_t i = 0; i < found.gl_pathc; ++i)
                        paths.emplace_back(std::string_view(found.gl_pathv[i])
                                                   .substr(root.prefix().size())); // NOLINT: glob's C array
        ::globfree(&found);

        return paths;
}

} // namespace

std::vector<Check> check_files(const Root& root, const ImageManifest& manifest, Stage stage)
{
        std::vector<Check> checks;
        for (const auto& file : manifest.files) {
                // Daemons own these on a node, and disks may be mounted there.
                if (stage == Stage::running && file.path.starts_with("/var/lib/"))
                        continue;
                check_file(
                        root, file, stage == Stage::sealed || !file.path.starts_with("/opt/cni/"), checks);
        }

        return checks;
}

std::vector<Check> check_access(const Root& root)
{
        constexpr unsigned writable = S_IWGRP | S_IWOTH;
        std::vector<Check> checks;
        const auto top = look_at(root("/"));
        const auto owner = top ? top->st_uid : 0; // 0, but in a root that somebody else has unpacked

        for (const auto* place : {"/etc/eks", "/etc/systemd/system", "/opt/cni/bin", "/usr/bin/kubelet",
                     "/usr/bin/aws-iam-authenticator", "/usr/lib/eks", "/usr/lib/systemd/system",
                     "/usr/libexec/eksnode"})
                walk_tree(root, place, [&](std::string_view path, const struct stat& st) {
                        if (st.st_uid != owner)
                                checks.push_back(
                                        problem("access", path, fmt::format("belongs to {}", st.st_uid),
                                                "root", fmt::format("Run `chown -h {} {}`", owner, path)));
                        if (!S_ISLNK(st.st_mode) && (st.st_mode & writable) != 0)
                                checks.push_back(problem("access", path,
                                        fmt::format("mode {:04o}", st.st_mode & 07777U),
                                        "only root may write", fmt::format("Run `chmod go-w {}`", path)));
                });

        return checks;
}

std::vector<Check> check_units(const Root& root, const ImageManifest& manifest)
{
        std::vector<Check> checks;
        for (const auto& unit : manifest.enabled) {
                if (read_link_if_exists(root("/etc/systemd/system/" + unit)) == "/dev/null")
                        checks.push_back(problem("unit", unit, "masked", "enabled",
                                fmt::format("Run `systemctl unmask {}`", unit)));
                else if (!is_unit_file(root, unit))
                        checks.push_back(problem("unit", unit, "missing", "enabled",
                                "Install the package that has it, or remove the line 'enable' from the variant"));
                else if (!is_wanted(root, unit))
                        checks.push_back(problem("unit", unit, "not enabled", "enabled",
                                fmt::format("Run `systemctl enable {}`", unit)));
        }

        return checks;
}

std::vector<Check> check_versions(const Root& root, const ImageManifest& manifest)
{
        std::vector<Check> checks;
        for (const auto& one : compare_versions(installed_versions(root), manifest))
                if (one.is_wrong())
                        checks.push_back(problem("version of", one.name,
                                one.installed.empty() ? "not installed" : one.installed, one.wanted,
                                one.remedy));
        return checks;
}

std::vector<Check> check_kernel(const Root& root, const ImageManifest& manifest, Stage stage)
{
        auto kernel = manifest.kernel;
        if (kernel.empty())
                return {}; // a container has none of its own

        if (stage == Stage::running)
                kernel = trim(read_file_if_exists(root("/proc/sys/kernel/osrelease")).value_or(kernel));
        std::vector<Check> checks;
        const auto add = [&](std::string_view what, std::string found, std::string wanted,
                                 std::string remedy) {
                checks.push_back(
                        problem("kernel", what, std::move(found), std::move(wanted), std::move(remedy)));
        };

        if (!exists(root("/boot/vmlinuz-" + kernel)))
                add(kernel, fmt::format("there is no /boot/vmlinuz-{}", kernel), "the kernel that boots",
                        "Install its package again, or choose another kernel with kernel_version=");

        const auto directory = "/usr/lib/modules/" + kernel;
        if (!exists(root(directory + "/modules.dep"))) {
                add(kernel, fmt::format("there is no {}/modules.dep", directory),
                        "modules of the kernel that boots",
                        fmt::format("Install the package of its modules, and run `depmod {}`", kernel));
                return checks;
        }

        const auto names = modules_of(root, directory);
        const auto has = [&](std::string_view module) {
                return std::ranges::binary_search(names, module_name(module));
        };

        for (const auto& [module, file] : loaded_modules(root))
                if (!has(module))
                        add("module " + module, fmt::format("{} has none", kernel),
                                fmt::format("{} loads it at boot", file),
                                "Install the package that has it for this kernel, or remove the line");

        for (const auto& module : list_directory(root("/var/lib/dkms")))
                for (const auto& version : list_directory(root(fmt::format("/var/lib/dkms/{}", module)))) {
                        const auto built = fmt::format("/var/lib/dkms/{}/{}", module, version);
                        if (!look_at(root(built)) || !S_ISDIR(look_at(root(built))->st_mode) ||
                                !exists(root(built + "/source")))
                                continue; // kernel-… are links to what was installed

                        if (!exists(root(fmt::format("{}/{}", built, kernel))))
                                add("module " + module, fmt::format("dkms has not built it for {}", kernel),
                                        "built",
                                        fmt::format(
                                                "Run `dkms install {}/{} -k {}`; the headers of this kernel must be installed",
                                                module, version, kernel));
                }

        return checks;
}

std::vector<Check> check_leftovers(const Root& root, const ImageManifest& manifest)
{
        constexpr auto remedy = "Remove it, or run packer/provisioners/clean-up last";
        std::vector<Check> checks;

        for (const auto& pattern : manifest.leftovers)
                for (const auto& path : paths_like(root, pattern)) {
                        // A link is of the distribution, a file has the servers of the builder's network.
                        if (path == "/etc/resolv.conf" && read_link_if_exists(root(path)))
                                continue;
                        checks.push_back(problem("leftover", path, "is of the builder", "absent", remedy));
                }

        walk_tree(root, "/var/log", [&](std::string_view path, const struct stat& st) {
                // auditd goes on writing while it runs
                if (S_ISREG(st.st_mode) && st.st_size > 0 && path != "/var/log/audit/audit.log")
                        checks.push_back(
                                problem("leftover", path, "is a log of the builder", "absent", remedy));
        });

        const auto id = read_file_if_exists(root("/etc/machine-id"));
        if (!id || !trim(*id).empty())
                checks.push_back(problem("leftover", "/etc/machine-id", id ? "has an id" : "missing",
                        "an empty file, into which systemd writes an id at the first boot",
                        "Run `truncate --size=0 /etc/machine-id`"));

        return checks;
}

std::vector<Check> check_space(const Root& root, const ImageManifest& manifest, Stage stage)
{
        struct statvfs disk {};
        if (::statvfs(root("/").c_str(), &disk) < 0)
                throw io_error("look at the file system of", root("/"), errno);

        const auto free = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize >> 20U;
        if (free >= manifest.least_free_mib)
                return {};

        return {{"free space", stage == Stage::sealed ? State::problem : State::warning,
                fmt::format("{} MiB", free), fmt::format("{} MiB", manifest.least_free_mib),
                "Say launch_block_device_mappings_volume_size=GIB at the build, or start instances with a larger volume"}};
}

std::vector<Check> validate_image(const Root& root, const ImageManifest& manifest, Stage stage)
{
        std::vector<Check> checks;
        const auto append = [&](std::string_view subject, std::vector<Check> found) {
                if (found.empty())
                        checks.push_back({std::string(subject), State::ok, "as the build made it", "", ""});
                checks.insert(checks.end(), found.begin(), found.end());
        };

        append("files", check_files(root, manifest, stage));
        append("access", check_access(root));
        append("units", check_units(root, manifest));
        append("versions", check_versions(root, manifest));
        append("kernel", check_kernel(root, manifest, stage));
        append("free space", check_space(root, manifest, stage));

        if (stage == Stage::sealed)
                append("leftovers", check_leftovers(root, manifest));

        return checks;
}

std::string render_validation(const std::vector<Check>& checks, const std::vector<Size>& sizes)
{
        auto text = render_checks(checks);
        for (const auto& [component, mib] : sizes)
                text += fmt::format("{:>6} MiB  {}\n", mib, component);
        return text;
}

std::string render_validation_as_json(const std::vector<Check>& checks, const std::vector<Size>& sizes)
{
        auto tree = parse_ordered_json(render_checks_as_json(checks));
        auto list = OrderedJson::array();
        for (const auto& [component, mib] : sizes)
                list.push_back({{"component", component}, {"mib", mib}});
        tree["sizes"] = list;
        return tree.dump(4) + "\n";
}

} // namespace eks
