// SPDX-License-Identifier: Apache-2.0
// Images that must be on the node: pulled with retry, and kept from garbage collection.
#pragma once

#include <functional>
#include <optional>

#include "net/containerd.hpp"

namespace eks {

// containerd's CRI plugin reports an image with this label as pinned, and kubelet never collects those.
inline constexpr const char* pin_key = "io.cri-containerd.pinned";
inline constexpr const char* pin_value = "pinned";
bool is_pinned(const std::map<std::string, std::string>& labels);

// The number of new logins after the registry refused one: a role that was just attached to an instance is
// not effective everywhere at once.
inline constexpr unsigned login_attempts = 3;

// Pull until it succeeds or `limit` has passed. `login` is called before each attempt, `on_retry` before
// each further one. Throws Error: image_absent at once if the registry has no such image or the name is
// invalid, image_refused if it keeps refusing the login, image_pull at the end of the time, and the errors
// of `login`.
void pull_image(ContainerdClient& containerd, const std::string& name,
        const std::function<std::optional<RegistryLogin>()>& login, std::chrono::milliseconds limit,
        const std::function<void(const std::string&)>& on_retry);

} // namespace eks
