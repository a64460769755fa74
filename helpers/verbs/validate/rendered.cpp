// SPDX-License-Identifier: Apache-2.0
#include "verbs/validate/rendered.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/conffile.hpp"
#include "base/fs.hpp"
#include "config/kubelet_files.hpp"
#include "containerd/config_versions.hpp"
#include "containerd/files.hpp"
#include "document/reader.hpp"
#include "node/kubelet_gates.hpp"
#include "systemd/kubelet_arguments.hpp"
#include "verbs/validate/kubelet_schema.hpp"

namespace eks {

namespace {

constexpr std::string_view config_prefix = "kubelet.config.";

// What kubelet reads, merged as it does.
struct ReadByKubelet {
        KubeletSpec spec;
        std::vector<Layer> files; // the later one overrides
};

void read_config_file(const Root& root, const std::string& path, ReadByKubelet& kubelet, Problems& problems)
{
        const auto text = read_file_if_exists(root(path));
        if (!text)
                return;

        Layer layer{.source = path};
        try {
                layer.tree = parse_map(*text, layer);
        } catch (const Error& e) {
                problems.add(e);
                return;
        }

        kubelet.spec.config.merge_patch(layer.tree);
        kubelet.files.push_back(std::move(layer));
}

ReadByKubelet read_as_kubelet(const Root& root, Problems& problems)
{
        ReadByKubelet kubelet;
        read_config_file(root, std::string(kubelet_config_path), kubelet, problems);

        const std::string directory(kubelet_config_directory);
        for (const auto& name : list_directory(root(directory)))
                if (name.ends_with(".conf"))
                        read_config_file(root, fmt::format("{}/{}", directory, name), kubelet, problems);
        kubelet.spec.flags = parse_kubelet_flags(written_kubelet_arguments(root));

        return kubelet;
}

// Where the last file sets a key, "kubelet.config.maxPods"; flags are in the other file.
Where place_of_finding(const ReadByKubelet& kubelet, const std::string& key)
{
        if (!key.starts_with(config_prefix))
                return {std::string(kubelet_environment_path)};

        const auto name = key.substr(config_prefix.size());
        Where place{std::string(kubelet_config_path)};
        for (const auto& file : kubelet.files)
                if (const auto found = nearest_place(file.marks, name, {}); found.line > 0)
                        place = found;

        return place;
}

void check_kubelet_files(const Root& root, const Version& version, Findings& findings)
{
        const auto schema = KubeletSchema::of(root);
        if (!schema)
                return;

        const auto kubelet = read_as_kubelet(root, findings.problems);
        const auto minor = std::clamp(version.minor, oldest_kubelet.minor, newest_kubelet.minor);
        auto found = schema->unknown_names(kubelet.spec, minor);
        for (auto& finding : schema->check(kubelet.spec, minor))
                found.push_back(std::move(finding));

        for (const auto& finding : found) {
                const auto where = place_of_finding(kubelet, finding.key);
                if (finding.ignored || finding.uncertain)
                        findings.notes.push_back(
                                {Level::warning, fmt::format("{}: {}: {}, ignoring", where.text(),
                                                         finding.key, finding.wrong)});
                else
                        findings.problems.add(
                                where, finding.key, finding.value, finding.wrong, finding.remedy);
        }
}

void check_containerd_file(const Root& root, const Version& version, Findings& findings)
{
        const std::string path(containerd_config_path);
        const auto text = read_file_if_exists(root(path));
        if (!text)
                return;

        // Our own file may have settings for a newer containerd.
        const auto edited = edited_files(root);
        std::vector<Note> notes;
        try {
                translate(parse_containerd_config(*text, path), version, notes);
                if (std::ranges::find(edited, path) != edited.end())
                        findings.notes.insert(findings.notes.end(), notes.begin(), notes.end());
        } catch (const Error& e) {
                findings.problems.add(e);
        }
}

} // namespace

void check_rendered_files(const Root& root, const Versions& versions, Findings& findings)
{
        check_kubelet_files(root, versions.kubelet, findings);
        check_containerd_file(root, versions.containerd, findings);
}

} // namespace eks
