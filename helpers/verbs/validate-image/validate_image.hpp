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

// The controls of the image's variants, as they are in force on this machine, which has booted: the script
// of the image build looks. One check for each that is not, and one with their numbers. Throws Error
// (file_io).
std::vector<Check> check_controls(const Root& root);
std::vector<Check> checks_of_controls(std::string_view output); // of that script

// A file that was written, or got another owner or mode, since the first boot, and whose it is: eksnode's,
// the image build's, of a package, of who is known to write there, or of nobody known.
struct Change {
        std::string path;
        std::string owner;
        bool operator==(const Change&) const = default;
};

// Those in /boot, /etc, /opt and /usr, by owner. Files that were removed are not there. Throws Error
// (file_io).
std::vector<Change> changed_files(const Root& root, const ImageManifest& manifest);
std::vector<Check> checks_of_changes(const std::vector<Change>& changes);

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
