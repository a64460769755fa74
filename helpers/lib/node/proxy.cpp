// SPDX-License-Identifier: Apache-2.0
#include "node/proxy.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

#include <fmt/format.h>

#include "base/environment.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"
#include "node/hosts_block.hpp"
#include "node/secret_file.hpp"

namespace eks {

namespace {

constexpr std::size_t longest_login = 4096; // bytes

std::string percent_encoded(std::string_view text)
{
        std::string result;
        for (const char c : text) {
                const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) ||
                                   c == '-' || c == '.' || c == '_' || c == '~';
                result += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
        }

        return result;
}

// "user:password" as a URL has it; "" if there is none.
std::string login_of(const Root& root, const ProxySettings& proxy)
{
        if (proxy.credentials_file.empty())
                return {};

        const auto path = credential_path(root, proxy.credentials_file, "eks-environment.service");
        const auto refuse = [&](std::string_view what) {
                throw MachineError(failure::config_invalid,
                        fmt::format("proxy.credentialsFile ({}): '{}' {}", proxy.source,
                                proxy.credentials_file, what),
                        "Write one line, USER:PASSWORD, into it, and let only root read it (`chmod 600`)");
        };

        const auto text = read_file_if_exists(root(path), longest_login);
        if (!text)
                refuse("is not there");
        if (is_readable_by_others(root(path)))
                refuse("may be read by others than root");
        const auto line = text->ends_with('\n') ? text->substr(0, text->size() - 1) : *text;
        const auto colon = line.find(':');
        if (colon == 0 || colon == line.npos || has_control_characters(line))
                refuse("does not hold a user and a password");

        return percent_encoded(line.substr(0, colon)) + ":" + percent_encoded(line.substr(colon + 1));
}

std::string with_login(const std::string& url, const std::string& login)
{
        if (url.empty() || login.empty())
                return url;
        const auto parts = split_proxy_url(url);
        return fmt::format("{}://{}@{}", parts.scheme, login, parts.authority);
}

// "https://[fd00::1]:443/x" is the host "fd00::1".
std::string address_in(const std::string& url)
{
        const auto begin = url.find("://");
        if (begin == url.npos)
                return {};

        auto host = url.substr(begin + 3);
        host = host.substr(0, host.find('/'));
        host = host.starts_with('[') ? host.substr(1, host.find(']') - 1) : host.substr(0, host.find(':'));
        return is_address(host) ? host : std::string();
}

// The API server's host, if its addresses are private; else "".
std::string private_api_server(const NodeInputs& node)
{
        const auto& endpoint = node.spec.cluster.endpoint;
        if (const auto address = address_in(endpoint); !address.empty())
                return is_private_address(address, node.facts.all) ? address : std::string();
        const auto host = endpoint_host(endpoint);
        const auto found = read_file_if_exists(node.root(std::string(api_server_path)));
        return found && trim(*found) == host ? host : std::string();
}

} // namespace

bool is_private_address(const std::string& address, const Json& imds)
{
        const auto one = parse_cidr(address + (is_ipv6_address(address) ? "/128" : "/32"));
        if (!one)
                return false;

        const auto covers = [&](std::string_view range) {
                const auto all = parse_cidr(range);
                return all && overlap(*all, *one);
        };

        constexpr std::array<std::string_view, 5> private_ranges{
                "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"};
        if (std::ranges::any_of(private_ranges, covers))
                return true;

        for (const auto& interface : imds.value("interfaces", Json::array()))
                for (const auto* family : {"vpcIpv4Cidrs", "vpcIpv6Cidrs"})
                        for (const auto& range : interface.value(family, Json::array()))
                                if (covers(range.get<std::string>()))
                                        return true;

        return false;
}

