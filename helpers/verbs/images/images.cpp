// SPDX-License-Identifier: Apache-2.0
#include "verbs/images/images.hpp"

#include <algorithm>
#include <sys/stat.h>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "net/aws_call.hpp"
#include "net/credentials.hpp"
#include "net/pull.hpp"
#include "steps/sandbox-image/sandbox_image.hpp"

namespace eks {

namespace {

using namespace std::chrono_literals;

constexpr auto image_timeout = 10min; // of one image; large ones take their time
constexpr auto aws_timeout = 60s;

constexpr std::string_view build_mark = "-eksbuild.";
constexpr std::string_view minimal_mark = "-minimal";
constexpr Version minimal_since{1, 24, 0}; // there are no minimal images of kube-proxy before

struct Verb {
        std::string_view name;
        bool takes_images;
        std::vector<std::string_view> options = {};
};

const std::vector<Verb>& verbs()
{
        static const std::vector<Verb> verbs{
                {"cache", false, {"addons", "dry-run", "dualstack", "fips", "kubernetes-version", "region"}},
                {"list", false}, {"pin", true}, {"pull", true, {"login", "pin"}},
                {"registry", false, {"dualstack", "fips", "region"}}};
        return verbs;
}

} // namespace

ImagesCommand images_command(const Arguments& arguments)
{
        auto images = arguments.positional();
        if (images.empty())
                throw Error(failure::usage, "no command was given", "See --help");

        const auto name = images.front();
        images.erase(images.begin());

        const auto verb = std::ranges::find(verbs(), name, &Verb::name);
        if (verb == verbs().end())
                throw Error(failure::usage, fmt::format("unknown argument '{}'", name), "See --help");

        for (const auto& option : arguments.names())
                if (option != "root" && std::ranges::find(verb->options, option) == verb->options.end())
                        throw Error(failure::usage, fmt::format("{}: unknown option '--{}'", name, option),
                                "See --help");

        if (verb->takes_images && images.empty())
                throw Error(failure::usage, fmt::format("{}: no image was given", name), "See --help");
        if (!verb->takes_images && !images.empty())
                throw Error(failure::usage, fmt::format("{}: unknown argument '{}'", name, images.front()),
                        "See --help");

        return {name, images};
}

std::string registry_host(
        const EcrRegistry& registry, const Arguments& arguments, bool fips_kernel, const Resolver& resolver)
{
        const bool fips = arguments.has("fips");
        const bool dual_stack = arguments.has("dualstack");

        const auto host = ecr_host(registry, fips, dual_stack);
        if (!host)
                throw Error(failure::usage,
                        fmt::format("the registries of partition '{}' have no dual-stack names",
                                registry.partition),
                        "Leave --dualstack out");
        if (fips || !fips_kernel)
                return *host;

        const auto of_fips = ecr_host(registry, true, dual_stack);
        return of_fips && resolver(*of_fips) ? *of_fips : *host;
}

std::string AddonVersion::text() const
{
        return fmt::format("v{}{}{}", version.text(), build_mark, build);
}

std::string AddonVersion::minimal() const
{
        return fmt::format("v{}{}{}{}", version.text(), minimal_mark, build_mark, build);
}

std::optional<AddonVersion> parse_addon_version(std::string_view text)
{
        const auto mark = text.find(build_mark);
        if (mark == text.npos)
                return std::nullopt;

        const auto version = find_version(text.substr(0, mark));
        const auto build = parse_int<unsigned>(text.substr(mark + build_mark.size()));
        if (!version || !build || text.substr(0, mark) != "v" + version->text())
                return std::nullopt;

        return AddonVersion{*version, *build};
}

Addon parse_addon(const Json& answer, std::string_view name, std::string_view kubernetes)
{
        Addon addon;
        in_context("the answer of EKS DescribeAddonVersions", failure::aws_answer, [&] {
                for (const auto& info : answer.at("addons")) {
                        if (info.at("addonName") != name)
                                continue;
                        for (const auto& offer : info.at("addonVersions")) {
                                const auto version =
                                        parse_addon_version(offer.at("addonVersion").get<std::string>());
                                if (!version)
                                        continue; // a form of version that is newer than this program

                                for (const auto& fit : offer.at("compatibilities")) {
                                        if (fit.at("clusterVersion") != kubernetes)
                                                continue;
                                        addon.latest = std::max(addon.latest.value_or(*version), *version);
                                        if (!addon.preferred && fit.value("defaultVersion", false))
                                                addon.preferred = version;
                                }
                        }
                }
        });

        if (!addon.latest)
                throw Error(failure::image_absent,
                        fmt::format("EKS offers no version of the add-on '{}' for Kubernetes {}", name,
                                kubernetes),
                        "Check --kubernetes-version, and the answers in --addons if they are given");

        return addon;
}

std::vector<std::string> cached_images(
        const Version& kubernetes, const Addon& kube_proxy, const Addon& vpc_cni)
{
        std::vector<std::string> paths;
        const auto add = [&](std::string path) {
                if (std::ranges::find(paths, path) == paths.end())
                        paths.push_back(std::move(path));
        };

        add(fmt::format("eks/pause:{}", pause_tag));
        for (const auto& version : {kube_proxy.preferred, kube_proxy.latest})
                if (version)
                        add("eks/kube-proxy:" + version->text());

        if (kubernetes >= minimal_since)
                for (const auto& version : {kube_proxy.preferred, kube_proxy.latest})
                        if (version)
                                add("eks/kube-proxy:" + version->minimal());

        for (const auto& version : {vpc_cni.preferred, vpc_cni.latest})
                if (version) {
                        add("amazon-k8s-cni:" + version->text());
                        add("amazon-k8s-cni-init:" + version->text());
                }

        return paths;
}

std::vector<std::string> aliases(const std::vector<EcrRegistry>& table, const std::string& partition,
        const std::string& host, const std::string& path)
{
        std::vector<std::string> paths{path};
        if (const auto first_build = fmt::format("{}1", build_mark);
                path.starts_with("amazon-k8s-cni") && path.ends_with(first_build))
                paths.push_back(path.substr(0, path.size() - first_build.size()));
        std::vector<std::string> names;

        for (const auto& registry : table) {
                if (registry.partition != partition)
                        continue;
                for (const bool fips : {false, true})
                        if (!fips || registry.fips)
                                for (const auto& each : paths)
                                        names.push_back(*ecr_host(registry, fips, false) + "/" + each);
        }

        std::erase(names, host + "/" + path);
        return names;
}

std::string earlier_build(const std::string& path)
{
        const auto mark = path.rfind(build_mark);
        if (mark == path.npos)
                return {};
        const auto build = parse_int<unsigned>(std::string_view(path).substr(mark + build_mark.size()));
        return build && *build > 1 ? fmt::format("{}{}{}", path.substr(0, mark), build_mark, *build - 1)
                                   : std::string();
}

RegistryLogin read_login(const std::string& file, const std::string& host)
{
        struct stat st {};
        if (::stat(file.c_str(), &st) == 0 && (st.st_mode & (S_IRGRP | S_IROTH)) != 0)
                throw Error(failure::config_invalid,
                        fmt::format("'{}': users other than its owner can read this login", file),
                        fmt::format("chmod 600 {}", file));

        const auto text = read_file(file);
        const auto login = trim(text);
        const auto colon = login.find(':');
        if (colon == 0 || colon == login.npos || has_control_characters(login))
                throw Error(failure::config_invalid, fmt::format("'{}' holds no login", file),
                        "Write USER:PASSWORD into it, on one line");

        return {.server = "https://" + host,
                .user = std::string(login.substr(0, colon)),
                .password = std::string(login.substr(colon + 1))};
}

Addon ask_for_addon(
        const std::string& region, const std::string& name, const std::string& kubernetes, const Say& say)
{
        const auto body = aws_call("eks", region,
                {.host = {},
                        .path = "/addons/supported-versions",
                        .query = {{"addonName", name}, {"kubernetesVersion", kubernetes}},
                        .headers = {},
                        .body = {}},
                {.credentials = aws_credentials({.endpoint = imds_endpoint(), .timeout = aws_timeout}),
                        .endpoint = endpoint_kind_from_environment(),
                        .deadline = std::chrono::steady_clock::now() + aws_timeout,
                        .on_retry = say});
        const auto answer = in_context("the answer of EKS DescribeAddonVersions", failure::aws_answer,
                [&] { return parse_json(body); });

        return parse_addon(answer, name, kubernetes);
}

void pin_image(ContainerdClient& containerd, const std::string& name)
{
        const auto image = containerd.image(name);
        if (!image)
                throw Error(failure::image_absent, fmt::format("containerd has no image '{}'", name),
                        "See `eksnode images list`; `eksnode images pull` gets one");
        if (!is_pinned(image->labels))
                containerd.label_image(*image, pin_key, pin_value);
}

void pull_one(ContainerdClient& containerd, const ImageName& name,
        const std::optional<std::string>& login_file, const Say& say)
{
        const auto deadline = std::chrono::steady_clock::now() + image_timeout;
        const auto login = [&] {
                return login_file ? std::optional(read_login(*login_file, name.host))
                                  : registry_login(name.host, deadline, say);
        };
        pull_image(containerd, name.text(), login, image_timeout, say);
}

// Builds are not copied to all regions at once, so an earlier one is used.
std::string pull_some_build(
        ContainerdClient& containerd, const std::string& host, std::string path, const Say& say)
{
        for (;;)
                try {
                        pull_one(containerd, parse_image_name(host + "/" + path), std::nullopt, say);
                        return path;
                } catch (const Error& e) {
                        const auto earlier = earlier_build(path);
                        if (e.failure().name != failure::image_absent.name || earlier.empty())
                                throw;
                        say(fmt::format("{}, using the previous build", e.what()));
                        path = earlier;
                }
}

} // namespace eks
