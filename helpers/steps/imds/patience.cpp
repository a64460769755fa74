// SPDX-License-Identifier: Apache-2.0
#include "steps/imds/patience.hpp"

#include <algorithm>

#include "base/command_line.hpp"
#include "base/drop_ins.hpp"
#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"

namespace eks {

bool seems_to_name_cluster(std::string_view text)
{
        constexpr std::string_view key = "cluster";
        constexpr std::string_view quoted_key = "\"cluster\"";
        const auto begins_with_one_of = [](std::string_view rest, std::string_view signs) {
                return !rest.empty() && signs.find(rest.front()) != signs.npos;
        };

        return std::ranges::any_of(lines(text), [&](std::string_view line) {
                const auto begin = line.substr(std::min(line.find_first_not_of(" \t[{\"'"), line.size()));
                if (begin.starts_with(key) && begins_with_one_of(trim(begin.substr(key.size())), "].:=\"'"))
                        return true;
                const auto at = line.find(quoted_key); // of JSON on one line
                return at != line.npos && begins_with_one_of(trim(line.substr(at + quoted_key.size())), ":");
        });
}

namespace {

// Whether a layer beside the user data has a text, or the kernel command line a word, of which that is true.
bool any_layer(const Root& root, bool (*is_wanted)(std::string_view text), std::string_view word_begins)
{
        std::vector<std::string> files{"/etc/eks/node.toml"};
        const auto in_directories = drop_ins(root,
                {"/usr/lib/eks/node.d", "/etc/eks/node.d", "/etc/eks/nodeadm.d", "/var/lib/eks/commands.d"},
                {".toml", ".yaml", ".yml", ".json"});
        files.insert(files.end(), in_directories.begin(), in_directories.end());
        const auto wanted = [&](const std::string& file) {
                try {
                        return is_wanted(read_file_if_exists(root(file), drop_in_limit).value_or(""));
                } catch (const Error&) {
                        return false;
                }
        };

        const auto words = kernel_command_line(root, exists(root("/run/systemd/container")));
        return std::ranges::any_of(files, wanted) ||
               std::ranges::any_of(
                       words, [&](const std::string& word) { return word.starts_with(word_begins); });
}

} // namespace

bool is_cluster_named(const Root& root)
{
        return any_layer(root, seems_to_name_cluster, "eks.cluster.");
}

bool is_service_configured(const Root& root)
{
        return any_layer(
                root, [](std::string_view text) { return text.find("metadataService") != text.npos; },
                "eks.facts.metadataService=");
}

} // namespace eks
