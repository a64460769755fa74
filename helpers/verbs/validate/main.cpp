// SPDX-License-Identifier: Apache-2.0
// eksnode validate: check configuration anywhere, without root, network or systemd.
#include <cstdio>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/arguments.hpp"
#include "base/fs.hpp"
#include "checks/find_problems.hpp"
#include "config/sources.hpp"
#include "node/node.hpp"
#include "verbs/validate/validate.hpp"

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
        "  --imds FILE  check the values against facts of an instance, in the form of /run/eks/imds.json\n"
        "  --root DIR   prefix of the paths that the configuration itself names\n"
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

int validate_files(const Arguments& arguments)
{
        if (arguments.positional().empty())
                throw Error(failure::usage, "no FILE was given", "See --help");
        std::vector<std::string> sources;
        for (const auto& name : arguments.positional())
                sources.push_back(source_of(name));
        const auto root = arguments.root();
        Problems unreadable; // the other sources are still checked
        auto resolved = resolve_sources(root, sources, &unreadable);
        resolved.merged.problems.add(unreadable);
        Json imds;
        const auto facts = arguments.last("imds");
        if (facts)
                imds = facts_in(*facts);
        // What cannot be read may have what seems to be missing.
        const Strictness how{.strict = arguments.has("strict"),
                .complete = unreadable.empty(),
                .imds = facts ? std::string_view(*facts) : imds_path};
        const auto findings = check_configuration(root, resolved, imds, how);
        fmt::print(stderr, "{}", text_of(findings));
        if (!findings.problems.empty())
                return static_cast<int>(Errc::bad_config);
        fmt::print("valid: {}\n", fmt::join(resolved.tried, ", "));
        for (const auto& remark : script_remarks(resolved))
                if (remark != no_cluster_but_scripts(resolved) || resolved.names_call)
                        fmt::print("note: {}\n", remark); // else it was a warning
        return 0;
}

} // namespace

int main(int argc, char** argv)
{
        return run_verb("validate", usage, argc, argv, [&] {
                return validate_files(Arguments::parse(argc, argv, {"strict", "imds=", "root="}));
        });
}
