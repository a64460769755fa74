// SPDX-License-Identifier: Apache-2.0
#include "steps/retry/retry.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <map>

#include <fmt/format.h>

#include "base/messages.hpp"
#include "base/text.hpp"
#include "systemd/start_unit.hpp"

namespace eks {

namespace {

constexpr const char* whole_chain = "eks-node.target";

// The results of systemd for a program that was killed.
constexpr std::array<std::string_view, 5> interrupted{
        "core-dump", "oom-kill", "resources", "signal", "timeout"};

std::string described(const FailedStep& step)
{
        return step.result == "exit-code" ? fmt::format("{} (exit status {})", step.unit, step.exit_status)
                                          : fmt::format("{} ({})", step.unit, step.result);
}

bool is_step(const std::string& unit)
{
        return unit.starts_with("eks-") && unit.ends_with(".service");
}

// Steps of the chain, and whether kubelet requires them.
std::map<std::string, bool> chain(Manager& manager)
{
        std::map<std::string, bool> steps;
        std::deque<std::string> queue{"kubelet.service"};
        while (!queue.empty()) {
                const auto required = manager.unit(queue.front()).list("Requires");
                queue.pop_front();
                for (const auto& unit : required)
                        if (is_step(unit) && steps.emplace(unit, true).second)
                                queue.push_back(unit);
        }

        for (const auto* one : {"eks-configured.target", "eks-node.target", "kubelet.service"})
                for (const auto& unit : manager.unit(one).list("Wants"))
                        if (is_step(unit))
                                steps.emplace(unit, false);

        // udev wants an instance for each interface; kubelet starts after those.
        for (const auto& unit : manager.unit("kubelet.service").list("After"))
                if (unit.starts_with("eks-interface@"))
                        steps.emplace(unit, false);

        return steps;
}

} // namespace

bool may_pass(const FailedStep& step)
{
        if (step.result == "exit-code")
                return step.exit_status == static_cast<int>(Errc::unreachable);
        return std::ranges::find(interrupted, step.result) != interrupted.end();
}

Verdict verdict_on(const std::vector<FailedStep>& failed)
{
        Verdict verdict;
        bool required = false;

        for (const auto& step : failed) {
                if (!may_pass(step)) {
                        if (step.required)
                                return {.kind = Verdict::Kind::person, .start = {}, .why = described(step)};
                        continue;
                }

                if (verdict.kind == Verdict::Kind::nothing)
                        verdict = {.kind = Verdict::Kind::again, .start = {}, .why = described(step)};
                required = required || step.required;
                verdict.start.push_back(step.unit);
        }

        // The whole chain, because the units that require the step were not started either.
        if (required)
                verdict.start = {whole_chain};

        return verdict;
}

std::vector<FailedStep> failed_steps(Manager& manager)
{
        std::vector<FailedStep> failed;
        for (const auto& [name, required] : chain(manager)) {
                const auto unit = manager.unit(name);
                if (unit.text("ActiveState") == "failed")
                        failed.push_back({.unit = name,
                                .result = unit.service_text("Result"),
                                .exit_status = unit.service_status("ExecMainStatus"),
                                .required = required});
        }

        return failed;
}

// What a person runs.
constexpr auto start_command = "`systemctl start eks-node.target`";

void after_failure(Context& context, Manager& manager)
{
        const auto verdict = verdict_on(failed_steps(manager));
        switch (verdict.kind) {
        case Verdict::Kind::nothing:
                return;
        case Verdict::Kind::person:
                context.did(fmt::format("{} is not temporary; run {} when its cause is removed", verdict.why,
                                    start_command),
                        false);
                manager.queue_job("StopUnit", retry_timer);
                return;
        case Verdict::Kind::again:
                break;
        }

        if (manager.unit(retry_timer).text("SubState") == "elapsed") {
                context.log().write(Level::warning,
                        fmt::format("{} failed at each attempt of {}; to try again, run {}, giving up",
                                verdict.why, retry_timer, start_command),
                        event::retry_ended.id);
                manager.queue_job("StopUnit", retry_timer);
                return;
        }

        manager.queue_job("StartUnit", retry_timer);
        context.did(fmt::format("{} may be temporary: {} starts {} again", verdict.why, retry_timer,
                            join(verdict.start, " ")),
                false);
}

void try_again(Context& context, Manager& manager)
{
        const auto verdict = verdict_on(failed_steps(manager));
        if (verdict.kind != Verdict::Kind::again) {
                manager.queue_job("StopUnit", retry_timer);
                return;
        }

        for (const auto& unit : verdict.start)
                manager.queue_job("StartUnit", unit);
        if (verdict.start.front() == whole_chain)
                start_skipped_interfaces(manager);
        context.did(fmt::format("started {} again after {}", join(verdict.start, " "), verdict.why), true);
}

} // namespace eks
