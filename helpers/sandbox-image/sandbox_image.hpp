// SPDX-License-Identifier: Apache-2.0
// eks-sandbox-image: the pause image is in containerd, and pinned so that no garbage collection takes it.
// Reads: /etc/containerd/config.toml, containerd's socket, /etc/eks/pause.tar, or IMDS, ECR and a registry.
// Changes: containerd's image store. Again: an image that is present and pinned is left alone.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "base/root.hpp"
#include "net/containerd.hpp"

namespace eks {

// What this step does to the world, as values, so that it can be tried without one.
struct ImageStore {
        std::function<std::optional<ContainerdImage>(const std::string& name)> find;
        std::function<void(const ContainerdImage&, const std::string& key, const std::string& value)> label;
        std::function<bool(const ContainerdImage&)> unpacked; // as the configured snapshotter wants it
        std::function<void(const std::string& archive)> import_archive;
        std::function<void(const std::string& name)> pull;
};

struct SandboxImage {
        std::string remark; // what was found or done
        bool changed;
};

// Whether the image that config.toml names is one for this step: there is an archive, or containerd cannot
// pull it by itself.
bool keeps_sandbox_image(const Root& root, const std::string& configured);

// An image that is absent comes from the archive, and if that has not got it, from its registry. The store
// is asked for its full name. Throws Error (sandbox_image_missing) if no registry can give it,
// (config_invalid) if it cannot name an image, and what the store throws.
SandboxImage ensure_sandbox_image(const Root& root, const std::string& configured, const ImageStore& store);

// How to reach containerd, and who pulls, by the snapshotter of its configuration. `timeout` is of one call,
// the first of which may have to wait for a containerd that failed and restarts itself.
ContainerdClient::Options containerd_options(const Root& root, const std::string& snapshotter,
        std::chrono::milliseconds timeout = std::chrono::seconds(10));

// With containerd's own client, which must be there; unpacked for that snapshotter, "" for containerd's
// default. Throws Error: sandbox_image_missing, containerd_missing.
void import_archive(const std::string& archive, const std::string& snapshotter);

// How long a pull may take, its retries included: $EKS_IMAGE_PULL_TIMEOUT seconds, else 60. Throws Error
// (usage).
std::chrono::seconds pull_timeout();

// A login for a private registry of ECR, by the credentials of the environment or of the instance's role;
// nothing for any other registry. Throws Error: credentials_missing, the IMDS client's, ecr_login()'s.
std::optional<RegistryLogin> registry_login(const std::string& host,
        std::chrono::steady_clock::time_point deadline,
        const std::function<void(const std::string&)>& on_retry);

// Pull with the login of its registry, within pull_timeout(). `say` hears what is awaited. Throws Error:
// those of pull_image() and registry_login().
void pull_sandbox_image(ContainerdClient& containerd, const std::string& image,
        const std::function<void(const std::string&)>& say);

} // namespace eks
