// SPDX-License-Identifier: Apache-2.0
#include "verbs/status/status.hpp"

#include <algorithm>
#include <deque>
#include <set>

#include <fmt/format.h>

#include "base/conffile.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

const std::string command_failed = "a command before it failed";

// It waits for its next start, or has failed and runs what comes before that (ExecStopPost=).
bool restarts_itself(const UnitState& unit)
{
        const bool ends = unit.active == "deactivating" && !unit.result.empty() && unit.result != "success";
        return ends || (unit.active == "activating" && unit.sub.starts_with("auto-restart"));
}

// How its last run ended.
std::string ending(const UnitState& unit)
{
        if (unit.killed)
                return fmt::format("killed by signal {}", unit.exit_status);
        return fmt::format("exit status {}", unit.exit_status);
}

std::string times(unsigned count)
{
        return count == 1 ? "once" : fmt::format("{} times", count);
}

// In plain words, with the manager's own terms if they add information.
std::string describe(const UnitState& unit)
{
        if (unit.load == "masked")
                return "masked: run `systemctl unmask` to enable it";
        if (unit.load == "not-found")
                return "not installed";
        if (unit.obstacle)
                return fmt::format("{}: {}", unit.obstacle->reason, unit.obstacle->cause);
        if (is_skipped(unit))
                return "not needed";
        if (unit.active == "failed" && !unit.failed_command.empty())
                return fmt::format("FAILED ({})", command_failed);
        if (unit.active == "failed")
                return unit.result == "exit-code" ? fmt::format("FAILED (exit status {})", unit.exit_status)
                                                  : fmt::format("FAILED ({})", unit.result);
        if (unit.active == "active" && unit.sub == "running") {
                const auto* const node = unit.ready == true    ? ", the node is Ready"
                                         : unit.ready == false ? ", the node is not Ready"
                                         : unit.registered     ? ", has registered the node"
                                                               : "";
                return fmt::format("running{}{}",
                        unit.restarts == 0 ? "" : fmt::format(", restarted itself {}", times(unit.restarts)),
                        node);
        }
        if (unit.active == "active")
                return unit.sub == "exited" ? "done" : "reached";
        if (restarts_itself(unit))
                return fmt::format("FAILED ({}), restarts itself{}",
                        !unit.failed_command.empty() ? command_failed
                        : unit.result == "watchdog"  ? "hung: " + ending(unit)
                                                     : ending(unit),
                        unit.restarts == 0 ? "" : fmt::format("; has done so {}", times(unit.restarts)));
        if (unit.active == "activating")
                return unit.restarts == 0
                               ? "working"
                               : fmt::format("working, restarted itself {}", times(unit.restarts));
        if (!unit.asserts)
                return "not started: an assertion failed";

        return unit.active == "inactive" ? "not started" : unit.active;
}

const char* mark_of(const UnitState& unit)
{
        if (has_failed(unit))
                return "×";
        if (unit.active == "active" &&
                (!unit.warnings.empty() || !unit.not_registered.empty() || unit.ready == false))
                return "!";
        if (unit.active == "active")
                return "●";
        if (unit.active == "activating")
                return "◌";

        return "○";
}

std::string time_of(const UnitState& unit)
{
        if (unit.started == 0 || unit.finished < unit.started || unit.active != "active" ||
                unit.sub == "active")
                return "";
        return fmt::format("{:.0f} ms", static_cast<double>(unit.finished - unit.started) / 1000);
}

struct Node {
        std::string name;
        std::vector<std::string> children;
};

// Breadth first, so that each unit is shown at its place nearest to the root; of two such places, below the
// unit that started first. The manager lists dependencies in no order.
std::map<std::string, std::vector<std::string>> tree_of(const UnitStates& units, const std::string& root)
{
        std::map<std::string, std::vector<std::string>> children;
        const auto started = [&](const std::string& name) {
                const auto at = units.at(name).started;
                return std::pair(at == 0 ? ~std::uint64_t{0} : at, name);
        };

        std::set<std::string> seen{root};
        std::deque<std::string> queue{root};
        while (!queue.empty()) {
                const auto name = queue.front();
                queue.pop_front();

                const auto unit = units.find(name);
                if (unit == units.end())
                        continue;

                auto& list = children[name];
                for (const auto& child : unit->second.pulls_in)
                        if (units.contains(child) && seen.insert(child).second)
                                list.push_back(child);
                std::ranges::sort(list, {}, started);
                queue.insert(queue.end(), list.begin(), list.end());
        }

        return children;
}

