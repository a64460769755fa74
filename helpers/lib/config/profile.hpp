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
        Layer layer; // its kubelet.config and sysctl; errors in the file are in Layer::problems
};

// A name ("batch") and its file ("/usr/share/eks/profiles/batch.toml").
struct ProfileFile {
        std::string name;
        std::string path;
};

// All profiles, sorted by name. The admin's file masks the vendor's of the same name; an empty one only
// masks it. `notes`: as drop_ins().
std::vector<ProfileFile> profile_files(const Root& root, std::vector<Note>* notes = nullptr);

// Throws Error (config_syntax).
Profile parse_profile(std::string_view text, const std::string& path);

// The profile of a name or absolute path. `where` is the place that chose it; without one it is the default,
// which may be absent. If it does not exist, the layer has that problem, with the existing names.
std::optional<Profile> find_profile(const Root& root, const std::string& chosen,
        const std::optional<Where>& where, std::vector<Note>& notes);

// Whether a place is in the file of a profile; `chosen` is the key's value.
bool is_in_profile(const std::string& source, std::string_view chosen);

} // namespace eks
