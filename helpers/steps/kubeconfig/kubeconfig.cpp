// SPDX-License-Identifier: Apache-2.0
#include "steps/kubeconfig/kubeconfig.hpp"

#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>

#include "base/fs.hpp"

namespace eks {

namespace {

// A program that gives kubelet its token: its arguments up to the cluster, and the paths to look for it.
struct TokenProgram {
        std::string_view name; // of kubeconfig.auth
        std::string_view command;
        std::array<const char*, 3> words; // up to the first null
};

constexpr std::array token_programs{
        TokenProgram{"eksnode", "/usr/bin/eksnode", {"token", "--cluster-name"}},
        TokenProgram{"aws", "aws", {"eks", "get-token", "--cluster-name"}},
        TokenProgram{"aws-iam-authenticator", "/usr/bin/aws-iam-authenticator", {"token", "-i"}},
};

const TokenProgram& token_program(const NodeInputs& node)
{
        return *std::ranges::find(
                token_programs, node.spec.registration.kubeconfig_auth, &TokenProgram::name);
}

// A JSON string or list is YAML too: nothing in a value can end it early.
std::string fill(std::string_view text, const std::map<std::string, Json, std::less<>>& values)
{
        std::string filled;
        for (;;) {
                const auto begin = text.find("${");
                filled += text.substr(0, begin);

                if (begin == text.npos)
                        return filled;

                const auto end = text.find('}', begin);
                const auto name = text.substr(begin + 2, end == text.npos ? end : end - begin - 2);
                const auto value = values.find(name);
                if (end == text.npos || value == values.end())
                        throw Error(failure::vendor_file,
                                fmt::format(
                                        "'{}': nothing is known as '${{{}}}'", kubeconfig_template, name),
                                "Use ${server}, ${cluster}, ${region}, ${command} and ${args} only");

                filled += value->second.dump();
                text.remove_prefix(end + 1);
        }
}

} // namespace

StepPlan plan_kubeconfig(const NodeInputs& node)
{
        const auto& cluster = node.spec.cluster.outpost ? node.spec.cluster.id : node.spec.cluster.name;
        const auto region = require(node.facts.region, "region", node.facts.source);

        const auto& program = token_program(node);
        auto args = Json::array();
        for (const auto* word : program.words)
                if (word != nullptr)
                        args.push_back(word);

        for (const auto& word : {cluster, std::string("--region"), region})
                args.push_back(word);
        const auto text = fill(in_vendor_file(kubeconfig_template,
                                       [&] { return read_file(node.root(kubeconfig_template)); }),
                {{"server", node.spec.cluster.endpoint}, {"cluster", cluster}, {"region", region},
                        {"command", program.command}, {"args", args}});

        // On an Outpost kubelet bootstraps with it and then writes its own kubeconfig, with a certificate
        // that is valid without the Region. Our kubeconfig is removed there; kubelet's is left alone.
        const mode_t mode = holds_secret(node.spec.cluster.endpoint) ? 0600 : 0644; // a login in the URL
        File kubeconfig{.path = "/var/lib/kubelet/kubeconfig", .content = {}, .mode = mode};
        File bootstrap{.path = "/var/lib/kubelet/bootstrap-kubeconfig", .content = {}, .mode = mode};
        (node.spec.cluster.outpost ? bootstrap : kubeconfig).content = text;
        (node.spec.cluster.outpost ? kubeconfig : bootstrap).kind = File::Kind::absent;

        return {.files = {std::move(kubeconfig), std::move(bootstrap)},
                .notes = {},
                .decisions = {fmt::format("kubelet gets its token for the cluster '{}' from '{}': "
                                          "kubeconfig.auth is '{}'",
                                      cluster, program.command, program.name),
                        fmt::format("kubelet uses it {}: the cluster is {}",
                                node.spec.cluster.outpost ? "until it has a certificate" : "always",
                                node.spec.cluster.outpost ? "local to an Outpost" : "in the region")}};
}

std::vector<Note> token_program_notes(const NodeInputs& node)
{
        const auto& command = token_program(node).command;

        // kubelet looks up a name without a directory in the manager's default path.
        constexpr std::array<std::string_view, 4> path{
                "/usr/local/sbin/", "/usr/local/bin/", "/usr/sbin/", "/usr/bin/"};
        const bool is_installed =
                command.starts_with('/')
                        ? exists(node.root(command))
                        : std::ranges::any_of(path, [&](std::string_view directory) {
                                  return exists(node.root(std::string(directory) + std::string(command)));
                          });

        if (is_installed)
                return {};

        return {{Level::warning,
                fmt::format("kubelet gets its token from '{}', which is not on this machine: it cannot "
                            "join before kubeconfig.auth names another program or this one is installed, "
                            "proceeding",
                        command)}};
}

Access kubeconfig_access()
{
        return {.reads = {"/run/eks", "/usr/share/eks"}, .writes = {"/var/lib/kubelet", "/var/lib/eks"}};
}

} // namespace eks
