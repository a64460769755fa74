// SPDX-License-Identifier: Apache-2.0
#include "config/proxy_settings.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.hpp"
#include "config/addresses.hpp"
#include "config/credential_name.hpp"
#include "config/known_keys.hpp"
#include "config/service_environment.hpp"
#include "document/reader.hpp"

namespace eks {

namespace {

constexpr const char* proxy_table = "proxy";
constexpr std::array default_services{
        "amazon-ssm-agent", "containerd", "docker", "kubelet", "soci-snapshotter"};

// Where a step that is confined may read.
constexpr std::array<std::string_view, 5> credential_directories{
        "/etc/credstore/", "/etc/eks/", "/run/credentials/", "/run/credstore/", "/run/eks/"};

bool is_visible(std::string_view text)
{
        return std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; });
}

// "" if it is the URL of a proxy. Go's and curl's clients have these schemes in common.
std::string_view wrong_url(std::string_view url)
{
        if (url.find("://") == url.npos)
                return "has no scheme";

        const auto [scheme, login, authority] = split_proxy_url(url);
        if (scheme != "http" && scheme != "https" && scheme != "socks5")
                return "has a scheme that proxies do not have";
        if (!is_visible(url))
                return "holds a blank or a character that is not ASCII";
        if (login.find_first_of("/?#@[]\\\"'<>^`{|}") != login.npos)
                return "has a user or password with a character that must be percent-encoded";

        return is_authority(authority) ? "" : "is not a proxy's host and port";
}

} // namespace

ProxyUrl split_proxy_url(std::string_view url)
{
        ProxyUrl parts;
        const auto scheme = url.find("://");
        if (scheme == url.npos)
                return parts;

        parts.scheme = lower(url.substr(0, scheme));
        url.remove_prefix(scheme + 3);

        if (url.ends_with('/'))
                url.remove_suffix(1);
        const auto at = url.rfind('@');
        if (at != url.npos)
                parts.login = url.substr(0, at);
        parts.authority = url.substr(at == url.npos ? 0 : at + 1);

        return parts;
}

ProxySettings proxy_settings(const Json& tree, const Marks& marks, Problems& problems)
{
        ProxySettings proxy;
        const auto* given = find_path(tree, proxy_table);
        if (given == nullptr || !given->is_object())
                return proxy;

        const TableReader reader(*given, proxy_table, marks, {"configuration"}, problems);
        const auto text = [&](const char* key) {
                return std::string(trim(given->value(key, std::string())));
        };

        const auto list = [&](const char* key) { return given->value(key, std::vector<std::string>()); };
        proxy.http = text("http");
        proxy.https = text("https");

        for (const auto& [key, url] : {std::pair("http", &proxy.http), {"https", &proxy.https}}) {
                if (url->empty())
                        continue;
                proxy.source = reader.where(key).text();
                if (const auto wrong = wrong_url(*url); !wrong.empty())
                        reader.wrong(
                                key, "", wrong, "Write http://HOST:PORT, or http://USER:PASSWORD@HOST:PORT");
        }

        for (auto& item : list("noProxy"))
                if (item.empty() || item.find(',') != item.npos || !is_visible(item))
                        reader.wrong("noProxy", "", "holds an item that is not a host, domain or range",
                                "Write one host, .domain or CIDR in each item");
                else
                        proxy.no_proxy.push_back(std::move(item));
        proxy.services = list("services");

        for (const auto& service : proxy.services)
                if (service == every_service || !wrong_service(service).empty())
                        reader.wrong("services", "", "holds an item that is not the name of a service",
                                "Write names without .service; for all services, use "
                                "instance.environment.default");
        proxy.names_services = !proxy.services.empty();

        if (!proxy.names_services)
                proxy.services.assign(default_services.begin(), default_services.end());
        proxy.credentials_file = text("credentialsFile");

        if (proxy.credentials_file.empty())
                return proxy;

        if (!is_credential_name(proxy.credentials_file) &&
                !is_path_below(proxy.credentials_file, credential_directories))
                reader.wrong("credentialsFile", "", "is neither the name of a credential nor a usable path",
                        fmt::format("Give a path below {}, or the name of a systemd credential",
                                fmt::join(credential_directories, ", ")));

        for (const auto& [key, url] : {std::pair("http", &proxy.http), {"https", &proxy.https}})
                if (!split_proxy_url(*url).login.empty())
                        reader.wrong(key, "", "holds a login, and so does proxy.credentialsFile",
                                "Take the login out of the URL");

        return proxy;
}

} // namespace eks
