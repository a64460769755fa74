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

// The parsed command line.
struct ImagesCommand {
        std::string verb;
        std::vector<std::string> images;
};

// Throws Error (usage) for an unknown verb, for missing or unexpected images, and for an option of another
// verb.
ImagesCommand images_command(const Arguments& arguments);

// The name of a registry: FIPS and dual-stack as asked for; else the FIPS name if the kernel is in FIPS mode
// and that name resolves. Throws Error (usage) if the partition has no dual-stack names.
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

// The versions of an add-on that EKS offers.
struct Addon {
        std::optional<AddonVersion> preferred; // the default of a cluster of that version
        std::optional<AddonVersion> latest;
};

// One add-on in an answer of EKS DescribeAddonVersions. Throws Error: image_absent if it has no version for
// that version of Kubernetes ("1.34"), aws_answer if it is not such an answer.
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

// The same path with the previous build, which may exist in regions without this one; "" if there is none.
std::string earlier_build(const std::string& path);

// A login from a file that holds USER:PASSWORD. Throws Error (file_io), and (config_invalid) for a file that
// other users may read, or that holds no login.
RegistryLogin read_login(const std::string& file, const std::string& host);

// The following functions call AWS, containerd and registries, with retries, and throw their errors.
using Say = std::function<void(const std::string&)>;

// EKS DescribeAddonVersions.
Addon ask_for_addon(
        const std::string& region, const std::string& name, const std::string& kubernetes, const Say& say);

// Throws Error (image_absent) if containerd has no such image.
void pin_image(ContainerdClient& containerd, const std::string& name);

// With the login in the file, else with ECR's if it is a registry of ECR.
void pull_one(ContainerdClient& containerd, const ImageName& name,
        const std::optional<std::string>& login_file, const Say& say);

// Pull that path, or the previous build if the registry lacks it, and so on. Returns the path that was
// pulled.
std::string pull_some_build(
        ContainerdClient& containerd, const std::string& host, std::string path, const Say& say);

} // namespace eks
