// SPDX-License-Identifier: Apache-2.0
#include "net/containerd.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/text.hpp"
#include "net/protobuf.hpp"

namespace eks {

namespace {

constexpr int ok = 0;
constexpr int not_found = 5;
constexpr std::size_t frame_header = 5; // a flag byte and the length, big endian

// Field numbers of containerd/api/services/images/v1/images.proto.
constexpr unsigned request_name = 1;
constexpr unsigned response_image = 1;
constexpr unsigned image_name = 1;
constexpr unsigned image_labels = 2;
constexpr unsigned map_key = 1;
constexpr unsigned map_value = 2;
constexpr unsigned update_image = 1;
constexpr unsigned update_mask = 2;
constexpr unsigned mask_paths = 1;

std::string framed(const std::string& message)
{
        std::string frame(1, '\0'); // not compressed
        for (const unsigned shift : {24U, 16U, 8U, 0U})
                frame += static_cast<char>(static_cast<unsigned char>(message.size() >> shift));
        return frame + message;
}

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

} // namespace

ContainerdClient::ContainerdClient(Options options) : options_(std::move(options)) {}

ContainerdClient::Answer ContainerdClient::call(const std::string& method, const std::string& request)
{
        HttpResponse response;
        try {
                response =
                        http_.fetch({{.method = "POST",
                                            .url = "http://localhost/containerd.services.images.v1.Images/" +
                                                   method,
                                            .headers = {"Content-Type: application/grpc", "TE: trailers",
                                                    "containerd-namespace: " +
                                                            options_.containerd_namespace},
                                            .body = framed(request),
                                            .unix_socket = options_.socket,
                                            .http2 = true}},
                                     {.attempt_timeout = options_.timeout,
                                             .deadline =
                                                     std::chrono::steady_clock::now() + options_.timeout})
                                .front();
        } catch (const HttpDeadline& e) {
                unreachable(options_.socket, fmt::format("did not answer: {}", e.what()));
        }
        const auto status = parse_int<int>(response.headers["grpc-status"]);
        if (response.status != 200 || !status)
                unreachable(options_.socket,
                        fmt::format("gave an answer that is not gRPC (status {})", response.status));
        if (*status != ok && *status != not_found)
                unreachable(options_.socket, fmt::format("refused {}: {} (gRPC status {})", method,
                                                     response.headers["grpc-message"], *status));
        if (response.body.size() >= frame_header)
                response.body.erase(0, frame_header);
        return {*status, response.body};
}

std::optional<ContainerdImage> ContainerdClient::image(const std::string& name)
{
        std::string request;
        protobuf::append(request, request_name, name);
        const auto answer = call("Get", request);
        if (answer.status == not_found)
                return std::nullopt;
        ContainerdImage image;
        bool well_formed = true;
        well_formed &= protobuf::for_each(answer.message, [&](unsigned field, std::string_view value) {
                if (field != response_image)
                        return;
                well_formed &= protobuf::for_each(value, [&](unsigned inner, std::string_view content) {
                        if (inner == image_name)
                                image.name = content;
                        else if (inner == image_labels)
                                image.labels.insert(map_entry(content));
                });
        });
        if (!well_formed)
                unreachable(options_.socket, "gave an answer that is not an image");
        return image;
}

void ContainerdClient::label_image(const std::string& name, const std::string& key, const std::string& value)
{
        std::string label;
        protobuf::append(label, map_key, key);
        protobuf::append(label, map_value, value);
        std::string image;
        protobuf::append(image, image_name, name);
        protobuf::append(image, image_labels, label);
        std::string mask;
        protobuf::append(mask, mask_paths, "labels." + key);
        std::string request;
        protobuf::append(request, update_image, image);
        protobuf::append(request, update_mask, mask);
        if (call("Update", request).status == not_found)
                unreachable(options_.socket, fmt::format("has lost the image '{}'", name));
}

} // namespace eks
