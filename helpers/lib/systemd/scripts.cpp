// SPDX-License-Identifier: Apache-2.0
#include "systemd/scripts.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/environment.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

// From 24.3 on the scripts of every stage are children of this one.
constexpr const char* all_stages = "cloud-init-main.service";

constexpr std::array<std::string_view, 9> waiting_verbs{"condrestart", "force-reload", "reload",
        "reload-or-restart", "reload-or-try-restart", "restart", "start", "try-restart", "isolate"};

} // namespace

bool ScriptsState::ahead() const
{
        return installed && (queued || active == "activating" || active == "reloading");
}

ScriptsState look_at_scripts(Manager& manager)
{
        const auto unit = manager.unit(last_stage);
        ScriptsState state{.installed = unit.text("LoadState") == "loaded",
                .active = unit.text("ActiveState"),
                .queued = unit.has_job(),
                .processes = manager.processes(last_stage)};
        for (auto& process : manager.processes(all_stages))
                state.processes.push_back(std::move(process));

        return state;
}

std::string running_script(const ScriptsState& state)
{
        // cloud-init runs /var/lib/cloud/instance/scripts/part-001, itself or by an interpreter.
        const auto script_of = [](std::string_view line) {
                for (const auto word : split(line, ' '))
                        if (word.starts_with('/') && word.find("/scripts/") != word.npos)
                                return std::string(word);
                return std::string();
        };

        std::string text;
        for (const auto& line : state.processes) { // a parent comes before its children
                if (auto script = script_of(line); !script.empty())
                        text = ": " + script;
                else if (!text.empty())
                        text = fmt::format("{}, which runs '{}'", text.substr(0, text.find(',')),
                                split(line, ' ').front());
        }

        return text;
}

std::chrono::seconds scripts_timeout()
{
        constexpr std::chrono::seconds usual{900};
        return environment_seconds("EKS_USER_SCRIPTS_TIMEOUT", usual);
}

bool systemctl_waits_for(
        std::string_view command_line, const std::function<bool(std::string_view)>& concerned)
{
        const auto words = split(command_line, ' ');
        if (words.empty() || !words.front().ends_with("systemctl"))
                return false;

        const auto has = [&](std::string_view word) {
                return std::ranges::find(words, word) != words.end();
        };

        if (has("is-system-running"))
                return has("--wait");

        const bool waits = has("--now") || std::ranges::any_of(waiting_verbs, has);
        return waits && !has("--no-block") && std::ranges::any_of(words, concerned);
}

} // namespace eks
