// SPDX-License-Identifier: Apache-2.0
#include "verbs/status/obstacles.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <csignal>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "base/secrets.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

constexpr std::string_view ours = "/run/eks/"; // conditions and assertions of our own units

// The drop-ins of an admin; ours and the generator's are below /usr and /run/systemd/generator.
std::vector<std::string> admins_files(const Manager::Properties& unit)
{
        auto paths = unit.list("DropInPaths");
        std::erase_if(paths, [](const std::string& path) {
                return !path.starts_with("/etc/") &&
                       (!path.starts_with("/run/systemd/") || path.starts_with("/run/systemd/generator"));
        });
        return paths;
}

// The first of these files that contains a text; "" if none does.
std::string file_with(const std::vector<std::string>& paths, std::string_view text)
{
        const auto found = std::ranges::find_if(paths, [&](const std::string& path) {
                return read_file_if_exists(path).value_or("").find(text) != std::string::npos;
        });
        return found == paths.end() ? std::string() : *found;
}

// A condition or assertion that was not met and that a drop-in of an admin contains.
std::optional<Obstacle> unmet_check(const Manager::Properties& unit, const std::vector<std::string>& files)
{
        for (const char* kind : {"Conditions", "Asserts"})
                for (const auto& check : unit.check(kind)) {
                        if (!check.failed || check.parameter.starts_with(ours))
                                continue;

                        const auto file = file_with(files, check.parameter);
                        if (file.empty())
                                continue;

                        return Obstacle{.reason = "not started",
                                .cause = fmt::format("{}={}{}{} is not met", check.type,
                                        check.trigger ? "|" : "", check.negated ? "!" : "", check.parameter),
                                .place = file,
                                .remedy = "see that it is met"};
                }

        return std::nullopt;
}

bool contains(const std::vector<std::string>& list, std::string_view item)
{
        return std::ranges::find(list, item) != list.end();
}

// The settings that a drop-in has, in the order of the file: "User=", and with its value what is a number or
// a time, and so no secret: "LimitNOFILE=3".
std::vector<std::string> settings_in(const std::string& path)
{
        constexpr std::array numbers{"Limit", "Memory", "Tasks", "Timeout", "RuntimeMax"};
        std::vector<std::string> found;
        const auto text = read_file_if_exists(path).value_or("");

        for (const auto line : lines(text)) {
                const auto equals = line.find('=');
                const auto name = trim(line.substr(0, equals));
                if (equals == line.npos || name.empty() ||
                        !std::ranges::all_of(name, [](unsigned char c) { return std::isalpha(c); }))
                        continue;

                const bool is_number = std::ranges::any_of(
                        numbers, [&](std::string_view begin) { return name.starts_with(begin); });
                auto setting = fmt::format("{}={}", name, is_number ? trim(line.substr(equals + 1)) : "");
                const auto earlier = std::ranges::find_if(found,
                        [&](const std::string& one) { return one.starts_with(fmt::format("{}=", name)); });
                if (earlier == found.end())
                        found.push_back(std::move(setting));
                else
                        *earlier = std::move(setting);
        }

        return found;
}

std::string failed_command(const Manager::Properties& unit)
{
        for (const char* kind : {"ExecCondition", "ExecStartPre"})
                for (const auto& command : unit.command(kind))
                        if (command.code > CLD_EXITED || (command.code == CLD_EXITED && command.status != 0))
                                return hide_secrets(fmt::format("{}={}{}{}", kind, command.program,
                                               command.arguments.empty() ? "" : " ",
                                               join(command.arguments, " "))) +
                                       fmt::format(" {} {}",
                                               command.code == CLD_EXITED ? "ended with exit status"
                                                                          : "was killed by signal",
                                               command.status);
        return {};
}

} // namespace

const Obstacles::Other& Obstacles::other(const std::string& name)
{
        const auto found = others_.find(name);
        if (found != others_.end())
                return found->second;
        const auto unit = manager_->unit(name);
        return others_.emplace(name, Other{unit.text("LoadState"), unit.text("ActiveState")}).first->second;
}

void Obstacles::add_requirement(const std::string& name, const Manager::Properties& unit, UnitState& state)
{
        for (const char* kind : {"BindsTo", "Requires", "Requisite"})
                for (const auto& required : unit.list(kind)) {
                        if (in_chain(required) || required.ends_with(".slice"))
                                continue;

                        const auto& [load, active] = other(required);
                        const auto what = load == "masked"      ? "is masked"
                                          : load == "not-found" ? "is not installed"
                                          : load != "loaded"    ? "has a file that systemd refuses"
                                          : active == "failed"  ? "has failed"
                                                                : "";
                        if (*what == '\0')
                                continue;

                        state.obstacle = {.reason = "not started",
                                .cause = fmt::format("{}={} of {}, which {}", kind, required, name, what),
                                .place = file_with(state.admins_files, required),
                                .remedy = fmt::format("see that {} starts", required),
                                .unit = active == "failed" ? required : std::string()};
                        return;
                }
}

void Obstacles::add_cycles(UnitStates& units)
{
        for (auto& [name, unit] : units) {
                if (!unit.never_tried || unit.obstacle)
                        continue;
                const auto cycle = ordering_cycle(units, name);
                if (cycle.empty())
                        continue;

                std::vector<std::string> files;
                for (const auto& member : cycle)
                        for (const auto& file : units.at(member).admins_files) {
                                const auto settings = settings_in(file);
                                if (contains(settings, "After=") || contains(settings, "Before="))
                                        files.push_back(file);
                        }
                unit.obstacle = {.reason = "in an ordering cycle",
                        .cause = fmt::format(
                                "{} is ordered after {}, which is after {}: systemd leaves out a unit of such a cycle",
                                name, join({cycle.begin() + 1, cycle.end()}, ", which is after "), name),
                        .place = join(files, ", ")};
        }
}

void Obstacles::add(const std::string& name, const Manager::Properties& unit, UnitState& state)
{
        state.admins_files = admins_files(unit);
        if (state.load == "bad-setting" || state.load == "error") {
                const auto files = join(state.admins_files, ", ");
                state.obstacle = {"systemd refuses its file", unit.text("LoadError"),
                        files.empty() ? unit.text("FragmentPath") : files};
                return;
        }

        const bool ended = has_ended(state);
        if (ended)
                state.failed_command = failed_command(unit);

        if (ended || state.restarts > 0)
                for (const auto& file : state.admins_files)
                        state.settings[file] = settings_in(file);

        if (state.load != "loaded" || state.active != "inactive" || state.gate_closed)
                return;

        state.never_tried = unit.number("Job") == 0 && unit.number("ConditionTimestampMonotonic") == 0;
        state.obstacle = unmet_check(unit, state.admins_files);

        if (!state.obstacle)
                add_requirement(name, unit, state);
        if (state.obstacle || unit.number("Job") == 0)
                return;

        std::vector<std::string> slow;
        for (const auto& earlier : unit.list("After"))
                if (!in_chain(earlier) && other(earlier).active == "activating")
                        slow.push_back(earlier);
        state.waits_for = join(slow, ", ");
}

void add_file_of_flag(UnitState& unit)
{
        const auto begin = unit.last_line.find("--");
        if (begin == std::string::npos)
                return;

        const auto flag =
                unit.last_line.substr(begin, unit.last_line.find_first_of(" =:\"'", begin) - begin);
        for (const auto& path : unit.admins_files)
                if (read_file_if_exists(path).value_or("").find(flag) != std::string::npos &&
                        std::ranges::find(unit.drop_ins, path) == unit.drop_ins.end())
                        unit.drop_ins.push_back(path);
}

} // namespace eks
