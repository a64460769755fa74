// SPDX-License-Identifier: Apache-2.0
#include "steps/sandbox-image/sandbox_image.hpp"

#include <fmt/format.h>

#include "base/environment.hpp"
#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "containerd/files.hpp"
#include "containerd/image_settings.hpp"
#include "net/aws_call.hpp"
#include "net/credentials.hpp"
#include "net/pull.hpp"
#include "node/ecr.hpp"
#include "node/image_name.hpp"

namespace eks {

namespace {

// An image that came with the machine image may be unpacked for another snapshotter.
bool is_there(const std::string& name, const ImageStore& store)
{
        const auto image = store.find(name);
        return image && store.unpacked(*image);
}

void import_local(const Root& root, const std::string& image, const ImageStore& store)
{
        if (!exists(root(pause_archive)))
                throw Error(failure::sandbox_image_missing,
                        fmt::format("the sandbox image '{}' is neither in containerd, unpacked for its "
                                    "snapshotter, nor in '{}'",
                                image, pause_archive),
                        "Put an archive of it there, or name an image that can be pulled as the sandbox "
                        "image in containerd.config");

        store.import_archive(root(pause_archive));
        if (!is_there(image, store))
                throw Error(failure::sandbox_image_missing,
                        fmt::format("'{}' was imported, but holds no image '{}'", pause_archive, image),
                        fmt::format("Make the archive with `ctr -n k8s.io images export {} {}`",
                                pause_archive, image));
}

// The result for the image, as text; "" if it is left to containerd.
std::string import_or_pull(const Root& root, const std::string& image, const ImageStore& store)
{
        if (is_local_image(image)) {
                import_local(root, image, store);
                return "imported";
        }

        std::string remark = "pulled";

        if (exists(root(pause_archive))) {
                try {
                        store.import_archive(root(pause_archive));
                        if (is_there(image, store))
                                return "imported";
                } catch (const Error& e) { // its registry has it too
                        remark += fmt::format(" ({})", e.what());
                }
        }

        if (!is_node_s_image(image))
                return {};

        store.pull(image);
        return remark;
}

// Its name in containerd.
std::string stored_name(const std::string& configured)
{
        try {
                return parse_image_name(configured).text();
        } catch (const Error& e) {
                throw Error(failure::config_invalid,
                        fmt::format("{}: the sandbox image: {}", containerd_config_path, e.what()),
                        "Correct it in containerd.config or its drop-ins");
        }
}

} // namespace

// In containerd 1.x the client does the import (it reads the archive, writes blobs, unpacks), so
// containerd's own client is used. This happens once for an image, not on every boot.
void import_archive(const std::string& archive, const std::string& snapshotter)
{
        std::vector<std::string> command{"/usr/bin/ctr", "--namespace", "k8s.io", "images", "import"};
        if (!snapshotter.empty()) {
                command.insert(command.end(), {"--snapshotter", snapshotter});
                // From 1.7 on the daemon imports, and only for its own snapshotter.
                if (containerd_version(Root()) >= Version{1, 7, 0})
                        command.emplace_back("--local");
        }

        command.push_back(archive);
        const auto result = run_program(command, import_timeout);
        if (result.timed_out || result.status != 0)
                throw Error(failure::sandbox_image_missing,
                        fmt::format("`ctr images import {}` {}: {}", archive,
                                result.timed_out ? "did not end in time"
                                                 : fmt::format("ended with status {}", result.status),
                                trim(result.output)),
                        "Check that the archive is whole and that containerd's disk is not full");
}

ContainerdClient::Options containerd_options(
        const Root& root, const std::string& snapshotter, std::chrono::milliseconds timeout)
{
        return {.socket = root("/run/containerd/containerd.sock"),
                .image_service = snapshotter == "soci" ? root(soci_socket) : std::string(),
                .timeout = timeout};
}

bool keeps_sandbox_image(const Root& root, const std::string& configured)
{
        return !configured.empty() && (is_node_s_image(configured) || exists(root(pause_archive)));
}

// Some versions of containerd's CRI plugin pin the configured image themselves, in some cases: 1.6 never;
// 1.7 up to 1.7.13 when it is pulled through the CRI, but not when it is imported; from 1.7.14 on also when
// it is imported, some time after it, but not an image that the plugin knew before; 2.x only if its
// configuration gives the name in full. So the step checks it, and pins it if necessary.
SandboxImage ensure_sandbox_image(const Root& root, const std::string& configured, const ImageStore& store)
{
        const auto name = stored_name(configured);
        auto image = store.find(name);

        const bool present = image && store.unpacked(*image);
        std::string found = "present";

        if (!present) {
                found = import_or_pull(root, name, store);
                if (found.empty())
                        return {fmt::format(
                                        "'{}' does not contain '{}', and containerd pulls that when it is "
                                        "needed",
                                        pause_archive, name),
                                false};

                image = store.find(name);
                if (!image)
                        throw Error(failure::sandbox_image_missing,
                                fmt::format("containerd lost the image '{}' after it was {}", name, found),
                                "See `journalctl -u containerd`");
        }

        const bool pinned = is_pinned(image->labels);
        if (!pinned)
                store.label(*image, pin_key, pin_value);

        return {fmt::format("{} {} and pinned", name, found), !present || !pinned};
}

std::chrono::seconds pull_timeout()
{
        return environment_seconds("EKS_IMAGE_PULL_TIMEOUT", std::chrono::seconds(60));
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
