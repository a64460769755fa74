// SPDX-License-Identifier: Apache-2.0
// On Amazon Linux 2 a script could change kubelet-config.json before it called bootstrap.sh, which kept what
// it did not set itself.
#pragma once

#include "base/root.hpp"
#include "base/step.hpp"
#include "config/kubelet_files.hpp"
#include "document/layer.hpp"

namespace eks {

// What kubelet-config.json says otherwise than our own rendering, or than the vendor's file if there is no
// rendering yet: as kubelet.config. Empty if there is no such file. What was taken out of it comes back, and
// a note names it. Throws Error (config_syntax) if it is no JSON.
Json edits_of_kubelet_config(const Root& root, std::vector<Note>& notes);

} // namespace eks
