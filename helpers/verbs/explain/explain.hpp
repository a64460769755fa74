// SPDX-License-Identifier: Apache-2.0
// eksnode explain: the value of a key, and the values of all layers with their places.
#pragma once

#include <string>
#include <vector>

#include "config/sources.hpp"

namespace eks {

// One layer's value of a key.
struct Opinion {
        Json value;
        Where where;
};

// The part of kubelet's configuration that eksnode itself sets on this node. It is computed, because the
// file may have been edited, and for older kubelets contains the user's settings. null if the facts of a
// node are unknown.
Json generated_settings(const Root& root, const Resolved& resolved);

// A line about another value in a file that was edited by hand; "" if the file was not edited.
std::string edited_setting(const Root& root, const std::string& key);

// Every layer's value of a key path ("kubelet.config.maxPods"), the effective one last. Lists of flags are
// appended to each other. For keys below kubelet.config, our own value (`generated`, the tree of kubelet's
// configuration) is first.
std::vector<Opinion> opinions(const Resolved& resolved, const std::string& key, const Json& generated);

// The value that a node computes from a key, and its inputs, as lines: " computed by the eks policy: 11 MiB
// x 58 pods + 255 MiB (…)"; of labels and taints, those with facts filled in. Empty for keys that are used
// unchanged, and if the facts of a node are unknown.
std::string reasoning(const Root& root, const Resolved& resolved, const std::string& key);

// The active profile, and below it all profiles; those of the admin mask the vendor's.
std::string explain_profile(const Root& root, const Resolved& resolved);

// The facts of the instance, each with its source: the metadata service, or what has taken its place.
std::string explain_facts(const Json& imds);

// The text for people. Throws Error (usage) if it is not a configuration key.
std::string explain(const Resolved& resolved, const std::string& key, const Json& generated,
        const std::string& reasoning = {});

} // namespace eks
