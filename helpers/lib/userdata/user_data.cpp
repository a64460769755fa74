// SPDX-License-Identifier: Apache-2.0
#include "userdata/user_data.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/text.hpp"
#include "document/check_text.hpp"
#include "document/layer.hpp"
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
constexpr std::string_view interpreter = "#!";
constexpr std::string_view bootstrap_path = "/etc/eks/bootstrap.sh";
constexpr std::string_view nodeadm_program = "nodeadm";
constexpr std::size_t held_limit = 100; // descriptions for a message; a document may have more parts

Error syntax_error(const std::string& where, std::string_view what)
{
        return {failure::config_syntax, fmt::format("{}: {}", where, what),
                "Correct the document; `eksnode validate user-data:FILE` checks it anywhere"};
}

struct CloudInitForm {
        std::string_view type;
        std::string_view begin; // of the text, in lower case; "" if only the type of a part says so
};

// What cloud-init acts on, and what may therefore change this node's configuration.
constexpr std::array cloud_init_forms{
        CloudInitForm{"text/cloud-boothook", "#cloud-boothook"},
        CloudInitForm{"text/cloud-config", "#cloud-config"},
        CloudInitForm{"text/cloud-config-archive", "#cloud-config-archive"},
        CloudInitForm{"text/cloud-config-jsonp", "#cloud-config-jsonp"},
        CloudInitForm{"text/jinja2", "## template: jinja"},
        CloudInitForm{"text/part-handler", "#part-handler"},
        CloudInitForm{"text/x-include-once-url", "#include-once"},
        CloudInitForm{"text/x-include-url", "#include"},
        CloudInitForm{script_type, interpreter},
        CloudInitForm{"text/x-shellscript-per-boot", ""},
        CloudInitForm{"text/x-shellscript-per-instance", ""},
        CloudInitForm{"text/x-shellscript-per-once", ""},
};

// The types of a part in whose text cloud-init looks for the form. A part without a type is text/plain.
constexpr std::array<std::string_view, 4> types_of_any_form{
        "", "text/plain", "text/x-not-multipart", script_type};

// The types of a part that cloud-init decompresses first.
constexpr std::array<std::string_view, 8> gzip_types{"application/gzip", "application/gzip-compressed",
        "application/gzipped", "application/x-compress", "application/x-compressed", "application/x-gunzip",
        "application/x-gzip", "application/x-gzip-compressed"};

// What Python's lstrip() removes.
constexpr std::array<std::string_view, 29> python_blanks{" ", "\t", "\n", "\v", "\f", "\r", "\x1c", "\x1d",
        "\x1e", "\x1f", "\u0085", "\u00a0", "\u1680", "\u2000", "\u2001", "\u2002", "\u2003", "\u2004",
        "\u2005", "\u2006", "\u2007", "\u2008", "\u2009", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f",
        "\u3000"};

std::string_view without_python_blanks(std::string_view text)
{
        for (;;) {
                const auto blank = std::ranges::find_if(python_blanks,
                        [&](std::string_view candidate) { return text.starts_with(candidate); });
                if (blank == python_blanks.end())
                        return text;
                text.remove_prefix(blank->size());
        }
}

// The form that cloud-init finds in a text. It ignores blanks before it and upper case, and does not ask
// where the word ends. nullptr if there is none.
const CloudInitForm* form_by_beginning(std::string_view text)
{
        constexpr std::size_t longest = 32;
        const auto begin = lower(without_python_blanks(text).substr(0, longest));
        const auto found = std::ranges::find_if(cloud_init_forms, [&](const CloudInitForm& form) {
                return !form.begin.empty() && begin.starts_with(form.begin);
        });
        return found == cloud_init_forms.end() ? nullptr : &*found;
}

// The form as which cloud-init handles a part; nullptr if it does not act on it.
const CloudInitForm* form_of(const MimePart& part)
{
        if (std::ranges::find(types_of_any_form, part.content_type) != types_of_any_form.end())
                if (const auto* form = form_by_beginning(part.body))
                        return form;
        const auto found = std::ranges::find(cloud_init_forms, part.content_type, &CloudInitForm::type);
        return found == cloud_init_forms.end() ? nullptr : &*found;
}

// cloud-init takes a text for a script with blanks before "#!", and fails to run it: for the kernel, these
// must be the first bytes.
bool cannot_run(std::string_view script)
{
        return !script.starts_with(interpreter) &&
               without_python_blanks(without_byte_order_mark(script)).starts_with(interpreter);
}

// Whether a text that begins with a form of cloud-init is a NodeConfig, for which that is a comment.
bool is_node_config(std::string_view text)
{
        if (text.find(node_config_group) == text.npos)
                return false;
        try {
                Layer layer;
                const auto version = parse_map(text, layer).value("apiVersion", Json());
                return version.is_string() &&
                       version.get_ref<const std::string&>().starts_with(node_config_group);
        } catch (const Error&) {
                return false;
        }
}

