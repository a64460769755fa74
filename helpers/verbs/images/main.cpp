// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <cstdlib>
#include <unistd.h>

#include <fmt/format.h>

#include "base/arguments.hpp"
#include "base/command_line.hpp"
#include "base/environment.hpp"
#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/json.hpp"
#include "containerd/files.hpp"
#include "containerd/image_settings.hpp"
#include "net/pull.hpp"
#include "node/image_name.hpp"
#include "node/node.hpp"
#include "node/proxy.hpp"
#include "steps/sandbox-image/sandbox_image.hpp"
#include "verbs/images/images.hpp"

namespace {

using namespace eks;

constexpr auto usage =
        "usage: eksnode images registry [--region R] [--fips] [--dualstack]\n"
        "       eksnode images list\n"
        "       eksnode images pin IMAGE...\n"
        "       eksnode images pull [--pin] [--login FILE] IMAGE...\n"
        "       eksnode images cache --kubernetes-version V [--region R] [--fips] [--dualstack]\n"
        "                            [--addons FILE] [--dry-run]\n"
        "\n"
        "The registries of EKS, and the images of this node.\n"
        "\n"
        "  registry       the registry that EKS keeps a region's images in\n"
        "    --region R   (default: the region of this node, from /run/eks/imds.json)\n"
        "    --fips       its FIPS name (default: if the kernel is in FIPS mode and that name resolves)\n"
        "    --dualstack  the name that has IPv6 addresses too\n"
        "  list           the images that kubelet and pods see\n"
        "  pin            keep images from garbage collection\n"
        "  pull           pull images as kubelet does\n"
        "    --login F    a file that holds USER:PASSWORD for their registry\n"
        "    --pin        and pin them\n"
        "  cache          pull and pin what a node of a version of Kubernetes starts with, under the\n"
        "                 names it has in every region; --region, --fips and --dualstack as above\n"
        "    --addons F   JSON: the answers of EKS DescribeAddonVersions, by add-on (default: EKS is "
        "asked)\n"
        "    --dry-run    print the names instead\n"
        "  --root DIR     prefix of every path that is read\n"
        "\n"
        "Exit status: 0; 1 a file is missing or broken; 2 usage; 69 containerd or a registry refused\n"
        "or cannot be reached; see eksnode-images(1).\n";

std::string region(const Arguments& arguments, const Root& root)
{
        if (const auto given = arguments.last("region"))
                return *given;
        return require(instance_facts(load_imds(root)).region, "region");
}

void say(const std::string& text)
{
        fmt::print(stderr, "eksnode images: {}\n", text);
}

std::string host_of(const EcrRegistry& registry, const Arguments& arguments, const Root& root)
{
        if (arguments.has("fips") && !registry.fips)
                say(fmt::format("no FIPS name is known in '{}', so this one may not exist, proceeding",
                        registry.region));

        auto host = registry_host(registry, arguments, fips_kernel(root), resolves);
        debug(fmt::format("the registry of the region {} is {}; the kernel is {}in FIPS mode",
                registry.region, host, fips_kernel(root) ? "" : "not "));
        return host;
}

int print_registry(const Arguments& arguments, const Root& root)
{
        const auto registry = ecr_registry(root, region(arguments, root));
        fmt::print("{}\n", host_of(registry, arguments, root));
        return 0;
}

int list(ContainerdClient& containerd)
{
        fmt::print("NAME\tDIGEST\tPINNED\n");
        for (const auto& image : containerd.images())
                fmt::print("{}\t{}\t{}\n", image.name, image.digest, is_pinned(image.labels) ? "yes" : "no");
        return 0;
}

int pull(const Arguments& arguments, ContainerdClient& containerd, const std::vector<ImageName>& names)
{
        for (const auto& name : names) {
                pull_one(containerd, name, arguments.last("login"), say);
                if (arguments.has("pin"))
                        pin_image(containerd, name.text());
                fmt::print("{}\n", name.text());
        }
        return 0;
}

// The proxy of this node, if we may read it: in the files of eks-environment, the more special first.
void use_environment_of_node(const Root& root)
{
        for (const auto* name : {"eks-sandbox-image", "default"}) {
                const auto path = root(std::string("/run/eks/environment/") + name);
                if (::access(path.c_str(), R_OK) != 0)
                        continue;
                for (const auto& [variable, value] : parse_environment_file(read_file(path)))
                        ::setenv(variable.c_str(), value.c_str(), 0);
        }
        use_missing_no_proxy();
}

Addon addon(const Arguments& arguments, const std::string& region, const std::string& name,
        const std::string& kubernetes)
{
        if (const auto file = arguments.last("addons"))
                return in_context(*file, failure::aws_answer, [&] {
                        return parse_addon(parse_json(read_file(*file)).at(name), name, kubernetes);
                });
        return ask_for_addon(region, name, kubernetes, say);
}

int cache(const Arguments& arguments, const Root& root, ContainerdClient& containerd)
{
        const auto given = arguments.last("kubernetes-version").value_or("");
        const auto version = find_version(given);
        if (!version)
                throw Error(failure::usage, fmt::format("--kubernetes-version '{}': not a version", given),
                        "Give one such as 1.34");

        const auto kubernetes = fmt::format("{}.{}", version->major, version->minor);
        const auto registry = ecr_registry(root, region(arguments, root));
        const auto table = ecr_registries(root);

        const auto host = host_of(registry, arguments, root);

        const auto kube_proxy = addon(arguments, registry.region, "kube-proxy", kubernetes);
        const auto vpc_cni = addon(arguments, registry.region, "vpc-cni", kubernetes);
        for (auto path : cached_images(*version, kube_proxy, vpc_cni)) {
                const bool dry_run = arguments.has("dry-run");
                if (!dry_run)
                        path = pull_some_build(containerd, host, path, say);
                const auto name = host + "/" + path;
                fmt::print("{}\n", name);

                if (!dry_run)
                        pin_image(containerd, name);
                const auto image = dry_run ? std::nullopt : containerd.image(name);

                for (const auto& alias : aliases(table, registry.partition, host, path)) {
                        if (image)
                                containerd.alias_image(*image, alias);
                        fmt::print("{}\t{}\n", alias, name);
                }
        }

        return 0;
}

int images(const Arguments& arguments)
{
        const auto root = arguments.root();
        const auto command = images_command(arguments);

        const auto& verb = command.verb;
        if (verb == "registry")
                return print_registry(arguments, root);

        std::vector<ImageName> names; // all of them, before the first is touched
        for (const auto& image : command.images)
                names.push_back(parse_image_name(image));
        use_environment_of_node(root);
        const auto config = read_file_if_exists(root(containerd_config_path));

        ContainerdClient containerd(containerd_options(
                root, config ? snapshotter_in(*config, std::string(containerd_config_path)) : ""));
        if (verb == "list")
                return list(containerd);
        if (verb == "pull")
                return pull(arguments, containerd, names);
        if (verb == "cache")
                return cache(arguments, root, containerd);

        for (const auto& name : names)
                pin_image(containerd, name.text());

        return 0;
}

} // namespace

int main(int argc, char** argv)
{
        return run_verb("images", usage, argc, argv, [&] {
                return images(Arguments::parse(argc, argv,
                        {"region=", "fips", "dualstack", "login=", "pin",
                                "kubernetes-version=", "addons=", "dry-run", "root="}));
        });
}
