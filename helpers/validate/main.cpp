// SPDX-License-Identifier: Apache-2.0
// eksnode validate: check configuration anywhere, without root, network or systemd.
#include <cstdio>
#include <functional>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/arguments.hpp"
#include "base/fs.hpp"
#include "ca.hpp"
#include "config/resolve.hpp"
#include "node/max_pods.hpp"
#include "offline/verbs.hpp"
#include "user_settings.hpp"

namespace {

using namespace eks;

constexpr auto usage =
        "usage: eksnode validate [--strict] [--imds FILE] [--root DIR] FILE...\n"
        "\n"
        "Check configuration. Several files are layers of one node, in order, as for eksnode plan: *.toml,\n"
        "*.yaml, *.yml, *.json, directories, user-data:FILE; any other name is raw user data.\n"
        "\n"
        "  --strict     what a node would start with, but hardly as meant, is an error too: unknown fields\n"
        "               of NodeConfig, a label given twice, a wrong maxPodsExpression and the like\n"
        "  --imds FILE  hold the values against facts of an instance, shaped as /run/eks/imds.json\n"
        "  --root DIR   prefix of the paths that the configuration itself names\n"
        "\n"
        "Exit status: 0; 78 with every problem, its file, line and column; 1 a file cannot be read;\n"
        "2 usage; see eksnode-validate(1).\n";

// A name that tells no format is user data: that is what people have in files without a suffix.
std::string source_of(const std::string& name)
{
        for (const auto* known : {".toml", ".yaml", ".yml", ".json"})
                if (name.ends_with(known))
                        return name;
        return name.starts_with("user-data:") || exists(name + "/.") ? name : "user-data:" + name;
}

// A note says what becomes of the key, and that is not so here.
void refuse_doubts(std::vector<Note>& notes, Problems& problems)
{
        std::erase_if(notes, [&](const Note& note) {
                std::string_view text = note.text;
                for (const std::string_view fate : {", ignoring", ", proceeding"})
                        if (text.ends_with(fate))
                                text.remove_suffix(fate.size());
                if (note.strict)
                        problems.add(std::string(text), "Mend or remove it, or check without --strict");
                return note.strict;
        });
}

int validate_files(const Arguments& arguments)
{
        if (arguments.positional().empty())
                throw Error(failure::usage, "no FILE was given", "See --help");
        std::vector<std::string> sources;
        for (const auto& name : arguments.positional())
                sources.push_back(source_of(name));
        const Root root(arguments.last("root").value_or(""));
        auto resolved = resolve_sources(root, sources);
        Json imds;
        if (const auto file = arguments.last("imds"))
                imds = in_context(
                        *file, failure::facts_missing, [&] { return Json::parse(read_file(*file)); });

        add_bootstrap_dns(resolved, imds);
        auto notes = std::exchange(resolved.merged.notes, {});
        auto problems = find_problems(resolved, imds, notes);
        const auto without_step = keys_without_a_step(resolved.merged);
        for (const auto& missing : without_step.texts())
                notes.push_back({Level::warning, missing + "; a node does not start with it", true});

        // What the steps would refuse, without the files and facts of a node.
        const auto refused = [&](const std::function<void(const NodeSpec&)>& check) {
                try {
                        check(node_spec(resolved.merged.tree, resolved.merged.marks));
                } catch (const Error& e) {
                        problems.add(e.what(), e.remedy());
                }
        };
        if (problems.empty()) {
                refused([&](const NodeSpec& spec) {
                        const auto plan = plan_ca({.root = root,
                                .spec = spec,
                                .facts = {},
                                .versions = {},
                                .credential_provider = {}});
                        notes.insert(notes.end(), plan.notes.begin(), plan.notes.end());
                });
                refused([&](const NodeSpec& spec) { check_user_configs(spec, notes); });
                refused([&](const NodeSpec& spec) { // a node goes on without it
                        if (const auto wrong = wrong_expression(spec.max_pods_expression)) {
                                if (arguments.has("strict"))
                                        problems.add(*wrong, "See eks-kubelet-config.service(8) for what an "
                                                             "expression may hold");
                                else
                                        notes.push_back({Level::warning, *wrong + ", ignoring"});
                        }
                });
        }

        if (arguments.has("strict"))
                refuse_doubts(notes, problems);
        for (const auto& note : notes)
                fmt::print(stderr, "warning: {}\n", hide_secrets(note.text));
        for (const auto& problem : problems.texts())
                fmt::print(stderr, "error: {}\n", problem);
        for (const auto& remedy : problems.remedies())
                fmt::print(stderr, "hint: {}\n", remedy);
        if (!problems.empty())
                return static_cast<int>(Errc::bad_config);
        fmt::print("valid: {}\n", fmt::join(resolved.tried, ", "));
        return 0;
}

} // namespace

int eks::validate_verb(int argc, char** argv)
{
        return run_verb("validate", usage, argc, argv, [&] {
                return validate_files(Arguments::parse(argc, argv, {"strict", "imds=", "root="}));
        });
}