// Whether the text begins with the whole word, so that it is more than a comment such as "#included from".
bool begins_with_word(std::string_view text, std::string_view word)
{
        const auto rest = without_python_blanks(text).substr(word.size());
        return word == interpreter || rest.empty() || trim(rest.substr(0, 1)).empty();
}

std::string_view without_blanks_before(std::string_view text)
{
        return text.substr(std::min(text.find_first_not_of("\r\n\t "), text.size()));
}

// Whether the text has the name of a program as a word: not "nodeadm.d" or "nodeadm-run".
bool names_program(std::string_view text, std::string_view program)
{
        constexpr std::string_view inside =
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";

        for (auto at = text.find(program); at != text.npos; at = text.find(program, at + 1)) {
                const auto after = text.substr(at + program.size());
                const bool begins = at == 0 || inside.find(text[at - 1]) == inside.npos;
                if (begins && (after.empty() || (inside.find(after[0]) == inside.npos && after[0] != '/')))
                        return true;
        }

        return false;
}

// The command in a script that tells eksnode the name of the cluster; "" if there is none.
std::string_view called_in(std::string_view script)
{
        if (script.find(bootstrap_path) != script.npos)
                return bootstrap_path;
        return names_program(script, nodeadm_program) ? nodeadm_program : "";
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

// Whether a part that is not for cloud-init was meant as a NodeConfig, by its type or its text.
bool looks_like_node_config(const MimePart& part)
{
        const auto text = decode_base64(part.body, Base64::strict).value_or(part.body);
        return part.content_type.find(node_config_group) != std::string::npos ||
               std::ranges::any_of(lines(text), [](std::string_view line) {
                       return line.find("apiVersion") != line.npos &&
                              line.find(node_config_group) != line.npos;
               });
}

// The line, from 0, that makes a text look like a NodeConfig; -1 if none does.
int line_of_node_config(std::string_view text)
{
        int number = 0;
        for (const auto line : lines(text)) {
                const bool is_version =
                        line.find("apiVersion") != line.npos && line.find(node_config_group) != line.npos;
                if (is_version || lower(line).find(node_config_type) != line.npos)
                        return number;
                ++number;
        }

        return -1;
}

class Reader {
public:
        UserData result;

        void document(std::string_view text, const std::string& source)
        {
                const auto body = without_byte_order_mark(text);
                const auto* form = form_by_beginning(text); // which is none with a byte order mark

                if (trim(body).empty()) {
                        hold(source, "empty");
                } else if (form != nullptr && is_node_config(text)) {
                        if (begins_with_word(text, form->begin))
                                act(text);
                        node_config({.text = std::string(text), .source = source});
                } else if (form != nullptr && !cannot_run(text)) {
                        for_cloud_init({.content_type = {}, .body = std::string(text)}, source,
                                form->begin == interpreter ? "a script" : "");
                } else {
                        const auto message = parse_mime_message(without_blanks_before(body));
                        if (message && form_of(*message) != nullptr && !configures(*message)) {
                                part(*message, source);
                        } else if (message && body.find(node_config_group) == body.npos &&
                                   !configures(*message)) {
                                leave(fmt::format("{}: a MIME document without parts", source));
                                hold(source, "a MIME document without parts");
                        } else {
                                const bool below_header =
                                        message || (begins_with_content_type(body) &&
                                                           body.find(node_config_group) != body.npos);
                                node_config({.text = std::string(body),
                                        .source = source,
                                        .below_header = below_header,
                                        .unnamed = !below_header});
                        }
                }
        }

        // gzip that cannot be decompressed: no_configuration() says why.
        void unreadable(std::string bytes, const std::string& source)
        {
                node_config({.text = std::move(bytes), .source = source, .unnamed = true});
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

                if (const auto line = line_of_node_config(document.epilogue); line >= 0)
                        result.notes.push_back({Level::warning,
                                fmt::format(
                                        "{}: a NodeConfig behind the closing delimiter of the MIME document: "
                                        "put it before that line, below a delimiter of its own, ignoring",
                                        Where{source, document.epilogue_line + line, 1}.text()),
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
                } else if (std::ranges::find(gzip_types, type) == gzip_types.end()) {
                        for_cloud_init(part, source, name);
                } else {
                        auto unpacked = part;
                        unpacked.content_type.clear();

                        try {
                                unpacked.body = decompressed(part.body, source);
                        } catch (const Error& e) {
                                result.notes.push_back({Level::warning,
                                        fmt::format("{}; cloud-init fails to read it, too, proceeding",
                                                e.what()),
                                        true});
                                unpacked.body.clear();
                        }

                        for_cloud_init(unpacked, source, name);
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

        void leave(std::string_view why) { result.notes.push_back(left_to_cloud_init(why)); }

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
                if (document.form == UserDataDocument::Form::toml)
                        check_text(document.text, document.source);
                result.documents.push_back(std::move(document));
        }

        void node_config(UserDataDocument document)
        {
                hold(document.source, "NodeConfig");
                keep(std::move(document));
        }

        // What cloud-init does with a part, or a document, of its own. `name` is what the user calls it.
        void for_cloud_init(const MimePart& part, const std::string& source, std::string_view name)
        {
                const auto* form = form_of(part);
                const auto what = [&](std::string_view fate) {
                        return fmt::format("{}{}{}", name, name.empty() ? "" : ", ", fate);
                };

                if (form == nullptr && looks_like_node_config(part)) {
                        hold(source, what(fmt::format("ignored: a NodeConfig needs Content-Type: {}",
                                             node_config_type)));
                        result.notes.push_back({Level::warning,
                                fmt::format("{}: a NodeConfig whose Content-Type is not {}, ignoring",
                                        source, node_config_type),
                                true});
                } else if (form == nullptr) {
                        hold(source, what("ignored"));
                } else if (form->type != script_type) {
                        act(part.body);
                        hold(source, what("for cloud-init, which acts on it on the node"));
                } else if (cannot_run(part.body)) {
                        const auto* const why =
                                "a script that the kernel cannot run: '#!' must be its first bytes";
                        hold(source, what(why));
                        result.notes.push_back({Level::warning,
                                fmt::format("{}: {}, proceeding",
                                        Where{source,
                                                line_of_interpreter(without_byte_order_mark(part.body)), 1}
                                                .text(),
                                        why),
                                true});
                } else {
                        const auto called = act(part.body);
                        hold(source, what(fmt::format("which cloud-init runs on the node{}{}",
                                             called.empty() ? "" : ", and which names ", called)));
                }
        }

        // The command that the text calls, if any.
        std::string_view act(std::string_view text)
        {
                const auto called = called_in(text);
                result.has_scripts = true;
                result.names_bootstrap = result.names_bootstrap || called == bootstrap_path;
                result.names_call = result.names_call || !called.empty();
                return called;
        }

        // A part may be base64 (without a header for it), compressed, or both.
        std::string unpacked(const std::string& body, const std::string& source)
        {
                auto bytes = decode_base64(body, Base64::strict).value_or(body);
                return is_gzip(bytes) ? decompressed(bytes, source) : bytes;
        }

        std::string decompressed(std::string_view bytes, const std::string& source)
        {
                auto text = gunzip(bytes, unpack_limit_, source);
                unpack_limit_ -= text.size(); // or many small bombs would add up to a large one
                return text;
        }

        std::size_t unpack_limit_ = user_data_limit;
        std::size_t not_held_ = 0;
};

} // namespace

int line_of_interpreter(std::string_view text)
{
        int number = 0;
        for (const auto line : lines(text)) {
                ++number;
                const auto words = trim(line);
                if (words.starts_with("#!"))
                        return number;
                if (!words.empty() && !words.starts_with('#'))
                        return 0;
        }

        return 0;
}

bool begins_as_cloud_init_form(std::string_view text)
{
        return form_by_beginning(text) != nullptr;
}

Note left_to_cloud_init(std::string_view why)
{
        return {Level::warning,
                fmt::format(
                        "{}; the document has no configuration and is left to cloud-init, proceeding", why),
                true};
}

Note ignored_document(const Error& error)
{
        return {Level::warning,
                fmt::format("{}; in a multipart inside a MIME part, where nodeadm does not look, ignoring",
                        error.what()),
                true};
}

UserData read_user_data(std::string_view bytes, const std::string& source)
{
        Reader reader;
        auto text = decode_base64(bytes, Base64::strict).value_or(std::string(bytes));
        if (is_gzip(text)) {
                try {
                        text = gunzip(text, user_data_limit, source);
                } catch (const Error& e) {
                        if (e.failure().status != Errc::bad_config)
                                throw;
                        reader.unreadable(std::move(text), source);
                        return std::move(reader.result);
                }
        }

        if (text.size() > user_data_limit)
                throw syntax_error(source, fmt::format("more than {} bytes", user_data_limit));

        const auto body = without_byte_order_mark(text);

        if (const auto document = parse_mime(body, source)) {
                reader.mime(*document, body, source);
        } else {
                // With a blank line before the header it is not a MIME document, as in nodeadm. A message
                // tells the author.
                const auto rest = without_blanks_before(body);
                auto shifted = rest.size() < body.size() ? parse_mime(rest, source) : std::nullopt;
                if (!shifted) {
                        reader.document(text, source);
                } else {
                        shifted->error = syntax_error(Where{source, 1, 1}.text(),
                                "the header of a MIME document must begin on the first line, without blanks");
                        reader.mime(*shifted, body, source);
                }
        }

        return std::move(reader.result);
}

} // namespace eks
