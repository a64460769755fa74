// SPDX-License-Identifier: Apache-2.0
// Image credential providers other than ECR's: reads the drop-ins, and checks that kubelet accepts them.
// Source: kubelet's CredentialProviderConfig and its validation (kubernetes,
// pkg/credentialprovider/plugin/config.go).
#pragma once

#include <string>
#include <vector>

#include "base/root.hpp"
#include "document/layer.hpp"
#include "node/version.hpp"

namespace eks {

inline constexpr std::string_view vendor_providers = "/usr/lib/eks/credential-providers.d";
inline constexpr std::string_view admin_providers = "/etc/eks/credential-providers.d";

// The providers of the drop-ins, in the order of the files' names. A file, JSON or YAML, is one provider or
// a CredentialProviderConfig with a list of them. Throws Error (config_syntax, config_invalid) with file,
// line and all errors. `notes`: as drop_ins().
std::vector<Json> provider_drop_ins(const Root& root, const Version& kubelet, std::vector<Note>& notes);

// Adds the errors of one provider for this kubelet. `key` is its place in the layer: "providers[0]", or
// empty if it is the whole of it.
void check_provider(const Json& provider, const std::string& key, const Layer& layer, const Version& kubelet,
        Problems& problems);

} // namespace eks
