// SPDX-License-Identifier: Apache-2.0
#include "config/mirrors.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include <fmt/format.h>

#include "base/text.hpp"
#include "config/addresses.hpp"
#include "config/known_keys.hpp"
#include "document/reader.hpp"

namespace eks {

namespace {

constexpr std::string_view every_other = "_default";
constexpr std::array<std::string_view, 2> headers_directories{"/etc/containerd/", "/etc/eks/"};

// It becomes the name of a directory.
bool is_registry_host(std::string_view text)
{
        return is_authority(text) && text.find_first_of(".-_") != 0 && text.find("..") == text.npos;
}

// Where the path of a URL begins; 0 if it is not of http or https.
std::size_t path_of_url(std::string_view text)
{
        const auto scheme = lower(text.substr(0, 8));
        const auto host = scheme == "https://" ? 8U : scheme.starts_with("http://") ? 7U : 0U;
        return host == 0 ? 0 : std::min(text.find('/', host), text.size());
}

// http or https, a host, perhaps a path; no part that could contain a secret or a line break.
bool is_url(std::string_view text)
{
        const auto path = path_of_url(text);
        return path != 0 && is_registry_host(text.substr(0, path).substr(text.find("//") + 2)) &&
               std::ranges::all_of(text, [](unsigned char c) {
                       return std::isgraph(c) && c != '"' && c != '\\' && c != '@' && c != '?' && c != '#';
               });
}

// Scheme and host mean the same in either case.
std::string normal_url(std::string_view text)
{
        const auto path = path_of_url(text);
        return lower(text.substr(0, path)).append(text.substr(path));
}

bool is_file_path(std::string_view text)
{
        return is_absolute_path(text) && text.find("/../") == text.npos;
}

bool is_headers_file(std::string_view text)
{
        return is_file_path(text) && std::ranges::any_of(headers_directories,
                                             [&](std::string_view d) { return text.starts_with(d); });
}

bool is_capability(std::string_view word)
{
        return word == "pull" || word == "resolve" || word == "push";
}

// Each is a separate table in hosts.toml, which must not be declared twice.
void refuse_twice(const std::vector<std::string>& endpoints, const TableReader& reader)
{
        for (auto one = endpoints.begin(); one != endpoints.end(); ++one)
                if (std::any_of(endpoints.begin(), one, [&](const std::string& before) {
                            return is_same_endpoint(normal_url(before), normal_url(*one));
                    }))
                        reader.wrong("endpoints", *one, "is there twice", "Name each mirror once");
}

RegistryMirror read_mirror(const std::string& registry, const TableReader& reader)
{
        static const std::vector<std::string> known{"endpoints", "server", "capabilities", "ca",
                "clientCertificate", "clientKey", "headersFile", "overridePath", "insecure"};
        constexpr TextRule url{is_url,
                "an http or https URL without user, query or fragment, an IPv6 address "
                "in brackets, a port from 1 to 65535"};
        constexpr TextRule path{is_file_path, "an absolute path"};
        constexpr TextRule capability{is_capability, "pull, resolve or push"};
        constexpr TextRule headers{
                is_headers_file, "the path of a file below /etc/containerd/ or /etc/eks/"};
        reader.refuse_unknown(known);

        if (const auto* capabilities = reader.find("capabilities");
                capabilities != nullptr && *capabilities == Json::array())
                reader.wrong("capabilities", "[]", "capabilities is empty",
                        "Name pull, resolve or push, or leave it out for all three");

        RegistryMirror mirror{.registry = registry,
                .endpoints = reader.list("endpoints", url),
                .server = reader.text("server", url),
                .capabilities = reader.list("capabilities", capability),
                .ca = reader.text("ca", path),
                .client_certificate = reader.text("clientCertificate", path),
                .client_key = reader.text("clientKey", path),
                .headers_file = reader.text("headersFile", headers),
                .override_path = reader.toggle("overridePath"),
                .insecure = reader.toggle("insecure"),
                .source = reader.where("endpoints").text()};
        if (mirror.client_certificate.empty() != mirror.client_key.empty())
                reader.wrong(mirror.client_key.empty() ? "clientKey" : "clientCertificate", "", "missing",
                        "clientCertificate and clientKey go together");
        refuse_twice(mirror.endpoints, reader);

        for (auto& endpoint : mirror.endpoints)
                endpoint = normal_url(endpoint);
        mirror.server = normal_url(mirror.server);
        auto urls = mirror.endpoints;
        urls.push_back(mirror.server);

        for (const auto& each : urls)
                if (each.starts_with("http://") && !mirror.insecure)
                        reader.wrong(each == mirror.server ? "server" : "endpoints", each,
                                "images would be pulled over unprotected http",
                                "Use https, or set insecure = true for this mirror");

        return mirror;
}

} // namespace

bool is_same_endpoint(std::string_view one, std::string_view other)
{
        const auto without_slashes = [](std::string_view url) {
                return url.substr(0, url.find_last_not_of('/') + 1);
        };
        return without_slashes(one) == without_slashes(other);
}

std::vector<RegistryMirror> registry_mirrors(const Json& tree, const Marks& marks, Problems& problems)
{
        std::vector<RegistryMirror> mirrors;
        const auto* all = find_path(tree, "registry.mirrors");
        if (all == nullptr || !all->is_object())
                return mirrors;

        for (const auto& [registry, table] : all->items()) {
                const TableReader reader(
                        table, key_path("registry.mirrors", registry), marks, {"configuration"}, problems);
                const auto* endpoints = reader.find("endpoints");
                if (registry != every_other && !is_registry_host(registry))
                        reader.wrong("", "", "is not the host of a registry",
                                "Write it as in the names of images, such as docker.io or "
                                "registry.example.com:5000, or _default for all others");
                else if (endpoints == nullptr || endpoints->empty())
                        reader.wrong("", "", "has no endpoints",
                                fmt::format(
                                        "Write a table: [registry.mirrors.\"{}\"] and below it endpoints = "
                                        "[\"https://…\"]",
                                        registry));
                else
                        mirrors.push_back(read_mirror(registry, reader));
        }

        return mirrors;
}

} // namespace eks
