// SPDX-License-Identifier: Apache-2.0
#include "sysctl.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fnmatch.h>
#include <optional>
#include <unistd.h>

#include <fmt/format.h>

#include "base/drop_ins.hpp"
#include "base/fd.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

// One line of an admin's file: a name, perhaps with wildcards, as a path below /proc/sys.
struct AdminSetting {
        std::string pattern;
        Where where;
};

// sysctl.d(5): the first separator decides which one separates; the other is then part of a name.
std::string as_path(std::string_view name)
{
        std::string path(name);
        const auto first = path.find_first_of("./");
        if (first != std::string::npos && path[first] == '.')
                for (auto& c : path)
                        c = c == '.' ? '/' : c == '/' ? '.' : c;
        return path;
}

std::vector<AdminSetting> admin_settings(const Root& root)
{
        std::vector<AdminSetting> settings;
        auto files = drop_ins(root, {"/run/sysctl.d", "/etc/sysctl.d"}, {".conf"});
        files.emplace_back("/etc/sysctl.conf");
        std::erase(files, sysctl_path);
        for (const auto& file : files) {
                const auto text = read_file_if_exists(root(file)).value_or("");
                int number = 0;
                for (const auto raw : lines(text)) {
                        ++number;
                        auto line = trim(raw);
                        if (line.starts_with('-')) // sysctl.d(5): its failure does not matter
                                line.remove_prefix(1);
                        const auto equals = line.find('=');
                        if (line.starts_with('#') || line.starts_with(';') ||
                                equals == std::string_view::npos)
                                continue;
                        settings.push_back({as_path(trim(line.substr(0, equals))), {file, number, 1}});
                }
        }
        return settings;
}

// Several numbers are separated by tabs in the kernel's answer, and by blanks where people write them.
std::string with_single_blanks(std::string_view text)
{
        std::string result;
        for (const char c : trim(text)) {
                const bool blank = c == ' ' || c == '\t' || c == '\n';
                if (!blank)
                        result += c;
                else if (!result.ends_with(' '))
                        result += ' ';
        }
        return result;
}

// Some parameters can be written only.
std::optional<std::string> present_value(const std::string& path)
{
        try {
                if (const auto text = read_file_if_exists(path))
                        return with_single_blanks(*text);
        } catch (const Error&) { // writing says what is wrong, if anything is
        }
        return std::nullopt;
}

// errno of the failure, or 0. One write() sets a parameter as a whole.
int write_value(const std::string& path, const std::string& value)
{
        const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW));
        if (!file)
                return errno;
        const auto line = value + "\n";
        const auto written = ::write(file.get(), line.data(), line.size());
        return written == static_cast<ssize_t>(line.size()) ? 0 : written < 0 ? errno : EIO;
}

void warn(Context& context, const std::vector<std::string>& names, std::string_view why)
{
        if (!names.empty())
                context.log().write(Level::warning,
                        fmt::format("{}: {}, proceeding", join(names, ", "), why), event::config_warning.id);
}

// What an admin's file sets is not taken from the profile.
std::vector<Sysctl> our_sysctls(const NodeInputs& node, std::vector<Note>& notes)
{
        auto ours = node.spec.sysctls;
        const auto admin = admin_settings(node.root);
        std::erase_if(ours, [&](const Sysctl& one) {
                const auto set = std::ranges::find_if(admin, [&](const AdminSetting& setting) {
                        return ::fnmatch(setting.pattern.c_str(), one.name.c_str(), FNM_PATHNAME) == 0;
                });
                if (!one.of_profile || set == admin.end())
                        return false;
                notes.push_back(
                        {Level::info, fmt::format("{} stays as {} has it; the profile's value is {} ({})",
                                              one.name, set->where.text(), one.value, one.where.text())});
                return true;
        });
        return ours;
}

} // namespace

StepPlan plan_sysctl(const NodeInputs& node)
{
        StepPlan plan;
        const auto ours = our_sysctls(node, plan.notes);
        File file{.path = std::string(sysctl_path), .content = {}};
        for (const auto& one : ours)
                file.content += fmt::format("{} = {}\n", one.name, one.value);
        if (ours.empty())
                file.kind = File::Kind::absent;
        plan.files.push_back(std::move(file));
        return plan;
}

void set_sysctls(Context& context, const NodeInputs& node)
{
        std::vector<Note> said_by_the_plan;
        const auto wanted = our_sysctls(node, said_by_the_plan);
        Problems refused;
        std::vector<std::string> unknown;
        std::vector<std::string> read_only;
        std::size_t unchanged = 0;
        for (const auto& one : wanted) {
                const auto path = context.root()("/proc/sys/" + one.name);
                const auto before = present_value(path);
                if (before == with_single_blanks(one.value)) {
                        ++unchanged;
                        continue;
                }
                switch (const int error = write_value(path, one.value)) {
                case 0:
                        context.did(fmt::format("{} = {}{}", one.name, one.value,
                                            before ? fmt::format(" (was {})", *before) : std::string()),
                                true);
                        break;
                case ENOENT:
                case ENOTDIR:
                        unknown.push_back(one.name);
                        break;
                case EROFS:
                        read_only.push_back(one.name);
                        break;
                default:
                        refused.add(one.where, one.key, one.value,
                                fmt::format("the kernel refuses it: {}", ::strerror(error)),
                                error == EPERM || error == EACCES
                                        ? "This step has no capabilities: set it in a file of /etc/sysctl.d"
                                        : "Give a value that the kernel takes, or remove the key");
                }
        }
        if (unchanged > 0)
                context.did(fmt::format("{} {} already set", unchanged,
                                    unchanged == 1 ? "kernel parameter" : "kernel parameters"),
                        false);
        warn(context, unknown, "this kernel has no such parameter (yet: its module may not be loaded)");
        warn(context, read_only, "read-only here, as in a container");
        refused.throw_if_any(failure::sysctl_refused);
}

} // namespace eks
