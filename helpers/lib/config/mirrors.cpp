// SPDX-License-Identifier: Apache-2.0
#include "config/mirrors.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include <fmt/format.h>

#include "base/text.hpp"
#include "config/network.hpp"
#include "config/schema.hpp"

namespace eks {

namespace {

constexpr std::string_view every_other = "_default";
constexpr std::array<std::string_view, 2> headers_directories{"/etc/containerd/", "/etc/eks/"};

// It becomes the name of a directory.
bool is_host(std::string_view text)
{
        return is_authority(text) && text.find_first_of(".-_") != 0 && text.find("..") == text.npos;
}

std::string lower(std::string_view text)
{
        std::string result(text);
        std::ranges::transform(
                result, result.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        return result;
}

// Where the path of a URL begins; 0 if it is not of http or https.
std::size_t path_of_url(std::string_view text)
{
        const auto scheme = lower(text.substr(0, 8));
        const auto host = scheme == "https://" ? 8U : scheme.starts_with("http://") ? 7U : 0U;
        return host == 0 ? 0 : std::min(text.find('/', host), text.size());
}

// http or https, a host, perhaps a path; nothing that could carry a secret or leave its line.
bool is_url(std::string_view text)
{
        const auto path = path_of_url(text);
        return path != 0 && is_host(text.substr(0, path).substr(text.find("//") + 2)) &&
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

bool is_path(std::string_view text)
{
        return text.starts_with('/') && !has_control_characters(text) && text.find("/../") == text.npos;
}

// Reads one mirror's table, and says of each value what is wrong with it.
class Reader {
public:
        Reader(const Json& table, std::string path, const Marks& marks, Problems& problems)
                : table_(&table), path_(std::move(path)), marks_(&marks), problems_(&problems)
        {
        }

        Where where(const std::string& key) const
        {
                return place_of(*marks_, key_path(path_, key), place_of(*marks_, path_, {"configuration"}));
        }

        void wrong(const std::string& key, std::string_view value, std::string_view what,
                std::string remedy) const
        {
                problems_->add(where(key), key_path(path_, key), value, what, std::move(remedy));
        }

        std::string text(
                const std::string& key, bool (*is_right)(std::string_view), const char* expected) const
        {
                const auto found = table_->find(key);
                if (found == table_->end())
                        return {};
                if (found->is_string() && is_right(found->get_ref<const std::string&>()))
                        return *found;
                wrong(key, found->is_string() ? found->get<std::string>() : found->dump(),
                        fmt::format("must be {}", expected), fmt::format("Give {}", expected));
                return {};
        }

        std::vector<std::string> list(
                const std::string& key, bool (*is_right)(std::string_view), const char* expected) const
        {
                const auto found = table_->find(key);
                if (found == table_->end())
                        return {};
                std::vector<std::string> items;
                for (const auto& item : found->is_array() ? *found : Json::array({nullptr})) {
                        if (!item.is_string() || !is_right(item.get_ref<const std::string&>())) {
                                wrong(key, item.is_string() ? item.get<std::string>() : found->dump(),
                                        fmt::format("must be a list, each item {}", expected),
                                        fmt::format("Give {}, in quotes", expected));
                                return {};
                        }
                        items.push_back(item);
                }
                return items;
        }

        bool is_empty_list(const std::string& key) const
        {
                const auto found = table_->find(key);
                return found != table_->end() && found->is_array() && found->empty();
        }

        bool flag(const std::string& key) const
        {
                const auto found = table_->find(key);
                if (found == table_->end())
                        return false;
                if (found->is_boolean())
                        return *found;
                wrong(key, found->dump(), "must be true or false", "Give true or false");
                return false;
        }

        void refuse_unknown(std::span<const std::string> known) const
        {
                for (const auto& [key, value] : table_->items())
                        if (std::ranges::find(known, key) == known.end()) {
                                const auto near = nearest(key, known);
                                wrong(key, "",
                                        near ? fmt::format("unknown key; did you mean '{}'?", *near)
                                             : "unknown key",
                                        fmt::format("The keys are {}", join(known, ", ")));
                        }
        }

private:
        const Json* table_;
        std::string path_;
        const Marks* marks_;
        Problems* problems_;
};

// Each is a table of its own in hosts.toml, which may not be declared twice.
void refuse_twice(const std::vector<std::string>& endpoints, const Reader& reader)
{
        for (auto one = endpoints.begin(); one != endpoints.end(); ++one)
                if (std::any_of(endpoints.begin(), one, [&](const std::string& before) {
                            return is_same_endpoint(normal_url(before), normal_url(*one));
                    }))
                        reader.wrong("endpoints", *one, "is there twice", "Name each mirror once");
}

RegistryMirror read_mirror(const std::string& registry, const Reader& reader)
{
        static const std::vector<std::string> known{"endpoints", "server", "capabilities", "ca",
                "clientCertificate", "clientKey", "headersFile", "overridePath", "insecure"};
        constexpr auto url = "an http or https URL without user, query or fragment, an IPv6 address in "
                             "brackets, a port from 1 to 65535";
        constexpr auto path = "an absolute path";
        reader.refuse_unknown(known);
        if (reader.is_empty_list("capabilities"))
                reader.wrong("capabilities", "[]", "the mirrors may do nothing at all",
                        "Name pull, resolve or push, or leave it out for all three");
        RegistryMirror mirror{.registry = registry,
                .endpoints = reader.list("endpoints", is_url, url),
                .server = reader.text("server", is_url, url),
                .capabilities = reader.list(
                        "capabilities",
                        [](std::string_view word) {
                                return word == "pull" || word == "resolve" || word == "push";
                        },
                        "pull, resolve or push"),
                .ca = reader.text("ca", is_path, path),
                .client_certificate = reader.text("clientCertificate", is_path, path),
                .client_key = reader.text("clientKey", is_path, path),
                .headers_file = reader.text(
                        "headersFile",
                        [](std::string_view text) {
                                return is_path(text) &&
                                       std::ranges::any_of(headers_directories,
                                               [&](std::string_view d) { return text.starts_with(d); });
                        },
                        "the path of a file below /etc/containerd/ or /etc/eks/"),
                .override_path = reader.flag("overridePath"),
                .insecure = reader.flag("insecure"),
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
                                "images would come unprotected over plain http",
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
                const auto path = key_path("registry.mirrors", registry);
                if (registry != every_other && !is_host(registry))
                        problems.add(place_of(marks, path, {"configuration"}), path, "",
                                "is not the host of a registry",
                                "Write it as it stands in the names of images, such as docker.io or "
                                "registry.example.com:5000, or _default for all others");
                else if (!table.is_object() || !table.contains("endpoints") || table["endpoints"].empty())
                        problems.add(place_of(marks, path, {"configuration"}), path, "", "has no endpoints",
                                fmt::format(
                                        "Write a table: [registry.mirrors.\"{}\"] and below it endpoints = "
                                        "[\"https://…\"]",
                                        registry));
                else
                        mirrors.push_back(read_mirror(registry, Reader(table, path, marks, problems)));
        }
        return mirrors;
}

} // namespace eks