class Printer {
public:
        Printer(const UnitStates& units, std::map<std::string, std::vector<std::string>> children)
                : units_(&units), children_(std::move(children))
        {
        }

        void print(const std::string& name, const std::string& indent, const std::string& branch)
        {
                const auto& unit = units_->at(name);
                const auto left = fmt::format("{}{} {}", branch, mark_of(unit), name);

                // Lines of a tree contain characters of three bytes, but columns are counted in characters.
                const auto width =
                        std::ranges::count_if(left, [](char c) { return (c & '\xc0') != '\x80'; });
                text_ += left +
                         std::string(static_cast<std::size_t>(std::max<std::ptrdiff_t>(1, 44 - width)), ' ');
                text_ += fmt::format("{:>8}  {}\n", time_of(unit), describe(unit));
                const auto children = shown_below(name);

                const auto below = indent + (children.empty() ? "   " : "│  ");
                if (!unit.status.empty() && (unit.active == "failed" || unit.active == "activating"))
                        text_ += fmt::format("{}  {}\n", below, unit.status);
                if (unit.status.empty() && unit.active == "failed" && !unit.cause.empty())
                        text_ += fmt::format("{}  {}\n", below, unit.cause);
                if (!unit.last_line.empty())
                        text_ += fmt::format("{}  {}: {}\n", below,
                                unit.active == "active" ? "Before the restart" : "Last error",
                                unit.last_line);
                if (!unit.last_error.empty())
                        text_ += fmt::format("{}  Last error: {}\n", below, unit.last_error);
                for (const auto& warning : unit.warnings)
                        text_ += fmt::format("{}  Warning: {}\n", below, warning);
                if (!unit.warnings.empty())
                        text_ += fmt::format("{}  See: journalctl -b -x -p warning -u {}\n", below, name);
                if (unit.active == "failed")
                        text_ += fmt::format("{}  See: journalctl -b -x -u {}\n", below, name);

                for (std::size_t i = 0; i < children.size(); ++i) {
                        const bool last = i + 1 == children.size();
                        print(children[i], indent + (last ? "   " : "│  "), indent + (last ? "└─ " : "├─ "));
                }
        }

        const std::string& text() const { return text_; }

private:
        // In place of a step that is not needed, what stands below it.
        std::vector<std::string> shown_below(const std::string& name)
        {
                std::vector<std::string> shown;
                for (const auto& child : children_[name]) {
                        if (!is_skipped(units_->at(child))) {
                                shown.push_back(child);
                                continue;
                        }
                        const auto inner = shown_below(child);
                        shown.insert(shown.end(), inner.begin(), inner.end());
                }

                return shown;
        }

        const UnitStates* units_;
        std::map<std::string, std::vector<std::string>> children_;
        std::string text_;
};

} // namespace

bool in_chain(const std::string& unit)
{
        return unit == kubelet_unit || unit == containerd_unit || unit == soci_unit ||
               (unit.starts_with("eks-") && (unit.ends_with(".service") || unit.ends_with(".target")));
}

bool has_ended(const UnitState& unit)
{
        return unit.active == "failed" || restarts_itself(unit);
}

bool has_failed(const UnitState& unit)
{
        return !is_skipped(unit) && has_ended(unit);
}

bool is_skipped(const UnitState& unit)
{
        if (unit.load != "loaded" || unit.obstacle)
                return false;
        return unit.active == "failed" ? unit.gate_closed
                                       : unit.active == "inactive" && !unit.conditions && unit.asserts;
}

std::string reason_of(const UnitState& unit)
{
        if (unit.obstacle)
                return unit.obstacle->reason;
        if (!unit.failed_command.empty())
                return command_failed;
        if (unit.load != "loaded")
                return unit.load == "masked" ? "masked" : "not installed";
        if (unit.active == "activating" && !restarts_itself(unit))
                return "ended " + times(unit.restarts);
        if (restarts_itself(unit) || unit.result == "exit-code")
                return ending(unit);

        return unit.result;
}

