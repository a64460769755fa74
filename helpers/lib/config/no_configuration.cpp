// SPDX-License-Identifier: Apache-2.0
#include "config/no_configuration.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"
#include "config/known_keys.hpp"
#include "document/check_text.hpp"
#include "userdata/base64.hpp"
#include "userdata/gzip.hpp"
#include "userdata/user_data.hpp"

namespace eks {

namespace {

constexpr std::string_view see_formats =
        "Give a NodeConfig; eks-node.toml(5) lists the formats that user data may have";

bool is_key_of_ours(std::string_view key)
{
        return std::ranges::any_of(schema(),
                [&](const SchemaKey& entry) { return entry.path.substr(0, entry.path.find('.')) == key; });
}

bool is_key_of_document(std::string_view key)
{
        const auto name = lower(key);
        return name == "apiversion" || name == "kind" || name == "spec";
}

// The word before the ':' of a line of YAML or JSON.
std::string_view key_of(std::string_view line)
{
        const auto colon = line.find(':');
        if (colon == line.npos)
                return {};
        auto key = line.substr(0, colon);
        key.remove_prefix(std::min(key.find_first_not_of("{\"' \t"), key.size()));
        return key.substr(0, key.find_last_not_of("\"' \t") + 1);
}

// For text that cannot be parsed.
bool looks_like_node_config(std::string_view text)
{
        return text.find("NodeConfig") != text.npos || text.find("node.eks.aws") != text.npos ||
               std::ranges::any_of(
                       lines(text), [](std::string_view line) { return is_key_of_document(key_of(line)); });
}

// A table or a dotted key of eks-node.toml(5).
bool is_our_toml(std::string_view text)
{
        return std::ranges::any_of(lines(text), [](std::string_view line) {
                auto key = trim(line);
                const bool table = key.starts_with('[');
                key.remove_prefix(table ? 1 : 0);
                const auto end = key.find_first_of(table ? ".]" : ".=");
                return end != key.npos && (table || key[end] == '.') &&
                       is_key_of_ours(trim(key.substr(0, end)));
        });
}

// TOML for Bottlerocket: its first table is "settings".
bool is_bottlerocket_s(std::string_view text)
{
        for (const auto line : lines(text)) {
                const auto words = trim(line);
                if (!words.empty() && !words.starts_with('#'))
                        return words.starts_with("[settings.") || words.starts_with("[settings]");
        }
        return false;
}

// KEY=VALUE on every line that is not a comment.
bool is_environment(std::string_view text)
{
        bool any = false;
        for (const auto line : lines(text)) {
                const auto words = trim(line);
                const auto key = words.substr(0, words.find('='));

                if (words.empty() || words.starts_with('#'))
                        continue;
                if (key.empty() || key.size() == words.size() || key.find_first_of(" \t:{[\"") != key.npos)
                        return false;

                any = true;
        }

        return any;
}

// "" if it has a map of ours.
std::string_view what_is(const Json& document, bool json)
{
        std::string_view what =
                json ? "JSON without apiVersion, kind and spec" : "YAML without apiVersion, kind and spec";

        for (const auto& [key, value] : document.items()) {
                if (is_key_of_document(key) || (is_key_of_ours(key) && value.is_object()))
                        return {};
                if (key.starts_with("systemd."))
                        what = "settings of systemd";
        }

        return what;
}

} // namespace

std::optional<NoConfiguration> no_configuration(
        std::string_view bytes, const std::string& source, const Error& refusal)
{
        const auto is = [&](int line, std::string_view what, std::string_view remedy = see_formats) {
                return NoConfiguration(failure::config_syntax,
                        fmt::format("{}: {}", Where{source, line, 1}.text(), what), std::string(remedy));
        };

        const auto whole_is = [&](std::string_view what, const std::string& remedy) {
                return NoConfiguration(failure::config_syntax, fmt::format("{}: {}", source, what), remedy);
        };

        if (is_gzip(bytes))
                try {
                        gunzip(bytes, user_data_limit, source);
                } catch (const Error& e) {
                        return NoConfiguration(e.failure(), e.what(), e.remedy());
                }

        std::string text;
        try {
                text = as_utf8(bytes, source);
        } catch (const Error&) {
                return std::nullopt;
        }

        if (const auto line = line_of_interpreter(text); line > 0)
                return is(line, "a script that the kernel cannot run: '#!' must be its first bytes",
                        line == 1 && text.starts_with("#!") ? "Save it as UTF-8 without a byte order mark"
                                                            : "Remove what is before '#!'");
        if (begins_as_cloud_init_form(text)) // else cloud-init would act on it
                return is(1,
                        "a format of cloud-init, which cloud-init does not read behind a byte order mark",
                        "Save it as UTF-8 without a byte order mark");
        if (is_bottlerocket_s(text))
                return whole_is("settings of Bottlerocket, which are for that system's own images",
                        "Give a NodeConfig with the same cluster: cluster-name is spec.cluster.name, api-server "
                        "spec.cluster.apiServerEndpoint, cluster-certificate spec.cluster.certificateAuthority; "
                        "spec.cluster.cidr is the service CIDR. With Karpenter choose the AMI family AL2023");
        if (looks_like_node_config(text))
                return std::nullopt;
        if (const auto inner = decode_base64(text, Base64::strict);
                inner && (is_gzip(*inner) || looks_like_node_config(*inner)))
                return whole_is("base64 in base64, which is decoded only once", "Encode the document once");
        if (is_our_toml(text))
                return whole_is("TOML, which user data may only hold as a MIME part",
                        "Write a MIME multipart document with the TOML as a part of Content-Type: "
                        "application/vnd.eksnode+toml; eks-node.toml(5) has an example");

        try {
                Layer layer{.source = source};
                const auto document = parse_map(text, layer);
                const auto what = what_is(document, trim(text).starts_with('{'));
                return what.empty() ? std::nullopt
                                    : std::optional(is(1, fmt::format("{}, not a NodeConfig", what)));
        } catch (const Error&) { // it is not a map
        }

        try {
                check_text(text, source);
        } catch (const Error&) {
                return NoConfiguration(refusal.failure(), refusal.what(), refusal.remedy());
        }

        return is(1, is_environment(text) ? "lines of KEY=VALUE, not a NodeConfig"
                                          : "plain text, not a NodeConfig");
}

} // namespace eks
