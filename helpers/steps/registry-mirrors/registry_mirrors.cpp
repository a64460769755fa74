// SPDX-License-Identifier: Apache-2.0
#include "steps/registry-mirrors/registry_mirrors.hpp"

#include <algorithm>
#include <cctype>
#include <map>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "containerd/registries.hpp"
#include "node/secret_file.hpp"

namespace eks {

namespace {

std::string quoted_list(const std::vector<std::string>& texts)
{
        std::vector<std::string> items;
        for (const auto& text : texts)
                items.push_back(quoted(text));
        return "[" + join(items, ", ") + "]";
}

using Headers = std::map<std::string, std::vector<std::string>>;

Headers read_headers(const Root& root, const RegistryMirror& mirror)
{
        Headers headers;
        const auto refuse = [&](const std::string& what) {
                throw MachineError(failure::config_invalid,
                        fmt::format("registry.mirrors ({}): headersFile '{}' {}", mirror.source,
                                mirror.headers_file, what),
                        fmt::format("Write 'Name: value' lines into it, and `chmod 600 {}`",
                                mirror.headers_file));
        };

        if (mirror.headers_file.empty())
                return headers;

        const auto text = read_file_if_exists(root(mirror.headers_file));
        if (!text)
                refuse("is not there");
        if (is_readable_by_others(root(mirror.headers_file)))
                refuse("may be read by others than root");

        unsigned number = 0;

        for (const auto line : lines(*text)) {
                ++number;
                if (trim(line).empty())
                        continue;

                const auto colon = line.find(':');
                const auto name = line.substr(0, colon);
                const auto value = colon == line.npos ? line : trim(line.substr(colon + 1));
                const bool is_name = !name.empty() && std::ranges::all_of(name, [](unsigned char c) {
                        return std::isalnum(c) || c == '-' || c == '_';
                });

                if (colon == line.npos || !is_name || value.empty() || has_control_characters(value))
                        refuse(fmt::format("has no header in line {}", number));
                headers[std::string(name)].emplace_back(value);
        }

        return headers;
}

// The settings for connections to a mirror, in its own table or for the registry itself.
std::string connection(const RegistryMirror& mirror, const std::string& url)
{
        std::string text;
        if (!mirror.ca.empty())
                text += fmt::format("ca = {}\n", quoted(mirror.ca));

        if (!mirror.client_certificate.empty())
                text += fmt::format("client = [{}]\n",
                        quoted_list(std::vector{mirror.client_certificate, mirror.client_key}));

        if (mirror.override_path)
                text += "override_path = true\n";
        if (mirror.insecure && url.starts_with("https://"))
                text += "skip_verify = true\n";

        return text;
}

std::string header_table(const std::string& prefix, const Headers& headers)
{
        if (headers.empty())
                return {};
        auto text = fmt::format("\n[{}header]\n", prefix);
        for (const auto& [name, values] : headers)
                text += fmt::format("{} = {}\n", quoted(name), quoted_list(values));
        return text;
}

std::string render(const RegistryMirror& mirror, const Headers& headers)
{
        std::string text = "# Rendered by eks-registry-mirrors from registry.mirrors; see "
                           "eks-registry-mirrors.service(8).\n";
        if (!mirror.server.empty())
                text += fmt::format("server = {}\n", quoted(mirror.server));

        // containerd asks it separately from the endpoints, with the settings above all tables.
        if (std::ranges::any_of(mirror.endpoints,
                    [&](const std::string& endpoint) { return is_same_endpoint(endpoint, mirror.server); }))
                text += connection(mirror, mirror.server) + header_table("", headers);

        for (const auto& endpoint : mirror.endpoints) {
                const auto table = fmt::format("host.{}", quoted(endpoint));
                text += fmt::format("\n[{}]\n", table);
                if (!mirror.capabilities.empty())
                        text += fmt::format("capabilities = {}\n", quoted_list(mirror.capabilities));
                text += connection(mirror, endpoint) + header_table(table + ".", headers);
        }

        return text;
}

} // namespace

StepPlan plan_registry_mirrors(const NodeInputs& node)
{
        StepPlan plan;
        for (const auto& mirror : node.spec.containerd.registry_mirrors) {
                const auto headers = read_headers(node.root, mirror);
                plan.files.push_back({.path = hosts_file(mirror.registry),
                        .content = render(mirror, headers),
                        .mode = static_cast<mode_t>(headers.empty() ? 0644 : 0600)});

                for (const auto& file : {mirror.ca, mirror.client_certificate, mirror.client_key})
                        if (!file.empty() && !exists(node.root(file)))
                                plan.notes.push_back({Level::warning,
                                        fmt::format(
                                                "registry.mirrors ({}): '{}' is not there, so containerd "
                                                "cannot pull through this mirror, proceeding",
                                                mirror.source, file)});
        }

        for (const auto& registry : rendered_registries(node.root))
                if (std::ranges::find(node.spec.containerd.registry_mirrors, registry,
                            &RegistryMirror::registry) == node.spec.containerd.registry_mirrors.end())
                        plan.files.push_back(
                                {.path = hosts_file(registry), .content = {}, .kind = File::Kind::absent});

        return plan;
}

Access registry_mirrors_access()
{
        return {.reads = {"/etc/eks", "/run/eks"}, .writes = {"/etc/containerd", "/var/lib/eks"}};
}

} // namespace eks