namespace {

std::string render_skipped(const UnitStates& units, const std::string& root)
{
        constexpr std::size_t width = 110;
        std::vector<std::string> steps;
        for (const auto& [name, unit] : units)
                if (name != root && is_skipped(unit))
                        steps.push_back(name.substr(0, name.rfind(".service")));
        return steps.empty() ? "" : wrapped("○ not needed:", steps, " ", width) + "\n";
}

} // namespace

std::string render_status(const UnitStates& units, const std::string& root)
{
        Printer printer(units, tree_of(units, root));
        printer.print(root, "", "");
        return printer.text() + render_skipped(units, root);
}

std::string render_stale(const std::vector<StaleDaemon>& daemons)
{
        std::string text = daemons.empty() ? "" : "\nrunning on an older configuration:\n";
        for (const auto& daemon : daemons)
                text += fmt::format("! {}: run `systemctl restart {}`\n", text_of(daemon), daemon.unit);
        return text;
}

std::string render_edits(const std::vector<std::string>& paths)
{
        if (paths.empty())
                return {};

        std::string text = "\nedited by hand, not changed:\n";
        for (const auto& path : paths)
                text += fmt::format("{} {}{}\n", is_trusted(path) ? "!" : " ", path,
                        is_trusted(path) ? ": it says which API server kubelet trusts" : "");
        return text + fmt::format("our versions are below {}/\n", rendered_directory);
}

std::string render_storage(const std::string& record, const StorageNow& now)
{
        constexpr double gibibyte = 1U << 30U;
        if (record.empty())
                return {};

        std::string text = "\ninstance store:\n";

        for (const auto line : lines(record)) {
                constexpr std::string_view mount = "mount ";
                text += fmt::format("  {}", line);

                if (const auto words = split(line, ' '); words.size() > 1 && words[0] == "array")
                        if (const auto loss = now.loss(std::string(words[1])); !loss.empty())
                                text += ": " + loss;

                // The device is the last word; there may be blanks in the directory.
                if (const auto end = line.rfind(' '); line.starts_with(mount) && end > mount.size()) {
                        const auto [used, size] =
                                now.use(std::string(line.substr(mount.size(), end - mount.size())));
                        text += fmt::format(", {:.1f} of {:.1f} GiB used", used / gibibyte, size / gibibyte);
                }

                text += "\n";
        }

        return text;
}

std::string render_swap(const SwapRecord& record, const std::vector<SwapArea>& areas)
{
        if (record.kind.empty() && areas.empty())
                return {};

        const bool wanted = !record.kind.empty() && record.kind != "off";
        auto text = fmt::format("\nswap: {}{}\n", record.kind.empty() ? "not configured" : record.kind,
                wanted && record.path.empty() ? ", not on" : "");
        constexpr double gibibyte = 1U << 30U;
        for (const auto& area : areas)
                text += fmt::format("  {}, {:.1f} of {:.1f} GiB used{}\n", area.path,
                        static_cast<double>(area.used) / gibibyte, static_cast<double>(area.size) / gibibyte,
                        area.path == record.path ? "" : ", not of eksnode");

        return text;
}

int chain_exit_status(const UnitStates& units, const std::string& root, Seconds retry_in)
{
        const bool failed = std::ranges::any_of(
                units, [](const auto& u) { return has_failed(u.second) && !restarts_itself(u.second); });

        if (units.at(root).active == "active") {
                const auto kubelet = units.find(std::string(kubelet_unit));
                if (failed)
                        return retry_in ? 75 : 1;
                return kubelet != units.end() && (!kubelet->second.not_registered.empty() ||
                                                         kubelet->second.ready == false)
                               ? 75
                               : 0;
        }

        const bool working = std::ranges::any_of(units, [](const auto& u) {
                return u.second.active == "activating" || restarts_itself(u.second) ||
                       !u.second.waits_for.empty();
        });

        return retry_in || (working && !failed) ? 75 : 1;
}

} // namespace eks
