// SPDX-License-Identifier: Apache-2.0
// What a call of Amazon Linux 2's bootstrap.sh says, as a layer of the configuration.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "document/layer.hpp"

namespace eks {

struct BootstrapCall {
        std::vector<std::string> arguments;
        std::map<std::string, std::string, std::less<>> environment; // those of bootstrap_variables()
        std::string more_flags = {};                                 // of kubelet, after those of the call
        // The text of a file that the call names; nothing if the call is only parsed.
        std::function<std::string(const std::string& path)> read = {};
};

// The arguments, and the variables of this process' environment that bootstrap.sh reads.
BootstrapCall bootstrap_call(int argc, char** argv);

// Nothing if the call asks for --help. Reads the options and the environment variables of their names. An
// option overrides its variable, and a later option an earlier one. Unknown and obsolete options become
// notes. Throws Error (config_invalid) with everything that is malformed or contradictory, and if there is
// no cluster name.
//
// What the call leaves open is not in the layer: without both of --apiserver-endpoint and --b64-cluster-ca
// it takes DescribeCluster, and without a range or an address of the cluster's DNS service
// add_bootstrap_dns().
std::optional<Layer> parse_bootstrap_call(const BootstrapCall& call);

// The flags among the words of a command line. "--name value" is two words for kubelet, but one flag here.
// `others` gets the words that belong to no flag.
std::vector<std::string> join_flags(const std::vector<std::string>& words, std::vector<std::string>& others);

} // namespace eks
