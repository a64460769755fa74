// SPDX-License-Identifier: Apache-2.0
// Environment variables of services in the configuration: the key `instance.environment`.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "document/layer.hpp"
#include "systemd/daemons.hpp"

namespace eks {

struct ServiceEnvironment {
        std::string service; // "kubelet", without ".service", or every_service
        std::map<std::string, std::string> variables;
        std::string key;    // for messages: "instance.environment.kubelet"; "" if the key does not name it
        std::string source; // its place, for messages

        bool operator==(const ServiceEnvironment&) const = default;
};

// The error text for a name or value; "" if it is valid. systemd passes on only UTF-8 without control
// characters other than tab and line feed (systemd.exec(5), Environment=); the layers contain only UTF-8.
std::string wrong_service(std::string_view name);
std::string wrong_variable(std::string_view name, std::string_view value);

// The environments of a configuration, sorted by service. Without variables that systemd would ignore, and
// without services that have no variables.
std::vector<ServiceEnvironment> service_environments(const Json& tree, const Marks& marks);

// NAME="value" lines that systemd reads as an EnvironmentFile=, sorted by name.
std::string render_environment_file(const std::map<std::string, std::string>& variables);

} // namespace eks
