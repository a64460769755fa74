// SPDX-License-Identifier: Apache-2.0
#include "steps/sysctl/sysctl.hpp"

#include <algorithm>
#include <fnmatch.h>

#include <fmt/format.h>

#include "base/drop_ins.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

// sysctl.d(5): the first separator decides; the other character is then part of a name.
std::string as_path(std::string_view name)
{
        std::string path(name);
        const auto first = path.find_first_of("./");
        if (first != std::string::npos && path[first] == '.')
                for (auto& c : path)
                        c = c == '.' ? '/' : c == '/' ? '.' : c;
        return path;
}

std::vector<SysctlLine> admin_settings(const Root& root)
{
        std::vector<SysctlLine> settings;
        auto files = drop_ins(root, {"/run/sysctl.d", "/etc/sysctl.d"}, {".conf"});
        files.emplace_back("/etc/sysctl.conf");
        std::erase(files, sysctl_path);

        for (const auto& file : files)
                for (auto& line : sysctl_lines(root, file))
                        settings.push_back(std::move(line));

        return settings;
}

} // namespace

std::vector<SysctlLine> sysctl_lines(const Root& root, const std::string& file)
{
        std::vector<SysctlLine> found;
        const auto text = read_file_if_exists(root(file)).value_or("");
        int number = 0;

        for (const auto raw : lines(text)) {
                ++number;
                auto line = trim(raw);
                const bool optional = line.starts_with('-');
                if (optional)
                        line.remove_prefix(1);
                const auto equals = line.find('=');
                if (line.starts_with('#') || line.starts_with(';') || equals == std::string_view::npos)
                        continue;

                found.push_back({as_path(trim(line.substr(0, equals))),
                        std::string(trim(line.substr(equals + 1))), optional, {file, number, 1}});
        }

        return found;
}

std::vector<Sysctl> our_sysctls(const NodeInputs& node, std::vector<Note>& notes)
{
        auto ours = node.spec.host.sysctls;
        const auto admin = admin_settings(node.root);
        std::erase_if(ours, [&](const Sysctl& one) {
                const auto set = std::ranges::find_if(admin, [&](const SysctlLine& line) {
                        return ::fnmatch(line.name.c_str(), one.name.c_str(), FNM_PATHNAME) == 0;
                });

                if (!one.of_profile || set == admin.end())
                        return false;

                notes.push_back(
                        {Level::info, fmt::format("{} keeps the value of {}; the profile's value is {} ({})",
                                              one.name, set->where.text(), one.value, one.where.text())});
                return true;
        });

        return ours;
}

std::string sysctl_value(std::string_view text)
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

std::optional<std::string> present_sysctl(const Root& root, const std::string& name)
{
        try {
                if (const auto text = read_file_if_exists(
                            root(name.starts_with('/') ? name : "/proc/sys/" + name)))
                        return sysctl_value(*text);
        } catch (const Error&) { // some can only be written
        }
        return std::nullopt;
}

StepPlan plan_sysctl(const NodeInputs& node)
{
        StepPlan plan;
        const auto ours = our_sysctls(node, plan.notes);
        File file{.path = std::string(sysctl_path), .content = {}};
        const auto& pages = node.spec.host.huge_pages;

        for (const auto& one : ours)
                file.content += fmt::format("{} = {}\n", one.name, one.value);

        // sysctl.d(5) has nothing for sysfs. With such a line a change of it is a change of this file.
        for (const auto& one : pages)
                file.content += fmt::format("# {} = {}\n", one.name, one.value);

        for (const auto& one : ours)
                plan.decisions.push_back(
                        fmt::format("{} = {} is from {}", one.name, one.value, one.where.text()));

        if (ours.empty() && pages.empty())
                file.kind = File::Kind::absent;
        plan.files.push_back(std::move(file));

        return plan;
}

Access sysctl_access()
{
        return {.reads = {"/etc/sysctl.conf", "/etc/sysctl.d", "/run/eks"},
                .writes = {"/proc/sys", "/run/sysctl.d", "/sys/devices/system/node",
                        "/sys/kernel/mm/hugepages"}};
}

} // namespace eks
