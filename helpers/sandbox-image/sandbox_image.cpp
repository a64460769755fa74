// SPDX-License-Identifier: Apache-2.0
#include "sandbox_image.hpp"

#include <cstdlib>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"
#include "containerd_config.hpp"
#include "net/aws_call.hpp"
#include "net/credentials.hpp"
#include "net/pull.hpp"
#include "node/ecr.hpp"
#include "node/image_name.hpp"

namespace eks {

namespace {

constexpr std::optional<unsigned> default_pull_timeout = 60; // seconds; below the unit's TimeoutStartSec=

void import_from_archive(const Root& root, const std::string& image, const ImageStore& store)
{
        if (!exists(root(pause_archive)))
                throw Error(failure::sandbox_image_missing,
                        fmt::format("the sandbox image '{}' is neither in containerd nor in '{}'", image,
                                pause_archive),
                        "Put an archive of it there, or name an image that can be pulled as the sandbox "
                        "image "
                        "in containerd.config");
        store.import_archive(root(pause_archive));
        if (!store.labels(image))
                throw Error(failure::sandbox_image_missing,
                        fmt::format("'{}' was imported, but holds no image '{}'", pause_archive, image),
                        fmt::format("Make the archive with `ctr -n k8s.io images export {} {}`",
                                pause_archive, image));
}

} // namespace

SandboxImage ensure_sandbox_image(const Root& root, const std::string& image, const ImageStore& store)
{
        auto labels = store.labels(image);
        const auto* found = "present";
        if (!labels) {
                if (is_local_image(image)) {
                        import_from_archive(root, image, store);
                        found = "imported";
                } else {
                        store.pull(image);
                        found = "pulled";
                }
                labels = store.labels(image);
        }
        // containerd 1.7 and later pin it themselves when they pull it.
        const bool pinned = labels && is_pinned(*labels);
        if (!pinned)
                store.label(image, pin_key, pin_value);
        return {fmt::format("{} {} and pinned", image, found),
                std::string_view(found) != "present" || !pinned};
}

std::chrono::seconds pull_timeout()
{
        const char* text = std::getenv("EKS_IMAGE_PULL_TIMEOUT");
        const auto given =
                text != nullptr && *text != '\0' ? parse_int<unsigned>(text) : default_pull_timeout;
        if (!given || *given < 1)
                throw Error(failure::usage,
                        fmt::format("EKS_IMAGE_PULL_TIMEOUT={}: not a number of seconds", text),
                        "Give 1 or more");
        return std::chrono::seconds(*given);
}

std::optional<RegistryLogin> registry_login(const std::string& host,
        std::chrono::steady_clock::time_point deadline,
        const std::function<void(const std::string&)>& on_retry)
{
        const auto ecr = parse_ecr_host(host);
        if (!ecr)
                return std::nullopt;
        const auto left =
                std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
        const auto credentials = aws_credentials({.endpoint = imds_endpoint(), .timeout = left});
        return ecr_login(host, ecr->region,
                {.credentials = credentials,
                        .endpoint = {.fips = ecr->fips, .dual_stack = ecr->dual_stack},
                        .deadline = deadline,
                        .on_retry = on_retry});
}

void pull_sandbox_image(ContainerdClient& containerd, const std::string& image,
        const std::function<void(const std::string&)>& say)
{
        const auto limit = pull_timeout();
        const auto deadline = std::chrono::steady_clock::now() + limit;
        const auto host = parse_image_name(image).host;
        say("Pulling " + image);
        pull_image(
                containerd, image, [&] { return registry_login(host, deadline, say); }, limit, say);
}

} // namespace eks
