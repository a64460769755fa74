// SPDX-License-Identifier: Apache-2.0
// containerd's image service over its socket: gRPC is HTTP/2 with a five-byte frame, which libcurl speaks,
// so the boot path starts no `ctr` (a Go program, 40 ms and more) to ask whether an image is there.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "net/http.hpp"

namespace eks {

struct ContainerdImage {
        std::string name;
        std::map<std::string, std::string> labels;
};

class ContainerdClient {
public:
        struct Options {
                std::string socket = "/run/containerd/containerd.sock";
                std::string containerd_namespace = "k8s.io"; // where the CRI plugin keeps its images
                std::chrono::milliseconds timeout{10'000};   // of one call
        };

        explicit ContainerdClient(Options options);

        // The image of that full name, or nothing. Throws Error (containerd_unreachable).
        std::optional<ContainerdImage> image(const std::string& name);

        // Add a label or change it. Throws Error (containerd_unreachable).
        void label_image(const std::string& name, const std::string& key, const std::string& value);

private:
        struct Answer {
                int status; // gRPC's: 0 is OK, 5 is NOT_FOUND
                std::string message;
        };
        Answer call(const std::string& method, const std::string& request);

        Options options_;
        HttpClient http_;
};

} // namespace eks
