// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <map>

#include <fmt/format.h>

#include "base/arguments.hpp"
#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/process.hpp"
#include "checks/find_problems.hpp"
#include "steps/plan.hpp"
#include "verbs/plan/chain.hpp"

namespace {

using namespace eks;

constexpr auto usage =
        "usage: eksnode plan [--config SOURCE]... [--imds FILE] [--kubelet-version V]\n"
        "                    [--containerd-version V] [--root DIR] [--output DIR]\n"
        "       eksnode plan --chain [--root DIR]\n"
        "\n"
        "Show every file that this node would be given, without touching it.\n"
        "\n"
        "  --config SOURCE         a file, a directory, or user-data:FILE; repeatable, in order\n"
        "                          (default: the layers of this node, see eks-node.toml(5))\n"
        "  --imds FILE             facts of the instance (default: /run/eks/imds.json)\n"
        "  --kubelet-version V     (default: /etc/eks/kubelet-version.txt, else the binary's)\n"
        "  --containerd-version V  (default: /etc/eks/containerd-version.txt, else the binary's)\n"
        "  --root DIR              prefix of every path that is read\n"
        "  --output DIR            write the files below DIR instead of listing them\n"
        "  --chain                 show every step instead: when it runs, what it reads and writes\n"
        "\n"
        "Exit status: 0; 78 bad configuration; 1 a file is missing or broken; 2 usage; see "
        "eksnode-plan(1).\n";

Version version_option(const Arguments& arguments, std::string_view name, const Root& root,
        Version (*otherwise)(const Root&))
{
        const auto text = arguments.last(name);
        if (!text)
                return otherwise(root);
        if (const auto version = find_version(*text))
                return *version;

        throw Error(failure::usage, fmt::format("--{} {}: not a version", name, *text),
                "Give one such as 1.34.1");
}

Json fetched_facts(const std::string& path)
{
        const auto text = read_file_if_exists(path);
        if (!text)
                throw Error(failure::facts_missing, fmt::format("'{}' is not there", path),
                        "Name a file with the facts of an instance with --imds; on a node, `eksnode status` "
                        "tells why they are missing");
        return in_context(path, failure::facts_missing, [&] { return parse_json(*text); });
}

// What the program of a step says of itself; null if the unit runs another one.
Json description_of(const std::string& name)
{
        const auto program = (std::filesystem::read_symlink("/proc/self/exe").parent_path() / name).native();
        if (!exists(program))
                return {};
        const auto result = run_program({program, "--describe"}, std::chrono::seconds(10));
        return result.status == 0 ? try_parse_json(result.output) : Json();
}

int print_chain(const Root& root)
{
        std::map<std::string, ChainUnit> units;
        for (const char* directory : {"/usr/lib/systemd/system", "/lib/systemd/system"})
                for (const auto& file : list_directory(root(directory))) {
                        constexpr std::string_view suffix = ".service";
                        if (!file.starts_with("eks-") || !file.ends_with(suffix))
                                continue;

                        auto name = file.substr(0, file.size() - suffix.size());
                        if (name.ends_with('@'))
                                name.pop_back();
                        units.emplace(name,
                                parse_unit(name, read_file(fmt::format("{}/{}", root(directory), file))));
                }

        if (units.empty())
                throw Error(failure::file_io,
                        fmt::format(
                                "there are no units of eksnode in '{}'", root("/usr/lib/systemd/system")),
                        "Install eksnode there, or name another --root");

        fmt::print("{}", render_chain(in_order(std::move(units)), description_of));
        return 0;
}

int plan(const Arguments& arguments)
{
        if (arguments.has("chain"))
                return print_chain(arguments.root());
        if (!arguments.positional().empty())
                throw Error(failure::usage,
                        fmt::format("unknown argument '{}'", arguments.positional().front()), "See --help");

        const auto root = arguments.root();
        const auto sources = arguments.all("config");

        const auto resolved = sources.empty() ? resolve_node_layers(root) : resolve_sources(root, sources);
        if (!names_no_cluster(resolved)) // else eks-config fails, and says the same
                for (const auto& remark : script_remarks(resolved))
                        fmt::print(stderr, "note: {}\n", remark);
        const auto imds_file = arguments.last("imds");
        const auto imds = imds_file ? facts_in(*imds_file) : fetched_facts(root(imds_path));
        const Versions versions{
                .kubelet = version_option(arguments, "kubelet-version", root, kubelet_version),
                .containerd = version_option(arguments, "containerd-version", root, containerd_version)};

        const auto steps = plan_node(
                root, resolved, imds, versions, {}, imds_file ? std::string_view(*imds_file) : imds_path);

        int status = 0;

        for (const auto& step : steps) {
                for (const auto& decision : step.plan.decisions)
                        debug(fmt::format("{}: {}", step.name, decision));

                for (const auto& note : step.plan.notes)
                        if (note.level != Level::debug)
                                fmt::print(stderr, "{}: {}\n", step.name, hide_secrets(note.text));

                if (step.error) {
                        fmt::print(stderr, "{}: {}\n", step.name, step.error->full_text());
                        status = std::max(status, step.error->exit_status());
                }
        }

        if (const auto output = arguments.last("output"))
                write_files(steps, *output);
        else
                fmt::print("{}", list_files(steps));

        return status;
}

} // namespace

int main(int argc, char** argv)
{
        return run_verb("plan", usage, argc, argv, [&] {
                return plan(Arguments::parse(argc, argv,
                        {"config=", "imds=", "kubelet-version=", "containerd-version=", "root=", "output=",
                                "chain"}));
        });
}
