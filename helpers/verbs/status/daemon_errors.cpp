// SPDX-License-Identifier: Apache-2.0
#include "verbs/status/daemon_errors.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "base/secrets.hpp"
#include "base/text.hpp"
#include "node/join_state.hpp"

namespace eks {

namespace {

constexpr std::size_t most_places = 3;
constexpr std::size_t shortest_word = 3; // that is looked for in a message

bool is_word(char c)
{
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
}

bool names(std::string_view message, std::string_view word)
{
        if (word.size() < shortest_word)
                return false;

        for (auto at = message.find(word); at != message.npos; at = message.find(word, at + 1)) {
                const auto end = at + word.size();
                if ((at == 0 || !is_word(message[at - 1])) &&
                        (end == message.size() || !is_word(message[end])))
                        return true;
        }

        return false;
}

// The last part of a key, without quotes.
std::string_view leaf_of(std::string_view key)
{
        if (key.ends_with('"'))
                return key.substr(
                        key.rfind('"', key.size() - 2) + 1, key.size() - key.rfind('"', key.size() - 2) - 2);
        return key.substr(key.rfind('.') + 1);
}

// The lines of a user's TOML whose key or value is in the message.
std::vector<std::string> named_lines(const Sourced& toml, std::string_view message)
{
        std::vector<std::string> found;
        int number = 0;
        for (const auto line : lines(toml.text)) {
                ++number;
                const auto equals = line.find('=');
                const auto key = trim(line.substr(0, equals));
                const auto value = equals == line.npos ? std::string_view() : trim(line.substr(equals + 1));
                const auto bare = value.size() > 1 && (value[0] == '"' || value[0] == '\'')
                                          ? value.substr(1, value.size() - 2)
                                          : value;
                const auto leaf = key.substr(key.rfind('.') == key.npos ? 0 : key.rfind('.') + 1);

                if (!key.empty() && key[0] != '#' && (names(message, bare) || names(message, leaf)))
                        found.push_back(fmt::format(
                                "`{}` in line {} of {}", hide_secrets(trim(line)), number, toml.source));
        }

        return found;
}

// Settings that the user gave as TOML. For a message that names none of them, the texts as a whole.
std::vector<std::string> places_in_toml(
        const Json& configs, std::vector<Sourced> texts, std::string_view message)
{
        for (const auto& one : configs)
                texts.push_back({one.value("text", std::string()),
                        fmt::format("containerd.config ({})", one.value("source", std::string()))});

        std::vector<std::string> named;
        std::vector<std::string> all;

        for (const auto& one : texts) {
                const auto found = named_lines(one, message);
                named.insert(named.end(), found.begin(), found.end());
                all.push_back(one.source);
        }

        return named.empty() ? all : named;
}

} // namespace

std::string last_error(const std::vector<JournalRecord>& records)
{
        const auto found =
                std::ranges::find_if(records, [](const JournalRecord& one) { return is_error(one.text); });
        if (found != records.end())
                return error_text(found->text);
        return records.empty() ? std::string() : records.front().text;
}

std::string change_for(std::string_view message, bool clock_synchronised)
{
        if (message.find("certificate has expired") != message.npos)
                return clock_synchronised
                               ? "the certificate of the server at cluster.apiServerEndpoint, or of a proxy before it: "
                                 "the clock of this machine is synchronised"
                               : "first the clock of this machine, which is not synchronised: compare `date`, see "
                                 "`timedatectl` or `chronyc tracking`; if it is right, the certificate of the server at "
                                 "cluster.apiServerEndpoint";

        const auto* const known = find_join_cause(message);
        return known == nullptr ? std::string() : std::string(known->change);
}

std::string change_found_by_join(std::string_view error)
{
        const auto* const cause = find_join_cause(error);
        const auto found = try_parse_json(read_file_if_exists(std::string(join_status_path)).value_or(""));
        return cause != nullptr && found.is_object() && found.value("code", "") == cause->code
                       ? found.value("change", "")
                       : std::string();
}

std::string change_for_program(const std::string& program, std::string_view message)
{
        const bool ours = program.starts_with("/usr/libexec/eksnode/");
        if (message.find("No such file") != message.npos)
                return fmt::format("{} is not there: install {} again", program,
                        ours ? "eksnode" : "the package that it belongs to");
        if (message.find("Permission denied") != message.npos)
                return fmt::format(
                        "the mode of {0}, or the file system that it is on, if that is mounted noexec: "
                        "`ls -l {0}; findmnt -T {0}`",
                        program);
        if (message.find("Exec format error") != message.npos)
                return fmt::format("{} is damaged, or for another architecture: install it again", program);

        return {};
}

std::vector<std::string> places_of(const Json& node, std::string_view daemon, std::string_view message,
        const std::vector<Sourced>& drop_ins)
{
        std::vector<std::string> places;
        if (!node.is_object() || !node.contains("sources"))
                return places;

        const auto spec = node.value("spec", Json::object());

        for (const auto& [key, place] : node.at("sources").items()) {
                if (!key.starts_with(daemon) || !place.is_string())
                        continue;
                if (const auto index = key.rfind("flags[");
                        index != std::string::npos) { // "--v=2" of a list
                        const auto number = parse_int<std::size_t>(
                                std::string_view(key).substr(index + 6, key.size() - index - 7));
                        const auto flags = spec.value(Json::json_pointer("/kubelet/flags"), Json::array());
                        if (!number || *number >= flags.size() || !flags[*number].is_string())
                                continue;
                        const auto flag = flags[*number].get<std::string>();
                        const auto name = trim(std::string_view(flag).substr(0, flag.find('=')));
                        if (names(message, name))
                                places.push_back(fmt::format(
                                        "{} ({})", hide_secrets(flag), place.get<std::string>()));
                } else if (names(message, leaf_of(key)) && leaf_of(key) != "config" &&
                           leaf_of(key) != "flags") {
                        places.push_back(fmt::format("{} ({})", key, place.get<std::string>()));
                }
        }

        // A map is named beside its key: "featureGates" beside that of the gate.
        std::erase_if(places, [&](const std::string& outer) {
                const auto key = outer.substr(0, outer.find(" (")) + ".";
                return std::ranges::any_of(
                        places, [&](const std::string& other) { return other.starts_with(key); });
        });

        if (daemon == "containerd") {
                const auto found =
                        places_in_toml(spec.value(Json::json_pointer("/containerd/config"), Json::array()),
                                drop_ins, message);
                places.insert(places.end(), found.begin(), found.end());
        }

        if (places.size() > most_places)
                places.resize(most_places);

        return places;
}

std::string key_place(const Json& node, const std::string& key)
{
        if (!node.is_object() || !node.contains("sources") || !node.at("sources").contains(key))
                return key;
        return fmt::format("{} ({})", key, node.at("sources").value(key, std::string()));
}

std::string key_in(const Json& node, const std::string& message)
{
        if (node.is_object() && node.contains("sources"))
                for (const auto& [key, place] : node.at("sources").items())
                        if (place.is_string() &&
                                message.find(place.get_ref<const std::string&>()) != std::string::npos)
                                return key;

        // "user data, line 3, column 5: cluster.cidr = …", of a configuration that was refused.
        for (auto rest = std::string_view(message); rest.find(", line ") != rest.npos;) {
                rest.remove_prefix(rest.find(", line ") + 1);
                const auto colon = rest.find(": ");
                if (colon == rest.npos)
                        break;

                const auto key = rest.substr(colon + 2, rest.find_first_of(" :;", colon + 2) - colon - 2);
                const bool is_key = key.find('.') != key.npos && std::ranges::all_of(key, [](char c) {
                        return c == '.' || std::isalpha(static_cast<unsigned char>(c)) != 0;
                });

                if (is_key)
                        return std::string(key);
        }

        return {};
}

} // namespace eks
