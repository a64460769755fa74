// SPDX-License-Identifier: Apache-2.0
// eksnode validate: check configuration anywhere, without root, network or systemd.
#include <algorithm>
#include <array>
#include <cstdio>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/arguments.hpp"
#include "base/fs.hpp"
#include "checks/find_problems.hpp"
#include "config/sources.hpp"
#include "node/node.hpp"
#include "verbs/validate/rendered.hpp"
#include "verbs/validate/report.hpp"

namespace {

using namespace eks;

constexpr auto usage =
        "usage: eksnode validate [--strict] [--imds FILE] [--kubelet-version V] [--root DIR]\n"
        "                        [--json | --format FORMAT] [FILE...]\n"
        "\n"
        "Check configuration. Several files are layers of one node, in order, as for eksnode plan: *.toml,\n"
        "*.yaml, *.yml, *.json, directories, user-data:FILE; any other name is raw user data. Without a\n"
        "FILE, on a node, its layers and the files that kubelet and containerd read.\n"
        "\n"
        "  --strict             what a node would start with, but hardly as meant, is an error too: unknown\n"
        "                       fields of NodeConfig, a label given twice, a wrong maxPodsExpression\n"
        "  --imds FILE          check the values against facts of an instance, in the form of\n"
        "                       /run/eks/imds.json\n"
        "  --kubelet-version V  judge as this kubelet does (default: the node's, else 1.23 to 1.37)\n"
        "  --json               the findings as JSON, on stdout\n"
        "  --format FORMAT      text, json, or github: lines that a GitHub workflow shows beside the files\n"
        "  --root DIR           prefix of the paths that the configuration itself names; without a FILE,\n"
        "                       of all paths\n"
        "\n"
        "Exit status: 0; 78 with every problem, its file, line and column; 1 a file cannot be read;\n"
        "2 usage; see eksnode-validate(1).\n";

// A name without a known suffix is user data, because such files usually are.
std::string source_of(const std::string& name)
{
        for (const auto* known : {".toml", ".yaml", ".yml", ".json"})
                if (name.ends_with(known))
                        return name;
        return name.starts_with("user-data:") || exists(name + "/.") ? name : "user-data:" + name;
}

struct Format {
        std::string_view name;
        std::string (*render)(const Findings&);
};

// On stdout, but for people, who read what is wrong on stderr.
int report(const Arguments& arguments, const Findings& findings, const std::vector<std::string>& checked)
{
        constexpr std::array formats{
                Format{"text", text_of}, Format{"json", json_of}, Format{"github", github_of}};
        const auto wanted = arguments.last("format").value_or(arguments.has("json") ? "json" : "text");
        const auto* const format = std::ranges::find(formats, wanted, &Format::name);
        if (format == formats.end())
                throw Error(failure::usage, fmt::format("--format {}: unknown", wanted),
                        "Give text, json or github");

        const bool for_people = format == formats.begin();
        fmt::print(for_people ? stderr : stdout, "{}", format->render(findings));
        if (!findings.problems.empty())
                return static_cast<int>(Errc::bad_config);
        if (for_people)
                fmt::print("valid: {}\n", fmt::join(checked, ", "));

        return 0;
}

std::optional<Version> version_option(const Arguments& arguments)
{
        const auto given = arguments.last("kubelet-version");
        const auto version = given ? find_version(*given) : std::nullopt;
        if (given && !version)
                throw Error(failure::usage, fmt::format("--kubelet-version {}: not a version", *given),
                        "Give one such as 1.34.1");
        return version;
}

int validate_files(const Arguments& arguments)
{
        std::vector<std::string> sources;
        for (const auto& name : arguments.positional())
                sources.push_back(source_of(name));
        const auto root = arguments.root();
        Problems unreadable; // the other sources are still checked
        auto resolved = resolve_sources(root, sources, &unreadable);
        debug_layers(resolved);
        resolved.merged.problems.add(unreadable);

        Json imds;
        const auto facts = arguments.last("imds");
        if (facts)
                imds = facts_in(*facts);

        // What cannot be read may have what seems to be missing.
        const Strictness how{.strict = arguments.has("strict"),
                .complete = unreadable.empty(),
                .imds = facts ? std::string_view(*facts) : imds_path,
                .kubelet = version_option(arguments)};
        const auto status =
                report(arguments, check_configuration(root, resolved, imds, how), resolved.tried);
        if (status != 0 || arguments.has("json") || arguments.has("format"))
                return status;

        for (const auto& remark : script_remarks(resolved))
                if (remark != no_cluster_but_scripts(resolved) || resolved.names_call)
                        fmt::print("note: {}\n", remark); // else it was a warning

        return 0;
}

// The layers of this node, and the files that its daemons read.
int validate_node(const Arguments& arguments)
{
        const auto root = arguments.root();
        if (!exists(root(node_path)))
                throw Error(failure::usage,
                        "no FILE was given, and this machine is not a node whose steps have run",
                        "See --help");

        const auto resolved = resolve_node_layers(root);
        debug_layers(resolved);
        const Versions versions{.kubelet = version_option(arguments).value_or(kubelet_version(root)),
                .containerd = containerd_version(root)};
        auto findings = check_configuration(root, resolved, load_imds(root),
                {.strict = arguments.has("strict"), .node = true, .kubelet = versions.kubelet});
        check_rendered_files(root, versions, findings);

        auto checked = resolved.tried;
        checked.emplace_back("the files of kubelet and containerd");
        return report(arguments, findings, checked);
}

} // namespace

int main(int argc, char** argv)
{
        return run_verb("validate", usage, argc, argv, [&] {
                const auto arguments = Arguments::parse(
                        argc, argv, {"format=", "imds=", "json", "kubelet-version=", "root=", "strict"});
                return arguments.positional().empty() ? validate_node(arguments) : validate_files(arguments);
        });
}
