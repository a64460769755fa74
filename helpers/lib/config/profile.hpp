// SPDX-License-Identifier: Apache-2.0
// Profiles: named sets of kubelet settings and kernel parameters, in files (eks-profile(5)).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/root.hpp"
#include "document/layer.hpp"

namespace eks {

inline constexpr std::string_view vendor_profiles = "/usr/share/eks/profiles";
inline constexpr std::string_view admin_profiles = "/etc/eks/profiles";
inline constexpr std::string_view default_profile = "default";

struct Profile {
        std::string description;
        Layer layer; // its kubelet.config and sysctl; what is wrong with the file is in Layer::problems
};

// A name ("batch") and the file behind it ("/usr/share/eks/profiles/batch.toml").
struct ProfileFile {
        std::string name;
        std::string path;
};

// Every profile that can be named, sorted. The admin's file masks the vendor's of the same name; an empty
// one does no more than that.
std::vector<ProfileFile> profile_files(const Root& root);

// Throws Error (config_syntax).
Profile parse_profile(std::string_view text, const std::string& path);

// The profile of a name or absolute path. `where` is the place that chose it; without one it is the default,
// which may be absent. If there is none the layer holds that problem, and the names there are.
std::optional<Profile> find_profile(
        const Root& root, const std::string& chosen, const std::optional<Where>& where);

// Whether a place is in the file of a profile; `chosen` is the key's value.
bool is_in_profile(const std::string& source, std::string_view chosen);

} // namespace eks
