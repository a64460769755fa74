// SPDX-License-Identifier: Apache-2.0
// A NodeConfig as nodeadm prints it: one line of JSON, with the keys in the order of its types.
#pragma once

#include <string>
#include <vector>

#include "compat/nodeadm/chain.hpp"

namespace eks {

// {"kind":"NodeConfig","apiVersion":…,"metadata":{},"spec":{…}} and a newline. Keys that only our TOML has
// are named in `left_out`.
std::string dump_node_config(const Chain& chain, std::vector<std::string>& left_out);

// The "spec" of it alone.
std::string dump_spec(const Chain& chain, std::vector<std::string>& left_out);

// The content of a cache: the spec, and the instance, from `facts` as in imds.json.
std::string dump_cache(const Chain& chain, const Json& facts, const std::string& kubelet_version);

// A cache as a chain of one source, which must exist. Throws Error (file_io, config_syntax, config_invalid).
Chain load_cache(const Root& root, const std::string& path);

} // namespace eks
