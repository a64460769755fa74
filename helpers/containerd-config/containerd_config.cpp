// SPDX-License-Identifier: Apache-2.0
#include "containerd_config.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "config/toml.hpp"

namespace eks {

namespace {

constexpr std::string_view vendor_directory = "/usr/share/eks/containerd";
constexpr const char* nvidia_runtime = "/usr/bin/nvidia-container-runtime";

using Path = std::vector<std::string>;

// Where the two schemas keep what we set.
struct Schema {
        int version;
        Path cri_containerd; // has default_runtime_name and runtimes
        Path enable_cdi;
        Path sandbox_image;
};

const Schema& schema_of(int version)
{
        static const Schema two{2, {"plugins", "io.containerd.grpc.v1.cri", "containerd"},
                {"plugins", "io.containerd.grpc.v1.cri", "enable_cdi"},
                {"plugins", "io.containerd.grpc.v1.cri", "sandbox_image"}};
        static const Schema three{3, {"plugins", "io.containerd.cri.v1.runtime", "containerd"},
                {"plugins", "io.containerd.cri.v1.runtime", "enable_cdi"},
                {"plugins", "io.containerd.cri.v1.images", "pinned_images", "sandbox"}};
        return version == 3 ? three : two;
}

Path below(Path path, std::initializer_list<const char*> names)
{
        path.insert(path.end(), names.begin(), names.end());
        return path;
}

struct UserConfig {
        const NodeSpec::Sourced* given;
        TomlDocument document;
        int schema; // 0: it has nothing that tells
};

UserConfig parse_user_config(const NodeSpec::Sourced& given)
{
        auto document = TomlDocument::parse(given.text, fmt::format("containerd.config ({})", given.source));
        const bool three = document.integer_at({"version"}) == 3 ||
                           document.contains({"plugins", "io.containerd.cri.v1.images"}) ||
                           document.contains({"plugins", "io.containerd.cri.v1.runtime"});
        const bool two = document.integer_at({"version"}) == 2 ||
                         document.contains({"plugins", "io.containerd.grpc.v1.cri"});
        if (two && three)
                throw Error(failure::config_invalid,
                        fmt::format(
                                "containerd.config ({}): settings of schema 2 and of schema 3 in one text",
                                given.source),
                        "Write 'io.containerd.cri.v1.*' with version = 3, or 'io.containerd.grpc.v1.cri' "
                        "with version = 2");
        return {&given, std::move(document), three ? 3 : two ? 2 : 0};
}

// The vendor's file names the runtime "runc"; a host with NVIDIA's runs everything through that.
void choose_runtime(TomlDocument& config, const Schema& schema, const Root& root)
{
        if (!exists(root(nvidia_runtime)))
                return;
        config.set(below(schema.cri_containerd, {"default_runtime_name"}), std::string("nvidia"));
        config.rename(below(schema.cri_containerd, {"runtimes", "runc"}), "nvidia");
        config.set(below(schema.cri_containerd, {"runtimes", "nvidia", "options", "BinaryName"}),
                std::string(nvidia_runtime));
}

std::string render_config(const NodeInputs& node)
{
        std::vector<UserConfig> users;
        for (const auto& given : node.spec.containerd_configs)
                users.push_back(parse_user_config(given));

        const bool daemon_knows_three = node.versions.containerd.major >= 2;
        const auto given_schema = [&](int schema) {
                return std::ranges::find(users, schema, &UserConfig::schema);
        };
        if (const auto three = given_schema(3); three != users.end()) {
                if (!daemon_knows_three)
                        throw Error(failure::config_invalid,
                                fmt::format("containerd.config ({}): settings of schema 3, but containerd "
                                            "{} knows "
                                            "schema 2 only",
                                        three->given->source, node.versions.containerd.text()),
                                "Write them below plugins.\"io.containerd.grpc.v1.cri\" with version = 2");
                if (const auto two = given_schema(2); two != users.end())
                        throw Error(failure::config_invalid,
                                fmt::format("containerd.config: schema 3 in {}, but schema 2 in {}",
                                        three->given->source, two->given->source),
                                "Write both in schema 3");
        }
        // containerd 2.x reads schema 2 as well and translates it when it starts.
        const auto& schema = schema_of(daemon_knows_three && given_schema(2) == users.end() ? 3 : 2);

        const auto vendor_path = fmt::format("{}/config-{}.toml", vendor_directory, schema.version);
        auto config = in_vendor_file(vendor_path,
                [&] { return TomlDocument::parse(read_file(node.root(vendor_path)), vendor_path); });
        config.set(schema.enable_cdi, node.versions.kubelet >= Version{1, 32, 0});
        choose_runtime(config, schema, node.root);
        for (const auto& user : users)
                config.merge(user.document);
        return config.text();
}

std::string render_base_runtime_spec(const NodeInputs& node)
{
        const auto path = fmt::format("{}/base-runtime-spec.json", vendor_directory);
        auto spec = in_vendor_file(path, [&] { return Json::parse(read_file(node.root(path))); });
        spec.merge_patch(node.spec.base_runtime_spec); // RFC 7386: null removes
        return spec.dump(2) + "\n";
}

} // namespace

StepPlan plan_containerd_config(const NodeInputs& node)
{
        return {.files = {{.path = std::string(containerd_config_path), .content = render_config(node)},
                        {.path = "/etc/containerd/base-runtime-spec.json",
                                .content = render_base_runtime_spec(node)}}};
}

void check_user_configs(const NodeSpec& spec)
{
        for (const auto& given : spec.containerd_configs)
                parse_user_config(given);
}

std::string sandbox_image_in(const std::string& config_toml, const std::string& source)
{
        const auto config = TomlDocument::parse(config_toml, source);
        for (const int version : {3, 2})
                if (const auto image = config.string_at(schema_of(version).sandbox_image))
                        return *image;
        return {};
}

bool is_local_image(std::string_view image)
{
        return image.starts_with("localhost/");
}

} // namespace eks
