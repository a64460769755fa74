// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "config.hpp"
#include "plan.hpp"

namespace {

using namespace eks;

constexpr auto usage = "usage: eksnode plan [--config SOURCE]... [--imds FILE] [--kubelet-version V]\n"
                       "                    [--containerd-version V] [--root DIR] [--output DIR]\n"
                       "\n"
                       "Show every file that this node would be given, without touching it.\n"
                       "\n"
                       "  --config SOURCE         a file, a directory, or user-data:FILE; repeatable, in order\n"
                       "                          (default: /etc/eks/node.toml and /run/eks/user-data)\n"
                       "  --imds FILE             facts of the instance (default: /run/eks/imds.json)\n"
                       "  --kubelet-version V     (default: /etc/eks/kubelet-version.txt, else the binary's)\n"
                       "  --containerd-version V  (default: /etc/eks/containerd-version.txt, else the binary's)\n"
                       "  --root DIR              prefix of every path that is read\n"
                       "  --output DIR            write the files below DIR instead of listing them\n"
                       "\n"
                       "Exit status: 0; 78 bad configuration; 2 usage; see eksnode-plan(1).\n";

struct Options {
        std::vector<std::string> sources;
        std::optional<std::string> imds;
        std::optional<Version> kubelet;
        std::optional<Version> containerd;
        Root root;
        std::optional<std::string> output;
};

Version parse_version(std::string_view option, const std::string& text)
{
        if (const auto version = find_version(text))
                return *version;
        throw Error(failure::usage, fmt::format("{} {}: not a version", option, text), "Give one such as 1.34.1");
}

Options parse_options(int argc, char** argv)
{
        Options options;
        for (int i = 1; i < argc; ++i) {
                std::string name = argv[i];
                std::string value;
                if (const auto equals = name.find('='); name.starts_with("--") && equals != std::string::npos) {
                        value = name.substr(equals + 1);
                        name.resize(equals);
                } else if (i + 1 < argc) {
                        value = argv[++i];
                } else {
                        throw Error(failure::usage, fmt::format("'{}' is unknown or lacks its value", name), "See --help");
                }
                if (name == "--config")
                        options.sources.push_back(value);
                else if (name == "--imds")
                        options.imds = value;
                else if (name == "--kubelet-version")
                        options.kubelet = parse_version(name, value);
                else if (name == "--containerd-version")
                        options.containerd = parse_version(name, value);
                else if (name == "--root")
                        options.root = Root(value);
                else if (name == "--output")
                        options.output = value;
                else
                        throw Error(failure::usage, fmt::format("unknown argument '{}'", name), "See --help");
        }
        return options;
}

void print_problem(std::string_view step, const Error& e) { fmt::print(stderr, "{}: {}\n", step, e.full_text()); }

int run(const Options& options)
{
        const auto& root = options.root;
        const auto resolved = options.sources.empty() ? resolve_node_layers(root) : resolve_sources(options.sources);
        const Versions versions{.kubelet = options.kubelet ? *options.kubelet : kubelet_version(root),
                .containerd = options.containerd ? *options.containerd : containerd_version(root)};
        std::vector<PlannedStep> steps{{"eks-config", plan_config(root, resolved, versions), std::nullopt}};

        const auto imds_file = options.imds.value_or(root(imds_path));
        const auto imds = in_context(imds_file, failure::facts_missing, [&] { return Json::parse(read_file(imds_file)); });
        auto planned = plan_steps({.root = root,
                .spec = node_spec(resolved.merged.tree, resolved.merged.marks),
                .facts = instance_facts(imds),
                .versions = versions,
                .credential_provider = credential_provider_path()});
        for (auto& step : planned)
                steps.push_back(std::move(step));

        int status = 0;
        for (const auto& step : steps) {
                for (const auto& note : step.plan.notes)
                        fmt::print(stderr, "{}: {}\n", step.name, note.text);
                if (step.error) {
                        print_problem(step.name, *step.error);
                        status = std::max(status, step.error->exit_status());
                }
        }
        if (options.output)
                write_files(steps, *options.output);
        else
                fmt::print("{}", list_files(steps));
        return status;
}

} // namespace

int main(int argc, char** argv)
{
        try {
                for (int i = 1; i < argc; ++i)
                        if (std::string_view(argv[i]) == "--help") {
                                fmt::print("{}", usage);
                                return 0;
                        }
                return run(parse_options(argc, argv));
        } catch (const Error& e) {
                print_problem("eksnode plan", e);
                return e.exit_status();
        } catch (const std::exception& e) {
                fmt::print(stderr, "eksnode plan: {}\n", e.what());
                return 1;
        }
}
