// SPDX-License-Identifier: Apache-2.0
// eksnode images: which images a node image should carry, and under which names.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/arguments.hpp"
#include "document/layer.hpp"
#include "net/containerd.hpp"
#include "node/ecr.hpp"
#include "node/image_name.hpp"
#include "node/version.hpp"

namespace eks {

// What the command line asks for.
struct ImagesCommand {
        std::string verb;
        std::vector<std::string> images;
};

// Throws Error (usage) for an unknown verb, for images where none are taken or none where some are, and for
// an option that is another verb's.
ImagesCommand images_command(const Arguments& arguments);

// The name of a registry: FIPS and dual-stack as asked for; else the FIPS name if the kernel is in FIPS mode
// and that name resolves. Throws Error (usage) for a dual-stack name where there is none.
std::string registry_host(
        const EcrRegistry& registry, const Arguments& arguments, bool fips_kernel, const Resolver& resolver);

// "v1.34.1-eksbuild.2"
struct AddonVersion {
        Version version;
        unsigned build = 0;

        auto operator<=>(const AddonVersion&) const = default;
        std::string text() const;
        std::string minimal() const; // "v1.34.1-minimal-eksbuild.2"
};
std::optional<AddonVersion> parse_addon_version(std::string_view text);

// What EKS offers of an add-on.
struct Addon {
        std::optional<AddonVersion> preferred; // what a cluster of that version gets
        std::optional<AddonVersion> latest;
};

// The answer of EKS DescribeAddonVersions, for one add-on of those that are in it. Throws Error
// (image_absent) if it offers none for that version of Kubernetes, "1.34", (aws_answer) if it is not such an
// answer.
Addon parse_addon(const Json& answer, std::string_view name, std::string_view kubernetes);

// What a node of that version of Kubernetes starts with, as paths in a registry of EKS: pause; kube-proxy,
// preferred and latest, from 1.24 minimal too; the VPC CNI and its init container, preferred and latest.
// Each once.
std::vector<std::string> cached_images(
        const Version& kubernetes, const Addon& kube_proxy, const Addon& vpc_cni);

// Every name such an image has in the registries of the same partition, FIPS names included, other than
// HOST/PATH itself. An image of the CNI whose version ends in -eksbuild.1 is known without that suffix too.
std::vector<std::string> aliases(const std::vector<EcrRegistry>& table, const std::string& partition,
        const std::string& host, const std::string& path);

// The same path with the build before it, which may exist where this one does not; "" if there is none.
std::string earlier_build(const std::string& path);

// A login from a file that holds USER:PASSWORD. Throws Error (file_io), and (config_invalid) for a file that
// anybody may read or that holds none.
RegistryLogin read_login(const std::string& file, const std::string& host);

// The rest talks to AWS, containerd and registries, with retry. Each throws what those throw.
using Say = std::function<void(const std::string&)>;

// EKS DescribeAddonVersions.
Addon ask_for_addon(
        const std::string& region, const std::string& name, const std::string& kubernetes, const Say& say);

// Throws Error (image_absent) if containerd has no such image.
void pin_image(ContainerdClient& containerd, const std::string& name);

// With the login in the file, else with that of the registry if it is one of ECR.
void pull_one(ContainerdClient& containerd, const ImageName& name,
        const std::optional<std::string>& login_file, const Say& say);

// Pull that path, or the build before it if the registry has not got it, and so on; returns what was pulled.
std::string pull_some_build(
        ContainerdClient& containerd, const std::string& host, std::string path, const Say& say);

} // namespace eks
