// SPDX-License-Identifier: Apache-2.0
#include "net/containerd.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/text.hpp"
#include "net/protobuf.hpp"

namespace eks {

namespace {

constexpr int ok = 0;
constexpr int invalid_argument = 3;
constexpr int not_found = 5;
constexpr int already_exists = 6;
constexpr int unauthenticated = 16;

// Field numbers of containerd/api/services/images/v1/images.proto.
constexpr unsigned request_name = 1;
constexpr unsigned response_image = 1;
constexpr unsigned image_name = 1;
constexpr unsigned image_labels = 2;
constexpr unsigned image_target = 3;
constexpr unsigned descriptor_digest = 2;
constexpr unsigned created_image = 1;
constexpr unsigned map_key = 1;
constexpr unsigned map_value = 2;
constexpr unsigned update_image = 1;
constexpr unsigned update_mask = 2;
constexpr unsigned mask_paths = 1;

// And of the CRI's runtime/v1/api.proto.
constexpr unsigned pull_image_spec = 1;
constexpr unsigned pull_auth = 2;
constexpr unsigned image_spec_image = 1;
constexpr unsigned auth_user = 1;
constexpr unsigned auth_password = 2;
constexpr unsigned auth_auth = 3;
constexpr unsigned auth_server = 4;

// And of services/content/v1/content.proto and services/snapshots/v1/snapshots.proto.
constexpr unsigned info_digest = 1;
constexpr unsigned response_info = 1;
constexpr unsigned info_labels = 5;
constexpr unsigned stat_snapshotter = 1;
constexpr unsigned stat_key = 2;

const std::string images_service = "images.v1.Images/";

// The references for containerd's garbage collector, written by the client that unpacks an image.
constexpr std::string_view to_content = "containerd.io/gc.ref.content.";
constexpr std::string_view to_layer = "containerd.io/gc.ref.content.l.";
constexpr std::string_view to_snapshot = "containerd.io/gc.ref.snapshot.";
constexpr std::size_t most_content = 64; // an index of platforms, and their configurations

constexpr std::size_t answer_limit = 16U << 20U; // bytes; a list of some ten thousand images

[[noreturn]] void unreachable(const std::string& socket, std::string_view what)
{
        throw Error(failure::containerd_unreachable, fmt::format("containerd at '{}' {}", socket, what),
                "See `systemctl status containerd` and `journalctl -u containerd`");
}

std::pair<std::string, std::string> map_entry(std::string_view bytes)
{
        std::pair<std::string, std::string> entry;
        protobuf::for_each(bytes, [&](unsigned field, std::string_view value) {
                if (field == map_key)
                        entry.first = value;
                else if (field == map_value)
                        entry.second = value;
        });

        return entry;
}

std::optional<ContainerdImage> parse_image(std::string_view bytes)
{
        ContainerdImage image{.record = std::string(bytes)};
        std::string_view target;
        bool well_formed = protobuf::for_each(bytes, [&](unsigned field, std::string_view value) {
                if (field == image_name)
                        image.name = value;
                else if (field == image_labels)
                        image.labels.insert(map_entry(value));
                else if (field == image_target)
                        target = value;
        });

        well_formed &= protobuf::for_each(target, [&](unsigned field, std::string_view value) {
                if (field == descriptor_digest)
                        image.digest = value;
        });

        return well_formed ? std::optional(image) : std::nullopt;
}

// The registry's error is only available as text: containerd 1.6 has no code for it.
bool says_unauthorized(std::string_view text)
{
        for (const auto* word : {"401 Unauthorized", "403 Forbidden", "authorization failed",
                     "insufficient_scope", "no basic auth credentials"})
                if (text.find(word) != text.npos)
                        return true;
        return false;
}

} // namespace

ContainerdClient::ContainerdClient(Options options) : options_(std::move(options)) {}

GrpcReply ContainerdClient::ask(const std::string& socket, const std::string& method,
        const std::string& request, std::chrono::milliseconds limit)
{
        return grpc_call({.socket = socket,
                                 .method = method,
                                 .metadata = {{"containerd-namespace", options_.containerd_namespace}},
                                 .message = request,
                                 .answer_limit = answer_limit},
                std::chrono::steady_clock::now() + limit);
}

GrpcReply ContainerdClient::call(
        const std::string& method, const std::string& request, std::initializer_list<int> expected)
{
        GrpcReply answer;
        try {
                answer = ask(options_.socket, "containerd.services." + method, request, options_.timeout);
        } catch (const GrpcError& e) {
                unreachable(options_.socket, e.what());
        }

        if (answer.status != ok && std::ranges::find(expected, answer.status) == expected.end())
                unreachable(options_.socket,
                        fmt::format("refused {}: {} (gRPC status {})", method.substr(method.rfind('/') + 1),
                                answer.text, answer.status));

        return answer;
}

std::optional<ContainerdImage> ContainerdClient::image(const std::string& name)
{
        std::string request;
        protobuf::append(request, request_name, name);

        const auto answer = call(images_service + "Get", request, {not_found});
        if (answer.status == not_found)
                return std::nullopt;

        std::optional<ContainerdImage> image = ContainerdImage{};
        const bool well_formed =
                protobuf::for_each(answer.message, [&](unsigned field, std::string_view value) {
                        if (field == response_image)
                                image = parse_image(value);
                });

        if (!well_formed || !image)
                unreachable(options_.socket, "gave an answer that is not an image");

        return image;
}

std::vector<ContainerdImage> ContainerdClient::images()
{
        const auto answer = call(images_service + "List", {}, {});
        std::vector<ContainerdImage> all;
        bool well_formed = true;
        well_formed &= protobuf::for_each(answer.message, [&](unsigned field, std::string_view value) {
                if (field != response_image)
                        return;
                const auto image = parse_image(value);
                well_formed &= image.has_value();
                all.push_back(image.value_or(ContainerdImage{}));
        });

        if (!well_formed)
                unreachable(options_.socket, "gave an answer that is not a list of images");
        std::ranges::sort(all, {}, &ContainerdImage::name);

        return all;
}

// The whole image is sent, as by containerd's own clients, because 1.7 and later read its target without
// checking that it exists, even with a mask, and crash. In the wire format, appended fields override earlier
// ones.
void ContainerdClient::label_image(
        const ContainerdImage& image, const std::string& key, const std::string& value)
{
        std::string label;
        protobuf::append(label, map_key, key);
        protobuf::append(label, map_value, value);
        std::string labelled = image.record;
        protobuf::append(labelled, image_labels, label);
        std::string mask;
        protobuf::append(mask, mask_paths, "labels." + key);
        std::string request;
        protobuf::append(request, update_image, labelled);
        protobuf::append(request, update_mask, mask);

        if (call(images_service + "Update", request, {not_found}).status == not_found)
                unreachable(options_.socket, fmt::format("has lost the image '{}'", image.name));
}

void ContainerdClient::alias_image(const ContainerdImage& image, const std::string& name)
{
        std::string alias = image.record;
        protobuf::append(alias, image_name, name);
        std::string request;
        protobuf::append(request, created_image, alias);

        if (call(images_service + "Create", request, {already_exists}).status == ok)
                return;

        std::string update;
        protobuf::append(update, update_image, alias);
        call(images_service + "Update", update, {}); // without a mask: all of it
}

std::map<std::string, std::string> ContainerdClient::content_labels(const std::string& digest)
{
        std::string request;
        protobuf::append(request, info_digest, digest);
        const auto answer = call("content.v1.Content/Info", request, {not_found});
        std::map<std::string, std::string> labels;
        bool well_formed = true;
        well_formed &= protobuf::for_each(answer.message, [&](unsigned field, std::string_view info) {
                if (field == response_info)
                        well_formed &= protobuf::for_each(info, [&](unsigned part, std::string_view value) {
                                if (part == info_labels)
                                        labels.insert(map_entry(value));
                        });
        });

        if (!well_formed)
                unreachable(options_.socket, "gave an answer that is not about content");

        return labels;
}

// An index refers to manifests, a manifest to a configuration, and an unpacked configuration to a snapshot.
bool ContainerdClient::is_unpacked(const ContainerdImage& image, const std::string& snapshotter)
{
        std::vector<std::string> digests{image.digest};
        for (std::size_t i = 0; i < digests.size() && i < most_content; ++i)
                for (const auto& [key, value] : content_labels(digests[i])) {
                        if (key == std::string(to_snapshot) + snapshotter) {
                                std::string request;
                                protobuf::append(request, stat_snapshotter, snapshotter);
                                protobuf::append(request, stat_key, value);
                                if (call("snapshots.v1.Snapshots/Stat", request, {not_found}).status == ok)
                                        return true;
                        } else if (key.starts_with(to_content) && !key.starts_with(to_layer)) {
                                digests.push_back(value);
                        }
                }

        return false;
}

Pull ContainerdClient::pull_image(
        const std::string& name, const std::optional<RegistryLogin>& login, std::chrono::milliseconds limit)
{
        std::string spec;
        protobuf::append(spec, image_spec_image, name);
        std::string request;
        protobuf::append(request, pull_image_spec, spec);

        if (login) {
                std::string auth;
                for (const auto& [field, value] :
                        {std::pair(auth_user, login->user), {auth_password, login->password},
                                {auth_auth, login->auth}, {auth_server, login->server}})
                        if (!value.empty())
                                protobuf::append(auth, field, value);
                protobuf::append(request, pull_auth, auth);
        }

        GrpcReply answer;
        try {
                answer = ask(options_.image_service.empty() ? options_.socket : options_.image_service,
                        "runtime.v1.ImageService/PullImage", request, limit);
        } catch (const GrpcError&) {
                return {Pull::Outcome::failed, "the pull did not end in time"};
        }

        if (answer.status == ok)
                return {};
        if (answer.status == not_found)
                return {Pull::Outcome::absent, answer.text};
        if (answer.status == invalid_argument)
                return {Pull::Outcome::invalid, answer.text};
        if (answer.status == unauthenticated || says_unauthorized(answer.text))
                return {Pull::Outcome::unauthorized, answer.text};

        return {Pull::Outcome::failed, answer.text};
}

} // namespace eks