namespace {

std::string near_items(const NodeInputs& node, bool with_cluster)
{
        // IMDS, the DNS and time services, the credentials of ECS and of EKS Pod Identity. Programs that
        // know no ranges need each address.
        std::vector<std::string> items{"localhost", "127.0.0.1", "::1", "127.0.0.0/8", "169.254.169.254",
                "169.254.169.253", "169.254.169.123", "169.254.170.2", "169.254.170.23", "fd00:ec2::254",
                "fd00:ec2::253", "fd00:ec2::123", "fd00:ec2::23", "169.254.0.0/16", "fd00:ec2::/32",
                "fe80::/10"};
        const auto add = [&](const std::string& item) {
                if (!item.empty() && std::ranges::find(items, item) == items.end())
                        items.push_back(item);
        };

        for (const auto& interface : node.facts.all.value("interfaces", Json::array()))
                for (const auto* family : {"vpcIpv4Cidrs", "vpcIpv6Cidrs"})
                        for (const auto& range : interface.value(family, Json::array()))
                                add(range.get<std::string>());

        if (with_cluster) {
                if (node.spec.cluster.service_cidr)
                        add(node.spec.cluster.service_cidr->text());
                add(private_api_server(node));
        }

        for (const auto* domain : {".internal", ".svc", ".cluster.local"})
                add(domain);
        for (const auto& item : node.spec.host.proxy.no_proxy)
                add(item);

        return join(items, ",");
}

std::map<std::string, std::string> variables_of_all_services(const NodeInputs& node)
{
        for (const auto& one : node.spec.host.environments)
                if (one.service == every_service)
                        return one.variables;
        return {};
}

// Whether one of these variables is set, in capitals or small letters.
bool sets(const std::map<std::string, std::string>& variables, std::string_view name)
{
        return std::ranges::any_of(
                variables, [&](const auto& variable) { return lower(variable.first) == name; });
}

// If only the variables of all services name a proxy, and no NO_PROXY: that of our own calls. They ask AWS
// alone, so what concerns the cluster is left out; it may not be known yet.
std::string no_proxy_of_calls(const NodeInputs& node)
{
        const auto of_all = variables_of_all_services(node);
        const bool has_proxy = std::ranges::any_of(of_all, [](const auto& variable) {
                const auto name = lower(variable.first);
                return !variable.second.empty() &&
                       (name == "http_proxy" || name == "https_proxy" || name == "all_proxy");
        });

        if (node.spec.host.proxy.is_given() || !has_proxy || sets(of_all, "no_proxy"))
                return {};

        return near_items(node, false);
}

// What an admin gave to the unit or to the manager stands.
void set_missing_no_proxy(const std::string& items)
{
        if (items.empty() || ::getenv("NO_PROXY") != nullptr || ::getenv("no_proxy") != nullptr)
                return;
        for (const auto* name : {"NO_PROXY", "no_proxy"})
                ::setenv(name, items.c_str(), 1);
}

} // namespace

std::string no_proxy(const NodeInputs& node)
{
        return near_items(node, true);
}

std::map<std::string, std::string> proxy_variables(const NodeInputs& node)
{
        const auto& proxy = node.spec.host.proxy;
        std::map<std::string, std::string> variables;
        if (!proxy.is_given())
                return variables;

        const auto login = login_of(node.root, proxy);
        const auto set = [&](const char* upper, const std::string& value) {
                if (!value.empty())
                        variables[upper] = variables[lower(upper)] = value;
        };

        set("HTTP_PROXY", with_login(proxy.http, login));
        set("HTTPS_PROXY", with_login(proxy.https, login));
        set("NO_PROXY", no_proxy(node));

        return variables;
}

std::vector<ServiceEnvironment> all_environments(const NodeInputs& node)
{
        auto all = node.spec.host.environments;
        const auto& proxy = node.spec.host.proxy;
        const auto give = [&](const std::string& service, const std::map<std::string, std::string>& given) {
                if (given.empty())
                        return;

                auto one = std::ranges::find(all, service, &ServiceEnvironment::service);
                if (one == all.end())
                        one = all.insert(all.end(),
                                {service, {}, proxy.names_services ? "proxy.services" : "", proxy.source});

                // Of a name in capitals and small letters, what the configuration gives counts for both.
                const auto own = one->variables;
                for (const auto& variable : given)
                        if (!sets(own, lower(variable.first)))
                                one->variables.insert(variable);
        };

        if (proxy.is_given()) {
                const auto variables = proxy_variables(node);
                for (const auto& service : proxy.services)
                        give(service, variables);
                give(std::string(step_that_pulls), variables);
        } else if (const auto items = no_proxy_of_calls(node); !items.empty()) {
                give(std::string(step_that_pulls), {{std::string(missing_no_proxy), items}});
        }

        std::ranges::sort(all, {}, &ServiceEnvironment::service);
        return all;
}

void use_environment(const NodeInputs& node)
{
        const auto record = node.root(std::string(environment_directory).append(every_service));
        for (const auto& [name, value] : parse_environment_file(read_file_if_exists(record).value_or("")))
                if (environment(name.c_str()) == value)
                        ::unsetenv(name.c_str());
        const auto of_all = variables_of_all_services(node);

        for (const auto& [name, value] : proxy_variables(node)) {
                // The manager may have given us that of all services already.
                const auto common = of_all.find(name);
                const bool is_common = common != of_all.end() && environment(name.c_str()) == common->second;
                ::setenv(name.c_str(), value.c_str(), is_common ? 1 : 0);
        }

        for (const auto& [name, value] : of_all)
                ::setenv(name.c_str(), value.c_str(), 0);
        set_missing_no_proxy(no_proxy_of_calls(node));
}

void use_missing_no_proxy()
{
        set_missing_no_proxy(environment(std::string(missing_no_proxy).c_str()));
}

} // namespace eks
