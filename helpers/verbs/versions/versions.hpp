// SPDX-License-Identifier: Apache-2.0
// eksnode versions: what is installed, compared with what the image build was asked for.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/root.hpp"
#include "verbs/versions/manifest.hpp"

namespace eks {

struct Component {
        enum class State {
                ok,
                unmanaged, // installed; the build was asked for no version of it, or the version is unknown
                changed,   // another version than the build installed, which also matches
                differs,   // does not match
                missing,   // wanted, but not installed
        };

        std::string name;
        State state = State::ok;
        std::string installed;
        std::string wanted;
        std::string built;
        std::string remedy; // what to do; empty unless it differs or is missing

        bool is_wrong() const { return state == State::differs || state == State::missing; }
        bool operator==(const Component&) const = default;
};

// Component to version; "unknown" if it is there and does not say which, "broken" if its program does not
// run. Packages are looked up in the package database, other programs are run.
std::map<std::string, std::string> installed_versions(const Root& root);

// Whether a version is what `wanted` says: "latest"; a range such as ">=2.0 <2.3"; a pattern such as "2.*";
// a version, or its beginning up to a separator.
bool is_version_of(std::string_view installed, const std::string& wanted);

// All components that are installed or wanted, in the order of the manual page. Without a manifest, all are
// unmanaged.
std::vector<Component> compare_versions(
        const std::map<std::string, std::string>& installed, const std::optional<ImageManifest>& manifest);

std::string render_versions(const std::vector<Component>& components);
std::string render_versions_as_json(const std::vector<Component>& components, bool has_manifest);

} // namespace eks
