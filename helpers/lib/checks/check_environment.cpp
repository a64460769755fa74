// SPDX-License-Identifier: Apache-2.0
#include "checks/check_environment.hpp"

#include <algorithm>
#include <initializer_list>

#include "base/text.hpp"
#include "config/service_environment.hpp"

namespace eks {

namespace {

// Whether one of these variables is set; programs read some of them in small letters.
bool sets(const Json& variables, std::initializer_list<std::string_view> names)
{
        for (const auto& [name, value] : variables.items())
                if (value != "" && std::ranges::find(names, lower(name)) != names.end())
                        return true;
        return false;
}

std::string shown(const Json& value)
{
        return value.is_string() ? value.get<std::string>() : join(texts(&value), ", ");
}

// The key proxy is taken whole or not at all: NO_PROXY is computed for it alone.
void check_proxy(const Json& tree, const CheckReport& report)
{
        const auto* proxy = member(&tree, "proxy");
        const auto given = [&](const char* key) {
                const auto* value = member(proxy, key);
                return value != nullptr && !value->empty() && *value != "";
        };

        const bool is_given = given("http") || given("https");
        for (const auto* key : {"credentialsFile", "noProxy", "services"})
                if (!is_given && given(key))
                        report.doubt(key_path("proxy", key), shown(*member(proxy, key)),
                                "neither proxy.http nor proxy.https is set, so it has no effect: set one of "
                                "them, or remove this key");

        const auto* services = member(member(&tree, "instance"), "environment");
        for (const auto* service : {"default", "kubelet"})
                if (const auto* variables = member(services, service);
                        !is_given && variables != nullptr && variables->is_object() &&
                        sets(*variables, {"http_proxy", "https_proxy"}) && !sets(*variables, {"no_proxy"}))
                        report.doubt(key_path("instance.environment", service), "",
                                "a proxy without NO_PROXY, so the API server and the VPC are reached through it "
                                "too: use proxy.http and proxy.https, for which NO_PROXY is computed");

        // Such a login is shown by `systemctl show-environment`.
        const auto* of_all = member(services, every_service);
        if (of_all == nullptr || !of_all->is_object())
                return;

        for (const auto& [name, value] : of_all->items())
                if (value.is_string() &&
                        value.get_ref<const std::string&>().find('@') != std::string::npos &&
                        sets({{name, value}}, {"http_proxy", "https_proxy", "all_proxy"}))
                        report.doubt(key_path("instance.environment.default", name), "",
                                "every user of the machine can read the login of this proxy: use proxy.http "
                                "and proxy.https with proxy.credentialsFile");
}

} // namespace

void check_environment(const Json& tree, const CheckReport& report)
{
        constexpr std::string_view key = "instance.environment";
        check_proxy(tree, report);

        const auto* services = member(member(&tree, "instance"), "environment");
        if (services == nullptr || !services->is_object())
                return;

        for (const auto& [service, variables] : services->items()) {
                const auto path = key_path(key, service);
                if (const auto wrong = wrong_service(service); !wrong.empty()) {
                        report.doubt(path, "", wrong);
                        continue;
                }

                if (!variables.is_object())
                        continue;

                for (const auto& [name, value] : variables.items())
                        if (value.is_string())
                                if (const auto wrong =
                                                wrong_variable(name, value.get_ref<const std::string&>());
                                        !wrong.empty())
                                        report.doubt(key_path(path, name), "", wrong);
        }
}

} // namespace eks
