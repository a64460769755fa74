// SPDX-License-Identifier: Apache-2.0
#include "userdata/user_data.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/text.hpp"
#include "document/check_text.hpp"
#include "document/problems.hpp"
#include "userdata/base64.hpp"
#include "userdata/gzip.hpp"
#include "userdata/mime.hpp"

namespace eks {

namespace {

constexpr std::string_view node_config_group = "node.eks.aws"; // of apiVersion
constexpr std::string_view node_config_type = "application/node.eks.aws";
constexpr std::string_view node_toml_type = "application/vnd.eksnode+toml";
constexpr std::string_view script_type = "text/x-shellscript";
constexpr std::string_view bootstrap_path = "/etc/eks/bootstrap.sh";
constexpr std::size_t held_limit = 100; // descriptions for a message; a document may have more parts

Error syntax_error(const std::string& where, std::string_view what)
{
        return {failure::config_syntax, fmt::format("{}: {}", where, what),
                "Correct the document; `eksnode validate user-data:FILE` checks it anywhere"};
}

struct CloudInitForm {
        std::string_view type;
        std::string_view begin; // of the text, whatever its type
};

// Formats besides shell scripts that cloud-init acts on, and that may therefore change this node's
// configuration.
constexpr std::array cloud_init_forms{
        CloudInitForm{"text/cloud-boothook", "#cloud-boothook"},
        CloudInitForm{"text/cloud-config", "#cloud-config"},
        CloudInitForm{"text/cloud-config-archive", "#cloud-config-archive"},
        CloudInitForm{"text/cloud-config-jsonp", "#cloud-config-jsonp"},
        CloudInitForm{"text/jinja2", "## template: jinja"},
        CloudInitForm{"text/part-handler", "#part-handler"},
        CloudInitForm{"text/x-include-once-url", "#include-once"},
        CloudInitForm{"text/x-include-url", "#include"},
        CloudInitForm{"text/x-shellscript-per-boot", "#!"},
        CloudInitForm{"text/x-shellscript-per-instance", "#!"},
        CloudInitForm{"text/x-shellscript-per-once", "#!"},
};

// A form is a whole word: a NodeConfig may begin with the comment "#included from ...".
bool begins_as(std::string_view text, std::string_view form)
{
        if (!text.starts_with(form))
                return false;
        return form == "#!" || text.size() == form.size() || trim(text.substr(form.size(), 1)).empty();
}

bool begins_as_cloud_init_form(std::string_view text)
{
        return std::ranges::any_of(
                cloud_init_forms, [&](const CloudInitForm& form) { return begins_as(text, form.begin); });
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

[[noreturn]] void refuse_bottlerocket(const std::string& source)
{
        throw Error(failure::config_syntax,
                fmt::format("{}: settings of Bottlerocket, which are for that system's own images", source),
                "Give a NodeConfig with the same cluster: cluster-name is spec.cluster.name, api-server "
                "spec.cluster.apiServerEndpoint, cluster-certificate spec.cluster.certificateAuthority; "
                "spec.cluster.cidr is the service CIDR. With Karpenter choose the AMI family AL2023");
}

std::string_view without_blanks_before(std::string_view text)
{
        return text.substr(std::min(text.find_first_not_of("\r\n\t "), text.size()));
}

bool configures(const MimePart& part)
{
        return part.content_type == node_config_type || part.content_type == node_toml_type;
}

// Whether a line says that a part is configuration, in a document whose parts cannot be found.
bool names_configuration(std::string_view text)
{
        return std::ranges::any_of(lines(text), [](std::string_view line) {
                const auto words = lower(line);
                return words.starts_with("content-type:") &&
                       (words.find(node_config_type) != words.npos ||
                               words.find(node_toml_type) != words.npos);
        });
}

bool is_script(const MimePart& part)
{
        return part.content_type == script_type || part.body.starts_with("#!");
}

// Whether cloud-init does.
bool acts_on(const MimePart& part)
{
        return is_script(part) || begins_as_cloud_init_form(part.body) ||
               std::ranges::find(cloud_init_forms, part.content_type, &CloudInitForm::type) !=
                       cloud_init_forms.end();
}

class Reader {
public:
        UserData result;

        void document(std::string_view text, const std::string& source)
        {
                if (trim(text).empty()) {
                        hold(source, "empty");
                } else if (text.starts_with("#!")) {
                        script(text, source, "a script");
                } else if (begins_as_cloud_init_form(text)) {
                        result.has_scripts = true;
                        result.names_bootstrap = text.find(bootstrap_path) != text.npos;
                        hold(source, "for cloud-init, which acts on it on the node");
                } else if (is_bottlerocket_s(text)) {
                        refuse_bottlerocket(source);
                } else {
                        const auto message = parse_mime_message(without_blanks_before(text));
                        if (message && acts_on(*message) && !configures(*message)) {
                                part(*message, source);
                        } else if (message && text.find(node_config_group) == text.npos &&
                                   !configures(*message)) {
                                leave(fmt::format("{}: a MIME document without parts", source));
                                hold(source, "a MIME document without parts");
                        } else {
                                keep({.form = UserDataDocument::Form::node_config,
                                        .text = std::string(text),
                                        .source = source,
                                        .below_header = message.has_value()});
                                hold(source, "NodeConfig");
                        }
                }
        }

        void mime(const MimeDocument& document, std::string_view text, const std::string& source)
        {
                const bool has_configuration = std::ranges::any_of(document.parts, configures) ||
                                               (document.parts.empty() && document.nested_errors.empty() &&
                                                       names_configuration(text));
                if (document.error && has_configuration)
                        throw Error(*document.error);
                if (document.error)
                        leave(document.error->what());
                for (const auto& error : document.nested_errors)
                        result.notes.push_back({Level::warning,
                                fmt::format("{}; this multipart inside a MIME part is left to "
                                            "cloud-init, proceeding",
                                        error),
                                true});
                for (std::size_t i = 0; i < document.parts.size(); ++i)
                        part(document.parts[i], fmt::format("{}, MIME part {}", source, i + 1));
                if (document.parts.empty())
                        hold(source, "a MIME document without parts");
                if (not_held_ > 0)
                        result.held.push_back(fmt::format(
                                "{}, {} more {}", source, not_held_, not_held_ == 1 ? "part" : "parts"));
        }

        void part(const MimePart& part, const std::string& source)
        {
                const auto& type = part.content_type;
                const std::string_view name = type.empty() ? "no type" : std::string_view(type);
                if (configures(part) && part.in_broken) {
                        hold(source, fmt::format("{}, ignored", name));
                } else if (configures(part)) {
                        configuration(part, source);
                } else if (is_script(part)) {
                        script(part.body, source, name);
                } else {
                        const bool acts = acts_on(part);
                        result.has_scripts = result.has_scripts || acts;
                        result.names_bootstrap =
                                result.names_bootstrap ||
                                (acts && part.body.find(bootstrap_path) != std::string::npos);
                        hold(source,
                                fmt::format("{}, {}", name,
                                        acts ? "for cloud-init, which acts on it on the node" : "ignored"));
                }
        }

private:
        void hold(const std::string& source, std::string_view what)
        {
                if (result.held.size() < held_limit)
                        result.held.push_back(fmt::format("{}: {}", source, what));
                else
                        ++not_held_;
        }

        void leave(std::string_view why)
        {
                result.notes.push_back({Level::warning,
                        fmt::format(
                                "{}; the document has no configuration and is left to cloud-init, proceeding",
                                why),
                        true});
        }

        void configuration(const MimePart& part, const std::string& source)
        {
                const bool toml = part.content_type == node_toml_type;
                const auto read = [&] {
                        keep({.form = toml ? UserDataDocument::Form::toml
                                           : UserDataDocument::Form::node_config,
                                .text = unpacked(part.body, source),
                                .source = source,
                                .nested = part.nested});
                        hold(source, fmt::format("{}, {}", part.content_type, toml ? "TOML" : "NodeConfig"));
                };
                if (!part.nested)
                        return read();
                try {
                        read();
                } catch (const Error& e) {
                        result.notes.push_back(ignored_document(e));
                        hold(source, fmt::format("{}, ignored", part.content_type));
                }
        }

        void keep(UserDataDocument document)
        {
                check_text(document.text, document.source);
                result.documents.push_back(std::move(document));
        }

        void script(std::string_view text, const std::string& source, std::string_view name)
        {
                result.has_scripts = true;
                const bool calls = text.find(bootstrap_path) != text.npos;
                result.names_bootstrap = result.names_bootstrap || calls;
                hold(source, fmt::format("{}, which cloud-init runs on the node{}", name,
                                     calls ? fmt::format(", and which names {}", bootstrap_path) : ""));
        }

        // A part may be base64 (without a header for it), compressed, or both.
        std::string unpacked(const std::string& body, const std::string& source)
        {
                auto bytes = decode_base64(body, Base64::strict).value_or(body);
                if (!is_gzip(bytes))
                        return bytes;
                auto text = gunzip(bytes, unpack_limit_, source);
                unpack_limit_ -= text.size(); // or many small bombs would add up to a large one
                return text;
        }

        std::size_t unpack_limit_ = user_data_limit;
        std::size_t not_held_ = 0;
};

} // namespace

Note ignored_document(const Error& error)
{
        return {Level::warning,
                fmt::format("{}; in a multipart inside a MIME part, where nodeadm does not look, ignoring",
                        error.what()),
                true};
}

UserData read_user_data(std::string_view bytes, const std::string& source)
{
        auto text = decode_base64(bytes, Base64::strict).value_or(std::string(bytes));
        if (is_gzip(text))
                text = gunzip(text, user_data_limit, source);
        if (text.size() > user_data_limit)
                throw syntax_error(source, fmt::format("more than {} bytes", user_data_limit));

        const auto body = without_byte_order_mark(text);

        Reader reader;
        if (const auto document = parse_mime(body, source)) {
                reader.mime(*document, body, source);
        } else {
                // With a blank line before the header it is not a MIME document, as in nodeadm. A message
                // tells the author.
                const auto rest = without_blanks_before(body);
                auto shifted = rest.size() < body.size() ? parse_mime(rest, source) : std::nullopt;
                if (!shifted) {
                        reader.document(body, source);
                } else {
                        shifted->error = syntax_error(Where{source, 1, 1}.text(),
                                "the header of a MIME document must begin on the first line, without blanks");
                        reader.mime(*shifted, body, source);
                }
        }
        return std::move(reader.result);
}

} // namespace eks
