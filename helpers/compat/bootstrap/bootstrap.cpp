// SPDX-License-Identifier: Apache-2.0
#include "compat/bootstrap/bootstrap.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/secrets.hpp"
#include "base/text.hpp"
#include "config/node_config.hpp"
#include "config/sources.hpp"
#include "systemd/node_decision.hpp"

namespace eks {

namespace {

// Nitro machines have it in their DMI tables, cloud-init writes it once it knows its platform.
constexpr const char* instance_files[] = {
        "/sys/devices/virtual/dmi/id/board_asset_tag", "/var/lib/cloud/data/instance-id"};

constexpr const char* product_name = "/sys/devices/virtual/dmi/id/product_name";

constexpr std::chrono::milliseconds lock_poll{50};

std::string shown(const Json& value)
{
        return value.is_null() ? "not given" : without_secrets(shown_json(value));
}

// A flag, such as --manifest-url-header=Authorization:…
bool is_secret_flag(const Json& value)
{
        const auto text = value.is_string() ? value.get<std::string>() : "";
        return text.starts_with("--") && names_secret(text.substr(0, text.find('=')));
}

// `whole`: both calls are of the same command, so a key that only one of them has is a difference. Lists of
// flags are appended to each other and never contradict.
std::vector<std::string> differences(const Json& earlier, const Json& now, bool whole)
{
        std::vector<std::string> all;
        if (!earlier.is_object())
                return all;

        const auto before = earlier.flatten();
        const auto after = now.flatten();
        const auto differ = [&](const std::string& pointer, const Json& old_value, const Json& new_value) {
                const auto key = key_path(Json::json_pointer(pointer));
                const bool secret =
                        names_secret(key) || is_secret_flag(old_value) || is_secret_flag(new_value);
                all.push_back(secret ? fmt::format("{} has changed", key)
                                     : fmt::format("{} was {}, and is {} now", key, shown(old_value),
                                               shown(new_value)));
        };

        for (const auto& [pointer, value] : before.items()) {
                const auto other = after.find(pointer);
                if (!whole && (other == after.end() || pointer.starts_with("/kubelet/flags/")))
                        continue;
                if (other == after.end() || *other != value)
                        differ(pointer, value, other == after.end() ? Json() : *other);
        }

        for (const auto& [pointer, value] : after.items())
                if (whole && !before.contains(pointer))
                        differ(pointer, Json(), value);

        return all;
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

        // eks-imds runs on nodes only.
        if (!is_chosen_as_node(root))
                throw Error(failure::facts_missing,
                        fmt::format(
                                "the id of this instance is not known, because this machine is not a node: {}",
                                why_not_a_node(root)),
                        see_decision);

        throw Error(failure::facts_missing, "the id of this instance is not known yet",
                "Call it after eks-imds.service has run; `eksnode status` shows it");
}

std::string type_of_machine(const Root& root)
{
        const auto facts = try_parse_json(read_file_if_exists(root(imds_path)).value_or(""));
        if (facts.is_object() && facts.contains("instanceType") && facts["instanceType"].is_string())
                return facts["instanceType"];
        return std::string(trim(read_file_if_exists(root(product_name)).value_or("")));
}

Json layer_of_instance(const Root& root, std::string_view path, const std::string& instance)
{
        const auto text = read_file_if_exists(root(path), config_limit);
        if (!text || instance_of_layer(*text) != instance)
                return nullptr;

        try {
                return parse_node_toml(*text, std::string(path)).tree;
        } catch (const Error&) { // it was edited; the new call replaces it
                return nullptr;
        }
}

SyncLayers::~SyncLayers()
{
        for (const auto path : {edits_layer, bootstrap_layer, command_layers})
                if (const UniqueFd file(::open((*root_)(path).c_str(), O_RDONLY | O_CLOEXEC)); file)
                        ::fsync(file.get());
}

FilesBefore::FilesBefore(const Root& root, const std::vector<std::string_view>& paths)
{
        for (const auto name : paths) {
                Backup backup{.path = root(name), .link = {}, .text = {}, .mode = 0600};
                backup.link = read_link_if_exists(backup.path);

                if (!backup.link)
                        backup.text = read_file_if_exists(backup.path);
                if (struct stat st{}; ::stat(backup.path.c_str(), &st) == 0)
                        backup.mode = st.st_mode & 07777;
                files_.push_back(std::move(backup));
        }
}

void FilesBefore::restore() const
{
        for (const auto& backup : files_)
                if (backup.link)
                        link_atomically(backup.path, *backup.link);
                else if (backup.text)
                        write_atomically(backup.path, *backup.text, backup.mode, Durability::synced);
                else
                        remove_if_exists(backup.path);
}

CallLock::CallLock(
        const Root& root, std::chrono::milliseconds timeout, const std::function<void()>& say_busy)
{
        const auto path = root(command_layers);
        make_directories(path);

        directory_ = UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!directory_)
                throw io_error("open", path, errno);

        const auto end = std::chrono::steady_clock::now() + timeout;

        for (bool announced = false; ::flock(directory_.get(), LOCK_EX | LOCK_NB) != 0; announced = true) {
                if (errno != EWOULDBLOCK && errno != EINTR)
                        throw io_error("lock", path, errno);

                if (!announced)
                        say_busy();

                if (std::chrono::steady_clock::now() >= end)
                        throw Error(failure::apply_busy,
                                "another call of bootstrap.sh or nodeadm is still running",
                                "`eksnode status` shows what it waits for; call again when it has ended");

                std::this_thread::sleep_for(lock_poll);
        }
}

std::vector<std::string> contradictions_with_earlier_calls(const Root& root, const CommandLayer& now)
{
        std::vector<std::string> all;
        const auto own = fmt::format("{}.toml", now.command);

        for (const auto& file : command_layer_files(root, now.instance, [](const LayerFile&) {})) {
                const auto& path = file.path;
                const auto name = path.substr(path.rfind('/') + 1);
                for (const auto& difference :
                        differences(layer_of_instance(root, path, now.instance), now.tree, name == own))
                        all.push_back(fmt::format("{} set another value: {}",
                                name == own ? "the call before this one" : "'" + path + "'", difference));
        }

        return all;
}

} // namespace eks
