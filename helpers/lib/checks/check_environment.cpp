// SPDX-License-Identifier: Apache-2.0
#include "checks/check_environment.hpp"

#include "config/service_environment.hpp"

namespace eks {

void check_environment(const Json& tree, const CheckReport& report)
{
        constexpr std::string_view key = "instance.environment";
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
