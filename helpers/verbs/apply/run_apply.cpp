// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <set>
#include <unistd.h>

#include <fmt/format.h>

#include "base/arguments.hpp"
#include "base/fs.hpp"
#include "checks/find_problems.hpp"
#include "config/sources.hpp"
#include "systemd/node_decision.hpp"
#include "verbs/apply/apply.hpp"
#include "verbs/validate/report.hpp"

namespace {

using namespace eks;

constexpr auto usage =
        "usage: eksnode apply [--dry-run [--root DIR]] [--fetch]\n"
        "\n"
        "Apply a changed configuration to a running node: check it, show what changes, run the steps\n"
        "concerned again, and restart only the daemons that read the changed files.\n"
        "\n"
        "  --dry-run   stop after showing\n"
        "  --fetch     fetch the instance's metadata and user data again first\n"
        "  --root DIR  prefix of every path that is read\n"
        "\n"
        "Exit status: 0; 78 bad configuration, and nothing was touched; 1 something failed; 2 usage;\n"
        "75 try again later; see eksnode-apply(1).\n";

constexpr std::chrono::seconds fetch_timeout{160}; // above TimeoutStartSec= of eks-imds

void say(const std::string& text)
{
        fmt::print("{}{}", text, text.ends_with('\n') ? "" : "\n");
        std::fflush(stdout);
}

void fetch(Manager& manager)
{
        constexpr auto unit = "eks-imds.service";
        const bool ended = manager.run_job("ReloadUnit", unit, fetch_timeout);
        if (!ended || manager.unit(unit).service_text("ReloadResult") != "success")
                throw Error(failure::apply_failed,
                        fmt::format("{} could not fetch the metadata again", unit),
                        "See `journalctl -x -u eks-imds`. Nothing else was touched");

        say("fetched the instance's metadata and user data");
}

// The configuration that the node runs with; nothing before its steps have run. Its findings are not those
// of the change.
std::optional<Resolved> running_configuration(const Root& root)
{
        try {
                auto document = load_node_document(root);
                Resolved running{.tried = {std::string(node_path)}};
                running.merged.tree = std::move(document.tree.at("spec"));
                running.merged.marks = std::move(document.marks);
                return running;
        } catch (const Error&) {
                return std::nullopt;
        }
}

// 0, or the exit status of a problem that has been printed.
int check(
        const Root& root, const Resolved& resolved, const std::optional<Resolved>& running, const Json& imds)
{
        const Strictness how{.complete = false, .node = true, .steps = false};
        const auto before = running ? check_configuration(root, *running, imds, how) : Findings();
        KnownTexts known;
        for (const auto& note : before.notes)
                known.add(note.text);

        auto findings = check_configuration(root, resolved, imds, {.node = true, .steps = false});
        std::erase_if(findings.notes,
                [&](const Note& note) { return note.level <= Level::warning && known.take(note.text); });
        fmt::print(stderr, "{}", text_of(findings));

        return findings.problems.empty() ? 0 : static_cast<int>(Errc::bad_config);
}

std::string warning_of(const PlannedStep& step, const Note& note)
{
        return fmt::format("warning: {}: {}\n", step.name, note.text);
}

int say_step_errors(const std::vector<PlannedStep>& steps, KnownTexts& known)
{
        int status = 0;
        std::set<std::string> shown;

        for (const auto& step : steps) {
                for (const auto& decision : step.plan.decisions)
                        debug(fmt::format("{}: {}", step.name, decision));

                for (const auto& note : step.plan.notes)
                        if (note.level <= Level::warning && shown.insert(note.text).second &&
                                !known.take(warning_of(step, note)))
                                fmt::print(stderr, "{}", warning_of(step, note));

                if (step.error) {
                        fmt::print(stderr, "error: {}: {}\nhint: {}\n", step.name, step.error->what(),
                                step.error->remedy());
                        status = std::max(status, step.error->exit_status());
                }
        }

        return status;
}

// What the steps say of the configuration that runs.
KnownTexts step_warnings(const Root& root, const std::optional<Resolved>& running, const Json& imds,
        const Versions& versions, const std::optional<Json>& described)
{
        KnownTexts known;
        try {
                for (const auto& step : running ? plan_node(root, *running, imds, versions, described)
                                                : std::vector<PlannedStep>())
                        for (const auto& note : step.plan.notes)
                                if (place_in_message(note.text).line > 0) // not about an edited file
                                        known.add(warning_of(step, note));
        } catch (const Error&) { // it cannot be planned as a whole; then each warning is printed
        }
        return known;
}

int apply(const Arguments& arguments)
{
        if (!arguments.positional().empty())
                throw Error(failure::usage,
                        fmt::format("unknown argument '{}'", arguments.positional().front()), "See --help");

        const bool dry_run = arguments.has("dry-run");
        if (dry_run ? arguments.has("fetch") : arguments.has("root"))
                throw Error(failure::usage, "--fetch is not for --dry-run, and --root only for it",
                        "See --help");

        const auto root = arguments.root();
        if (root.prefix().empty() && ::geteuid() != 0)
                throw Error(failure::usage, "only root can do this: it reads user data, and restarts units",
                        "Run it with sudo");

        std::optional<Manager> manager;
        std::optional<ApplyLock> lock;

        if (root.prefix().empty())
                manager.emplace();
        if (!dry_run)
                lock.emplace(root);
        const bool up = !manager || chain_is_up(*manager);

        const auto why_no_start = manager ? why_node_cannot_start(*manager, root) : std::string();
        if (!why_no_start.empty() && !exists(root(imds_path))) // eks-imds runs on nodes only
                throw Error(failure::facts_missing,
                        fmt::format("'{}' is not there, because {}", imds_path, why_no_start), see_decision);

        if (arguments.has("fetch"))
                fetch(*manager);

        auto resolved = resolve_node_layers(root);
        const auto imds = load_imds(root);
        add_bootstrap_dns(resolved, imds);
        const auto refuse = [](int status) {
                fmt::print(stderr, "eksnode apply: nothing was changed\n");
                return status;
        };

        const auto running = running_configuration(root);
        if (const int status = check(root, resolved, running, imds); status != 0)
                return refuse(status);

        const Versions versions{.kubelet = kubelet_version(root), .containerd = containerd_version(root)};
        const auto described =
                manager ? ask_about_cluster(root, resolved, imds, *manager, say) : std::nullopt;

        auto steps = plan_node(root, resolved, imds, versions, described);
        auto known = step_warnings(root, running, imds, versions, described);
        if (const int status = say_step_errors(steps, known); status != 0)
                return refuse(status);

        if (manager)
                leave_out_masked(*manager, steps, say);
        const auto pending = manager ? pending_restarts(root, *manager) : std::vector<std::string>();
        auto changes = find_changes(root, steps, {.pending = pending});

        if (manager) {
                refuse_disk_below_containerd(*manager, changes);
                refuse_masked(*manager, changes);
        }

        if (!up)
                changes.actions.clear(); // the bootstrap does it all
        say(show_changes(root, changes) +
                (up ? show_actions(changes)
                        : why_no_start.empty()
                                ? "to do: start eks-node.target, for eks-config.service is not active\n"
                                : ""));

        if (!why_no_start.empty())
                fmt::print(stderr, "warning: eks-node.target is not started, because {}\n", why_no_start);
        if (dry_run)
                return 0;

        take_over(*manager, changes, say);
        if (!changes.actions.empty()) {
                auto rest = plan_node(root, resolved, imds, versions, described);
                leave_out_masked(*manager, rest, [](const std::string&) {});
                close_gates(*manager, find_changes(root, rest), say);
        }

        start_chain(*manager, say);
        return 0;
}

} // namespace

int eks::run_apply(int argc, char** argv)
{
        return run_verb("apply", usage, argc, argv, [&] {
                return apply(Arguments::parse(argc, argv, {"dry-run", "fetch", "root="}));
        });
}
