// SPDX-License-Identifier: Apache-2.0
// containerd over its socket: its own image service, and that of the CRI, which kubelet uses to pull images.
// So the boot path need not run `ctr` (a Go program, 40 ms and more) to look for an image, and no credential
// appears on a command line.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "net/grpc.hpp"

namespace eks {

struct ContainerdImage {
        std::string name;
        std::map<std::string, std::string> labels = {};
        std::string digest = {}; // "sha256:…", of the manifest or index
        std::string record = {}; // all of it, as containerd wrote it
};

// The login for one registry.
struct RegistryLogin {
        std::string server;    // "https://HOST": containerd shows these credentials to no other
        std::string auth = {}; // base64 of "user:password", or instead
        std::string user = {};
        std::string password = {};
};

// The result of a pull.
struct Pull {
        enum class Outcome {
                done,
                absent,       // the registry has no such image
                invalid,      // the name is not valid for an image
                unauthorized, // it requires other credentials
                failed,       // any other failure, for which another attempt may succeed
        };
        Outcome outcome = Outcome::done;
        std::string reason = {}; // in containerd's words
};

class ContainerdClient {
public:
        struct Options {
                std::string socket = "/run/containerd/containerd.sock";
                std::string image_service = {};              // the socket of the CRI, if it is another one
                std::string containerd_namespace = "k8s.io"; // the namespace of the CRI plugin's images
                std::chrono::milliseconds timeout{10'000};   // of one call
        };

        explicit ContainerdClient(Options options);

        // The image of that full name, or nothing. Throws Error (containerd_unreachable), as all of these
        // do.
        std::optional<ContainerdImage> image(const std::string& name);

        // All of them, sorted by name.
        std::vector<ContainerdImage> images();

        // Add a label to an image that image() or images() gave, or change it. Nothing else is changed, even
        // if the image has changed in the meantime.
        void label_image(const ContainerdImage& image, const std::string& key, const std::string& value);

        // Another name for an image; an image that has the name loses it.
        void alias_image(const ContainerdImage& image, const std::string& name);

        // Whether that snapshotter has the image's layers, for the platform that was unpacked. Without them
        // the CRI plugin considers the image absent.
        bool is_unpacked(const ContainerdImage& image, const std::string& snapshotter);

        // Have the CRI plugin pull an image and unpack it, as kubelet does; works on containerd 1.6 and 2.x.
        // Waits as long as `limit`.
        Pull pull_image(const std::string& name, const std::optional<RegistryLogin>& login,
                std::chrono::milliseconds limit);

private:
        // Throws GrpcError.
        GrpcReply ask(const std::string& socket, const std::string& method, const std::string& request,
                std::chrono::milliseconds limit);
        // The same of a service of containerd's own; any status but OK and these is an Error.
        GrpcReply call(
                const std::string& method, const std::string& request, std::initializer_list<int> expected);
        std::map<std::string, std::string> content_labels(const std::string& digest);

        Options options_;
};

} // namespace eks
