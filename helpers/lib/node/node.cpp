// SPDX-License-Identifier: Apache-2.0
#include "node/node.hpp"

#include <fmt/format.h>

#include "base/environment.hpp"
#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "checks/described_cluster.hpp"

namespace eks {

namespace {

using namespace std::chrono_literals;

Json load_json(const Root& root, std::string_view path, std::string_view writer)
{
        const auto text = read_file_if_exists(root(path));
        if (!text)
                throw Error(failure::facts_missing, fmt::format("'{}' is not there", path),
                        fmt::format("It is written by {0}.service: see `systemctl status {0}`", writer));

        try {
                return parse_json(*text);
        } catch (const Json::exception& e) {
                throw Error(failure::facts_missing, fmt::format("{}: {}", path, without_input(e.what())),
                        fmt::format("Run `systemctl reload {}`, which writes the file again", writer));
        }
}

Version daemon_version(
        const Root& root, std::string_view file, std::string_view binary, const Failure& missing)
{
        if (const auto text = read_file_if_exists(root(file))) {
                if (const auto version = find_version(*text))
                        return *version;
                throw Error(missing, fmt::format("'{}' holds no version", file),
                        "Write the version into it, such as 1.34.1, or remove the file");
        }

        if (!root.prefix().empty() && exists(root(binary)))
                throw Error(missing,
                        fmt::format("the version is unknown: '{}' is not there, and '{}' is not run below "
                                    "another root",
                                file, binary),
                        "Write the version into the file, or give it as an option");
        if (!root.prefix().empty() || !exists(std::string(binary)))
                throw Error(missing,
                        fmt::format("the version is unknown: neither '{}' nor '{}' is there", file, binary),
                        "Install the binary, or write its version into the file");

        const auto result = run_program({std::string(binary), "--version"}, 20s);
        if (const auto version = find_version(result.output); version && result.status == 0)
                return *version;

        throw Error(missing,
                fmt::format("'{} --version' {}", binary,
                        result.timed_out
                                ? "did not end in 20 s"
                                : fmt::format("printed no version (exit status {})", result.status)),
                fmt::format("Write the version into '{}'", file));
}

Version version_in(const Json& node, const char* daemon)
{
        const auto& text = node.at("versions").at(daemon).get_ref<const std::string&>();
        if (const auto version = find_version(text))
                return *version;
        throw Error(failure::facts_missing,
                fmt::format("'{}' names no version of {}: '{}'", node_path, daemon, text),
                "`systemctl restart eks-config` writes it again");
}

void complete_document(const Root& root, NodeDocument& document)
{
        auto& spec = document.tree["spec"];
        const auto name = spec["cluster"]["name"].get<std::string>();
        const auto described = described_cluster(root, name);
        if (!described)
                throw Error(failure::facts_missing,
                        fmt::format("'{}' {}", cluster_path,
                                exists(root(cluster_path))
                                        ? fmt::format("is not about the cluster '{}'", name)
                                        : "is not there"),
                        "It is written by eks-cluster.service: see `systemctl status eks-cluster`");

        std::vector<Note> reported; // by eks-cluster
        in_context(cluster_path, failure::facts_missing,
                [&] { complete_cluster(spec, document.marks, *described, reported); });
}

} // namespace

InstanceFacts instance_facts(const Json& imds, std::string_view source)
{
        const auto text = [&](const char* key) { return imds.value(key, std::string()); };
        InstanceFacts facts{.instance_id = text("instanceId"),
                .instance_type = text("instanceType"),
                .region = text("region"),
                .availability_zone = text("availabilityZone"),
                .local_hostname = text("localHostname"),
                .local_ipv4 = text("localIpv4")};
        facts.all = imds;
        facts.source = source;

        for (const auto& interface : imds.value("interfaces", Json::array()))
                if (interface.value("mac", std::string()) == text("mac"))
                        facts.ipv6s = interface.value("ipv6s", std::vector<std::string>());

        return facts;
}

Json facts_in(const std::string& path)
{
        const auto text = read_file_if_exists(path);
        if (!text)
                throw Error(failure::file_io, fmt::format("{}: no such file (--imds)", path),
                        "Give a file in the shape of /run/eks/imds.json");

        auto facts = in_context(path, failure::facts_missing, [&] { return parse_json(*text); });
        if (!facts.is_object())
                throw Error(failure::facts_missing, fmt::format("{}: must be an object (--imds)", path),
                        "Give a file in the shape of /run/eks/imds.json");

        return facts;
}

std::string require(const std::string& fact, std::string_view name, std::string_view source)
{
        if (fact.empty())
                throw Error(failure::facts_missing, fmt::format("the instance metadata has no '{}'", name),
                        source == imds_path
                                ? fmt::format(
                                          "'{}' is what eks-imds has fetched; `eksnode apply --fetch` tries "
                                          "again. If the metadata service is off, set it in [facts] of "
                                          "/etc/eks/node.toml",
                                          source)
                                : fmt::format("Add it to '{}', which --imds names", source));
        return fact;
}

Version kubelet_version(const Root& root)
{
        return daemon_version(
                root, "/etc/eks/kubelet-version.txt", "/usr/bin/kubelet", failure::kubelet_missing);
}

Version containerd_version(const Root& root)
{
        return daemon_version(
                root, "/etc/eks/containerd-version.txt", "/usr/bin/containerd", failure::containerd_missing);
}

std::string credential_provider_path()
{
        const auto path = environment("ECR_CREDENTIAL_PROVIDER_BIN_PATH");
        return path.empty() ? "/etc/eks/image-credential-provider/ecr-credential-provider" : path;
}

std::string render_node_json(const Layer& merged, const Versions& versions, const Decisions& decided)
{
        Json tree{{"spec", merged.tree}, {"versions", {{"kubelet", versions.kubelet.text()},
                                                              {"containerd", versions.containerd.text()}}}};
        if (decided.soci)
                tree["soci"] = true;
        if (!decided.sandbox_image.empty())
                tree["sandboxImage"] = decided.sandbox_image;
        if (!decided.spared_image.empty())
                tree["sparedImage"] = decided.spared_image;
        if (!keys_to_ask_for(merged.tree).empty())
                tree["describeCluster"] = true;
        const auto rest = tree.dump(2);
        if (merged.marks.empty())
                return "{\n  \"sources\": {}," + rest.substr(1) + "\n";

        // The same text as of dump(), which would take a third more of eks-config's time for the thousands
        // of places of 512 KiB.
        std::string text = "{\n  \"sources\": {";
        std::string_view separator = "\n";

        for (const auto& [key, where] : merged.marks) {
                text.append(separator).append("    ").append(quoted(key));
                text.append(": ").append(quoted(where.text()));
                separator = ",\n";
        }

        return text + "\n  }," + rest.substr(1) + "\n";
}

Json load_imds(const Root& root)
{
        return load_json(root, imds_path, "eks-imds");
}

NodeDocument load_node_document(const Root& root)
{
        NodeDocument document{.tree = load_json(root, node_path, "eks-config"), .marks = {}};
        in_context(node_path, failure::facts_missing, [&] {
                for (const auto& [key, place] : document.tree.at("sources").items())
                        document.marks.emplace_hint(document.marks.end(), key,
                                parse_place(place.get_ref<const std::string&>())); // both are sorted
                document.tree.at("spec").at("cluster").at("name").get_ref<const std::string&>();
                document.asks_eks = document.tree.value("describeCluster", false);
        });

        return document;
}

std::optional<Json> described_cluster(const Root& root, const std::string& name)
{
        const auto text = read_file_if_exists(root(cluster_path));
        if (!text)
                return std::nullopt;

        return in_context(cluster_path, failure::facts_missing, [&]() -> std::optional<Json> {
                auto cluster = parse_json(*text).at("cluster");
                if (cluster.at("name") != name)
                        return std::nullopt;
                return cluster;
        });
}

NodeInputs::~NodeInputs() = default;

NodeInputs load_node_inputs(const Root& root, ClusterNeed need)
{
        auto document = load_node_document(root);
        const auto imds = load_imds(root);
        const auto facts =
                in_context(imds_path, failure::facts_missing, [&] { return instance_facts(imds); });

        const bool completes = document.asks_eks && need == ClusterNeed::complete;
        if (completes)
                complete_document(root, document);

        return in_context(node_path, failure::facts_missing, [&] {
                const auto& node = document.tree;
                return NodeInputs{.root = root,
                        .spec = node_spec(node.at("spec"), document.marks),
                        .facts = facts,
                        .versions = {version_in(node, "kubelet"), version_in(node, "containerd")},
                        .credential_provider = credential_provider_path(),
                        .decided = {.soci = node.value("soci", false),
                                .sandbox_image = node.value("sandboxImage", std::string()),
                                .spared_image = node.value("sparedImage", std::string())},
                        .lacks_cluster = document.asks_eks && !completes};
        });
}

} // namespace eks
