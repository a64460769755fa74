// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <unistd.h>

#include <fmt/format.h>

#include "base/arguments.hpp"
#include "base/fs.hpp"
#include "config/known_keys.hpp"
#include "config/sources.hpp"
#include "node/node.hpp"
#include "verbs/set/set.hpp"
#include "verbs/validate/report.hpp"

namespace {

using namespace eks;

constexpr auto set_usage =
        "usage: eksnode set [--force] [--root DIR] KEY=VALUE...\n"
        "\n"
        "Write keys of configuration into /etc/eks/node.d/zz-eksnode-set.toml, a drop-in of the admin's, if "
        "the\n"
        "whole configuration is right with them. VALUE is TOML; text needs no quotes.\n"
        "\n"
        "  --force     write a key that a later layer, such as user data, overrides\n"
        "  --root DIR  prefix of every path that is read or written\n"
        "\n"
        "Exit status: 0; 78 a wrong key or value, or a later layer overrides it, and nothing was\n"
        "written; 1 a file cannot be read or written; 2 usage; see eksnode-set(1).\n";

constexpr auto unset_usage =
        "usage: eksnode unset [--root DIR] KEY...\n"
        "\n"
        "Remove keys from /etc/eks/node.d/zz-eksnode-set.toml, where `eksnode set` wrote them.\n"
        "\n"
        "  --root DIR  prefix of every path that is read or written\n"
        "\n"
        "Exit status: 0, also if a key is not there; 78 a wrong key, or a configuration that is wrong "
        "without\n"
        "it, and nothing was written; 1 a file cannot be read or written; 2 usage; see eksnode-set(1).\n";

// Refuses a change that causes errors, and prints its warnings. Earlier errors are printed, and another call
// can correct them.
void check_draft(const Root& root, const Draft& draft)
{
        const bool on_node = exists(root(node_path)); // otherwise it may be an image without a cluster
        const auto imds = on_node ? load_imds(root) : Json();
        const Strictness how{.complete = on_node, .node = true};
        Findings before;

        try {
                before = check_configuration(root, resolve_node_layers(root), imds, how);
        } catch (
                const Error&) { // the layers are invalid already, perhaps because of what this call corrects
        }

        const auto after = check_configuration(root, resolve_node_layers(root, draft), imds, how);
        const auto added = new_findings(before, after);
        fmt::print(stderr, "{}", text_of(added));

        if (!added.problems.empty())
                throw Error(failure::config_invalid, "nothing was written", "");

        for (const auto& text : after.problems.texts())
                fmt::print(stderr, "warning: wrong before this change: {}\n", text);
}

void write(const Root& root, const std::string& text)
{
        const auto path = root(set_path);
        if (text.empty())
                remove_if_exists(path);
        else // it may hold credentials
                write_atomically(path, text, 0600, Durability::synced);
}

void say_what_next(const Root& root)
{
        fmt::print("wrote {}\n{}\n", set_path,
                exists(root(node_path))
                        ? "`eksnode apply` applies it; with --dry-run it only shows what changes"
                        : "it takes effect when this machine boots as a node");
}

// Whether a later layer than the admin's files, such as user data, overrides it. A warning says so.
bool is_overridden(const Resolved& resolved, const Setting& setting)
{
        const auto* value = value_at(resolved.merged.tree, setting.parts);
        const auto* entry = find_schema_key(setting.key);
        if (entry->adds_up() || (value != nullptr && *value == setting.value))
                return false;

        const auto where = nearest_place(resolved.merged.marks, setting.key, {"another layer"});
        const auto key = shown_key(setting.key);
        fmt::print(stderr, "warning: {}: {} is {} there, which overrides {}\n", where.text(), key,
                value == nullptr            ? "not set"
                : names_secret(setting.key) ? "another value"
                                            : shown_json(*value),
                set_path);

        return true;
}

Root root_of(const Arguments& arguments, const char* what)
{
        if (arguments.positional().empty())
                throw Error(failure::usage, fmt::format("no {} was given", what), "See --help");

        const auto root = arguments.root();
        if (root.prefix().empty() && ::geteuid() != 0)
                throw Error(
                        failure::usage, fmt::format("only root can write {}", set_path), "Run it with sudo");

        return root;
}

int set(const Arguments& arguments)
{
        const auto root = root_of(arguments, "KEY=VALUE");
        auto tree = read_settings(root(set_path));
        const auto old = tree;
        std::vector<Setting> settings;

        for (const auto& argument : arguments.positional()) {
                settings.push_back(parse_setting(argument));
                set_value(tree, settings.back());
        }

        const Draft draft{std::string(set_path), render_settings(tree)};
        check_draft(root, draft);

        const auto resolved = resolve_node_layers(root, draft);
        debug_layers(resolved);

        bool overridden = false;
        for (const auto& setting : settings)
                overridden = is_overridden(resolved, setting) || overridden;

        if (overridden && !arguments.has("force"))
                throw Error(failure::config_invalid, "nothing was written, because it would have no effect",
                        "Change it in that layer, or write it with --force");

        if (tree == old) {
                fmt::print("{} already has these values\n", set_path);
                return 0;
        }

        write(root, draft.text);
        say_what_next(root);

        return 0;
}

int unset(const Arguments& arguments)
{
        const auto root = root_of(arguments, "KEY");
        auto tree = read_settings(root(set_path));
        bool changed = false;

        for (const auto& argument : arguments.positional()) {
                const auto setting = parse_key(argument);
                const bool found = erase_path(tree, setting.parts);
                changed = changed || found;
                if (!found)
                        fmt::print("{} is not set in {}: `eksnode explain {}` says what sets it\n",
                                setting.key, set_path, setting.key);
        }

        if (!changed)
                return 0;

        const Draft draft{std::string(set_path), render_settings(tree)};
        check_draft(root, draft);
        write(root, draft.text);
        say_what_next(root);

        return 0;
}

} // namespace

int eks::run_set(int argc, char** argv)
{
        return run_verb("set", set_usage, argc, argv, [&] {
                return set(Arguments::parse(argc, argv, {"force", "root="}));
        });
}

int eks::run_unset(int argc, char** argv)
{
        return run_verb("unset", unset_usage, argc, argv,
                [&] { return unset(Arguments::parse(argc, argv, {"root="})); });
}
