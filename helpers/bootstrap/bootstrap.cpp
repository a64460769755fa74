// SPDX-License-Identifier: Apache-2.0
#include "bootstrap.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/fd.hpp"
#include "base/fs.hpp"
#include "base/secrets.hpp"
#include "base/text.hpp"
#include "config/node_config.hpp"
#include "config/sources.hpp"

namespace eks {

namespace {

// Nitro machines say it in their DMI tables, cloud-init once it knows where it runs.
constexpr const char* instance_files[] = {
        "/sys/devices/virtual/dmi/id/board_asset_tag", "/var/lib/cloud/data/instance-id"};

std::string shown(const Json& value)
{
        return value.is_null() ? "not given" : without_secrets(shown_json(value));
}

} // namespace

std::string instance_of_machine(const Root& root)
{
        if (auto id = known_instance(root))
                return *id;
        for (const auto* file : instance_files)
                if (const std::string id(trim(read_file_if_exists(root(file)).value_or("")));
                        id.starts_with("i-"))
                        return id;
        throw Error(failure::facts_missing, "the id of this instance is not known yet",
                "Call it after eks-imds.service has run; `eksnode status` shows it");
}

Json layer_of_instance(const Root& root, std::string_view path, const std::string& instance)
{
        const auto text = read_file_if_exists(root(path), config_limit);
        if (!text || instance_of_layer(*text) != instance)
                return nullptr;
        try {
                return parse_node_toml(*text, std::string(path)).tree;
        } catch (const Error&) { // somebody edited it; the new call replaces it
                return nullptr;
        }
}

SyncLayers::~SyncLayers()
{
        for (const auto path : {edits_layer, bootstrap_layer, command_layers})
                if (const UniqueFd file(::open((*root_)(path).c_str(), O_RDONLY | O_CLOEXEC)); file)
                        ::fsync(file.get());
}

std::vector<std::string> contradictions(const Json& earlier, const Json& now)
{
        std::vector<std::string> all;
        if (!earlier.is_object())
                return all;
        const auto was = earlier.flatten();
        const auto is = now.flatten();
        const auto differ = [&](const std::string& pointer, const Json& old_value, const Json& new_value) {
                const auto key = key_path(Json::json_pointer(pointer));
                all.push_back(names_secret(key) ? fmt::format("{} is another one now", key)
                                                : fmt::format("{} was {}, and is {} now", key,
                                                          shown(old_value), shown(new_value)));
        };
        for (const auto& [pointer, value] : was.items())
                if (const auto other = is.find(pointer); other == is.end() || *other != value)
                        differ(pointer, value, other == is.end() ? Json() : *other);
        for (const auto& [pointer, value] : is.items())
                if (!was.contains(pointer))
                        differ(pointer, Json(), value);
        return all;
}

} // namespace eks
