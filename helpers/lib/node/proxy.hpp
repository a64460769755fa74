// SPDX-License-Identifier: Apache-2.0
// What a node's proxy comes to: the variables of the services that use it.
#pragma once

#include <map>
#include <string>

#include "node/node.hpp"
#include "systemd/daemons.hpp"

namespace eks {

// The step that asks ECR for a login has the proxy too.
inline constexpr std::string_view step_that_pulls = "eks-sandbox-image";

// A variable of that step: NO_PROXY, for when nothing else sets it. A file of variables would override what
// an admin gave to the unit or to the manager.
inline constexpr std::string_view missing_no_proxy = "EKS_NO_PROXY";

// The host of the API server, if its addresses were found to be private. Written by eks-environment.
inline constexpr std::string_view api_server_path = "/run/eks/private-api-server";

// Addresses that no proxy outside of the VPC reaches: private ones, and those of the VPC itself.
bool is_private_address(const std::string& address, const Json& imds);

// What is reached without the proxy: loopback, the link-local services of EC2, every range of the VPC, the
// cluster's services, the API server if its addresses are private, cluster domains, and what the
// configuration adds.
std::string no_proxy(const NodeInputs& node);

// HTTP_PROXY, HTTPS_PROXY and NO_PROXY, and the same in lower case: programs differ in which they read.
// Throws Error (config_invalid) if the login cannot be read.
std::map<std::string, std::string> proxy_variables(const NodeInputs& node);

// The environments of all services: those of the proxy, and over them those of the configuration. If only
// the variables of all services name a proxy, and no NO_PROXY, the step that pulls gets a computed one.
std::vector<ServiceEnvironment> all_environments(const NodeInputs& node);

// Give this process, which asks AWS, the variables of all services and those of the proxy, with NO_PROXY.
// Others that its environment sets stand, but not those that the manager has from an older configuration.
void use_environment(const NodeInputs& node);

// Of the step that pulls: set NO_PROXY to missing_no_proxy if this process has neither NO_PROXY nor
// no_proxy.
void use_missing_no_proxy();

} // namespace eks
