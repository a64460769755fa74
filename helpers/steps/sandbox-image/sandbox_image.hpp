// SPDX-License-Identifier: Apache-2.0
// eks-sandbox-image: puts the pause image into containerd, and pins it against garbage collection.
// Reads: /etc/containerd/config.toml, containerd's socket, /etc/eks/pause.tar, or IMDS, ECR and a registry.
// Changes: containerd's image store. Again: an image that is present and pinned is left alone.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "base/root.hpp"
#include "net/containerd.hpp"
#include "systemd/step.hpp"

namespace eks {

// The effects of this step, as functions, so that tests need no containerd.
struct ImageStore {
        std::function<std::optional<ContainerdImage>(const std::string& name)> find;
        std::function<void(const ContainerdImage&, const std::string& key, const std::string& value)> label;
        std::function<bool(const ContainerdImage&)> unpacked; // for the configured snapshotter
        std::function<void(const std::string& archive)> import_archive;
        std::function<void(const std::string& name)> pull;
};

struct SandboxImage {
        std::string remark; // what was found or done
        bool changed;
};

// Whether this step is needed for the image that config.toml names: there is an archive, or containerd
// cannot pull it itself.
bool keeps_sandbox_image(const Root& root, const std::string& configured);

// Gets an absent image from the archive, or from its registry if the archive lacks it. The store is asked
// for its full name. Throws Error: sandbox_image_missing if it is in no registry, config_invalid if the name
// is invalid, and the errors of the store.
SandboxImage ensure_sandbox_image(const Root& root, const std::string& configured, const ImageStore& store);

// The functions for the containerd of this machine, with the snapshotter of its configuration. `timeout` is
// that of one call; the first call may have to wait for a containerd that failed and restarts itself.
ContainerdClient::Options containerd_options(const Root& root, const std::string& snapshotter,
        std::chrono::milliseconds timeout = std::chrono::seconds(10));

// Unpacking a few hundred KiB, on a disk that is busy with a first boot.
inline constexpr std::chrono::seconds import_timeout{60};

// Import with containerd's own client, which must be installed; unpacked for that snapshotter, "" for
// containerd's default. Throws Error: sandbox_image_missing, containerd_missing.
void import_archive(const std::string& archive, const std::string& snapshotter);

// How long a pull may take, its retries included: $EKS_IMAGE_PULL_TIMEOUT seconds, else 60. Throws Error
// (usage).
std::chrono::seconds pull_timeout();

// A login for a private registry of ECR, by the credentials of the environment or of the instance's role;
// nothing for any other registry. Throws Error: credentials_missing, role_missing, the IMDS client's,
// ecr_login()'s.
std::optional<RegistryLogin> registry_login(const std::string& host,
        std::chrono::steady_clock::time_point deadline,
        const std::function<void(const std::string&)>& on_retry);

// Pull with the login of its registry, within pull_timeout(). `say` gets the status texts. Throws Error:
// those of pull_image() and registry_login().
void pull_sandbox_image(ContainerdClient& containerd, const std::string& image,
        const std::function<void(const std::string&)>& say);

} // namespace eks
