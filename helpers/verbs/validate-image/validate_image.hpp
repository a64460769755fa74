// SPDX-License-Identifier: Apache-2.0
// eksnode validate-image: compares a machine with the manifest of the image build.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/root.hpp"
#include "verbs/host/host.hpp"
#include "verbs/versions/manifest.hpp"

namespace eks {

// Where an image is looked at: before it is sealed, or as a node that was started from it. A node has keys,
// logs and an identity of its own, and fewer free disk blocks; the VPC CNI replaces files in /opt/cni/bin.
enum class Stage { sealed, running };

// One check for each problem, and one in state ok for each subject without problems. Throws Error (file_io).
std::vector<Check> validate_image(const Root& root, const ImageManifest& manifest, Stage stage);

struct Size {
        std::string component;
        std::uint64_t mib = 0;
        bool operator==(const Size&) const = default;
};

// What the components use on the disk of `root`, and the whole at the end.
std::vector<Size> component_sizes(const Root& root);

std::string render_validation(const std::vector<Check>& checks, const std::vector<Size>& sizes);
std::string render_validation_as_json(const std::vector<Check>& checks, const std::vector<Size>& sizes);

// The parts, each for one subject: only its problems.
std::vector<Check> check_files(const Root& root, const ImageManifest& manifest, Stage stage);
std::vector<Check> check_access(const Root& root);
std::vector<Check> check_units(const Root& root, const ImageManifest& manifest);
std::vector<Check> check_versions(const Root& root, const ImageManifest& manifest);
std::vector<Check> check_kernel(const Root& root, const ImageManifest& manifest, Stage stage);
std::vector<Check> check_leftovers(const Root& root, const ImageManifest& manifest);
std::vector<Check> check_space(const Root& root, const ImageManifest& manifest, Stage stage);

} // namespace eks
