// SPDX-License-Identifier: Apache-2.0
#include "userdata/mime.hpp"

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "base/text.hpp"
#include "document/layer.hpp"
#include "userdata/base64.hpp"

namespace eks {

namespace {

constexpr std::string_view blanks = " \t";

Error syntax_error(const std::string& source, int line, std::string_view what)
{
        return {failure::config_syntax, fmt::format("{}: {}", Where{source, line, 1}.text(), what),
                "Correct the MIME document; `cloud-init devel make-mime` writes such documents"};
}

// RFC 2045: the characters of a type, a parameter's name or an unquoted value.
constexpr std::string_view special_characters = "()<>@,;:\\\"/[]?=";

bool token_character(char c)
{
        return c > 0x20 && c < 0x7f && special_characters.find(c) == std::string_view::npos;
}

bool is_token(std::string_view text)
{
        return !text.empty() && std::ranges::all_of(text, token_character);
}

class Lines {
public:
        Lines(std::string_view text, int first_number) : text_(text), number_(first_number - 1) {}

        bool next()
        {
                if (end_ >= text_.size())
                        return false;

                begin_ = end_;
                const auto newline = text_.find('\n', begin_);
                end_ = newline == std::string_view::npos ? text_.size() : newline + 1;
                ++number_;
                return true;
        }

        std::string_view line() const // without LF or CRLF
        {
                auto line = text_.substr(begin_, end_ - begin_);
                if (line.ends_with('\n'))
                        line.remove_suffix(1);
                if (line.ends_with('\r'))
                        line.remove_suffix(1);
                return line;
        }

        std::size_t begin() const { return begin_; }
        std::size_t end() const { return end_; }
        int number() const { return number_; }

private:
        std::string_view text_;
        std::size_t begin_ = 0;
        std::size_t end_ = 0;
        int number_;
};

// The fields that we use; the first one of a name counts.
struct Header {
        std::optional<std::string> content_type;
        std::optional<std::string> encoding;
        int content_type_line = 0;
};

enum class HeaderLine {
        field,
        odd, // nodeadm rejects it, cloud-init takes or ignores it
        end,
        body, // cloud-init takes it for the first line of the body, without the empty line before
};

class HeaderReader {
public:
        enum class Of { document, part };

        explicit HeaderReader(Of of) : of_(of) {}

        HeaderLine take(std::string_view line, int number)
        {
                if (line.empty())
                        return HeaderLine::end;

                const bool first = !std::exchange(any_, true);
                if (blanks.find(line.front()) != std::string_view::npos) { // it continues the previous field
                        if (current_ != nullptr)
                                current_->append(current_->empty() ? "" : " ").append(trim(line));
                        return first || holds_control(line) ? HeaderLine::odd : HeaderLine::field;
                }

                const auto colon = line.find(':');
                const auto name = line.substr(0, colon);
                const auto value = line.substr(std::min(colon, line.size()));

                if (colon == std::string_view::npos || !is_name(name))
                        return HeaderLine::body;

                start_field(lower(name), trim(value.substr(1)), number);
                return is_valid(name) && !holds_control(value) ? HeaderLine::field : HeaderLine::odd;
        }

        Header header;

private:
        // What Go's net/mail or cloud-init takes for a field.
        bool is_name(std::string_view name) const
        {
                return is_valid(name) ||
                       std::ranges::all_of(name, [](char c) { return c > 0x20 && c < 0x7f; });
        }

        // Go is stricter with parts than with the document itself.
        bool is_valid(std::string_view name) const
        {
                if (of_ == Of::document)
                        return true;
                return !name.empty() && std::ranges::all_of(name, [](char c) {
                        return c == ' ' || (token_character(c) && c != '{' && c != '}');
                });
        }

        bool holds_control(std::string_view text) const
        {
                return of_ == Of::part && std::ranges::any_of(text, [](char c) {
                        return c != '\t' && has_control_characters({&c, 1});
                });
        }

        void start_field(const std::string& name, std::string_view value, int number)
        {
                current_ = nullptr;
                if (name == "content-type" && !header.content_type) {
                        header.content_type_line = number;
                        current_ = &header.content_type.emplace(value);
                } else if (name == "content-transfer-encoding" && !header.encoding) {
                        current_ = &header.encoding.emplace(value);
                }
        }

        Of of_;
        std::string* current_ = nullptr;
        bool any_ = false;
};

std::optional<int> hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;

        return std::nullopt;
}

// A byte after an escape character in two hex digits: "41" is 'A'.
std::optional<char> hex_byte(std::string_view text)
{
        const auto high = text.size() < 2 ? std::nullopt : hex_digit(text[0]);
        const auto low = text.size() < 2 ? std::nullopt : hex_digit(text[1]);
        return high && low ? std::optional(static_cast<char>(*high * 16 + *low)) : std::nullopt;
}

// "%41" is 'A'. Nothing if a '%' is not followed by two hex digits, unless it may stand for itself.
std::optional<std::string> decode_percent(std::string_view text, bool lenient = false)
{
        std::string decoded;
        for (std::size_t i = 0; i < text.size(); ++i) {
                const auto byte = text[i] == '%' ? hex_byte(text.substr(i + 1)) : std::nullopt;
                if (text[i] == '%' && !byte && !lenient)
                        return std::nullopt;
                decoded += byte.value_or(text[i]);
                i += byte ? 2 : 0;
        }

        return decoded;
}

// A parameter by RFC 2231: it has a charset and escapes ("*"), is in pieces ("*0", "*1"), or both ("*0*",
// "*1*"). The pieces by their name without that of the parameter.
using Pieces = std::map<std::string, std::string, std::less<>>;

// "us-ascii'en'a%20b"; nothing for another charset than those that Go knows.
std::optional<std::string> decode_extended(std::string_view text)
{
        const auto first = text.find('\'');
        const auto second = first == text.npos ? text.npos : text.find('\'', first + 1);
        if (second == text.npos)
                return std::nullopt;

        const auto charset = lower(text.substr(0, first));
        return charset == "us-ascii" || charset == "utf-8" ? decode_percent(text.substr(second + 1))
                                                           : std::nullopt;
}

// As Go joins them: from number 0 to the first that is missing.
std::optional<std::string> joined(const Pieces& pieces)
{
        if (const auto whole = pieces.find("*"); whole != pieces.end())
                return decode_extended(whole->second);

        std::optional<std::string> value;

        for (int i = 0;; ++i) {
                const auto name = fmt::format("*{}", i);
                const auto plain = pieces.find(name);
                const auto extended = pieces.find(name + '*');
                if (plain == pieces.end() && extended == pieces.end())
                        return value;

                if (!value)
                        value.emplace();

                if (plain != pieces.end())
                        *value += plain->second;
                else
                        *value += (i == 0 ? decode_extended(extended->second)
                                          : decode_percent(extended->second))
                                          .value_or("");
        }
}

// As Python's email module does: all of them in order, in any charset.
std::optional<std::string> joined_by_python(const Pieces& pieces)
{
        std::map<int, std::string> values; // by number
        bool has_charset = false;

        for (const auto& [name, value] : pieces) {
                const bool extended = name.ends_with('*');
                const auto digits = std::string_view(name).substr(1);

                const auto number = parse_int<int>(digits.substr(0, digits.find('*')));
                if (!number && name != "*")
                        continue;

                has_charset = has_charset || extended;
                values.emplace(
                        number.value_or(0), extended ? decode_percent(value, true).value_or("") : value);
        }

        if (values.empty())
                return std::nullopt;

        std::string all;
        for (const auto& [number, value] : values)
                all += value;
        const auto first = has_charset ? all.find('\'') : all.npos;
        const auto second = first == all.npos ? all.npos : all.find('\'', first + 1);

        return second == all.npos ? all : all.substr(second + 1);
}

struct ContentType {
        std::string name; // lower case
        std::optional<std::string> boundary;
        bool valid = true;
        bool boundary_of_python = false; // only cloud-init finds one

        bool is_multipart() const { return name.starts_with("multipart/"); }
};

bool is_media_type(std::string_view name)
{
        const auto slash = name.find('/');
        return is_token(name.substr(0, slash)) &&
               (slash == std::string_view::npos || is_token(name.substr(slash + 1)));
}

constexpr std::string_view boundary_parameter = "boundary";

// "*0" of "boundary*0"; "" of another parameter.
std::string_view piece_of_boundary(std::string_view key)
{
        if (!key.starts_with(boundary_parameter) || key.find('*') != boundary_parameter.size())
                return {};
        return key.substr(boundary_parameter.size());
}

// "multipart/mixed; boundary=\"//\"", as Go's mime reads it; nothing for another form.
std::optional<ContentType> parse_content_type(std::string_view text)
{
        const auto take = [&](std::string_view rest) { text = trim(rest); };
        const auto token = [&] {
                std::size_t length = 0;
                while (length < text.size() && token_character(text[length]))
                        ++length;
                return text.substr(0, length);
        };

        const auto name = trim(text.substr(0, text.find(';')));
        if (!is_media_type(name))
                return std::nullopt;

        ContentType type{.name = lower(name), .boundary = {}};
        Pieces pieces;
        take(text.substr(std::min(text.find(';'), text.size())));

        while (text.starts_with(';')) {
                take(text.substr(1));
                if (text.empty())
                        break; // a ';' at the end does no harm

                const auto parameter = token();
                take(text.substr(parameter.size()));

                if (parameter.empty() || !text.starts_with('='))
                        return std::nullopt;

                take(text.substr(1));
                std::string value;

                if (text.starts_with('"')) {
                        std::size_t i = 1;
                        for (; i < text.size() && text[i] != '"'; ++i) {
                                if (text[i] == '\\' && i + 1 < text.size() &&
                                        special_characters.find(text[i + 1]) != std::string_view::npos)
                                        ++i;
                                value += text[i];
                        }

                        if (i >= text.size())
                                return std::nullopt;

                        take(text.substr(i + 1));
                } else {
                        value = token();
                        take(text.substr(value.size()));
                        if (value.empty())
                                return std::nullopt;
                }

                const auto key = lower(parameter);
                if (key == boundary_parameter && !type.boundary)
                        type.boundary = std::move(value);
                else if (const auto piece = piece_of_boundary(key); !piece.empty()) {
                        const auto [known, added] = pieces.emplace(piece, value);
                        if (!added && known->second != value)
                                return std::nullopt;
                }
        }

        if (!text.empty())
                return std::nullopt;

        if (auto value = joined(pieces))
                type.boundary = std::move(value);

        if (type.boundary.value_or("").empty() && !pieces.empty()) {
                type.boundary = joined_by_python(pieces);
                type.boundary_of_python = type.boundary.has_value();
        }

        return type;
}

// The same of a malformed one, as Python's email module has it, with which cloud-init reads MIME.
ContentType guess_content_type(std::string_view text)
{
        const auto take_piece = [&] { // up to a ';' that is not between quotes
                std::size_t i = 0;
                for (bool quoted = false; i < text.size() && (quoted || text[i] != ';'); ++i)
                        quoted ^= text[i] == '"' && (i == 0 || text[i - 1] != '\\');
                const auto piece = trim(text.substr(0, i));
                text.remove_prefix(std::min(i + 1, text.size()));
                return piece;
        };

        const auto name = take_piece();
        const bool one_slash = std::ranges::count(name, '/') == 1;
        ContentType type{
                .name = is_media_type(name) || one_slash ? lower(name) : "", .boundary = {}, .valid = false};
        Pieces pieces;

        while (!text.empty() && !type.boundary) {
                const auto piece = take_piece();
                const auto equals = piece.find('=');
                if (equals == std::string_view::npos)
                        continue;

                const auto key = lower(trim(piece.substr(0, equals)));
                auto value = trim(piece.substr(equals + 1));
                if (value.size() > 1 && value.starts_with('"') && value.ends_with('"'))
                        value = value.substr(1, value.size() - 2);

                if (key == boundary_parameter)
                        type.boundary = std::string(value);
                else if (const auto rest = piece_of_boundary(key); !rest.empty())
                        pieces.emplace(rest, value);
        }

        if (!type.boundary)
                type.boundary = joined_by_python(pieces);

        return type;
}

ContentType read_content_type(const Header& header)
{
        const auto& text = header.content_type.value_or("");
        if (text.empty())
                return {};
        return parse_content_type(text).value_or(guess_content_type(text));
}

// What is wrong with a Content-Type; "" if nothing is.
std::string content_type_error(const ContentType& type)
{
        if (type.valid && type.is_multipart() && type.boundary_of_python)
                return "Content-Type is multipart, but its boundary is in a form that nodeadm does not read: write it in one piece, boundary=\"...\"";
        if (type.valid)
                return type.is_multipart() && type.boundary.value_or("").empty()
                               ? "Content-Type is multipart, but has no boundary"
                               : "";

        const auto& boundary = type.boundary.value_or("");
        const bool needs_quotes =
                !boundary.empty() && !is_token(boundary) && boundary.find('"') == boundary.npos;

        return needs_quotes ? fmt::format("Content-Type is malformed: put the boundary into double quotes, "
                                          "boundary=\"{}\"",
                                      boundary)
                            : "Content-Type is malformed";
}

// Only used to distinguish a broken multipart document from other text.
bool means_multipart(const Header& header)
{
        return header.content_type && lower(*header.content_type).starts_with("multipart/");
}

// Blanks at the end of a line were added in transport, because a sender encodes its own. As in Go, a '='
// that is not followed by two hex digits stands for itself.
std::string quoted_printable(std::string_view body)
{
        std::string result;
        result.reserve(body.size());

        Lines lines(body, 1);
        while (lines.next()) {
                auto line = lines.line();
                const auto newline =
                        body.substr(lines.begin() + line.size(), lines.end() - lines.begin() - line.size());

                line = line.substr(0, line.find_last_not_of(blanks) + 1);
                const bool goes_on = line.ends_with('=');
                if (goes_on)
                        line.remove_suffix(1);

                for (std::size_t i = 0; i < line.size(); ++i) {
                        const auto byte = line[i] == '=' ? hex_byte(line.substr(i + 1)) : std::nullopt;
                        result += byte.value_or(line[i]);
                        i += byte ? 2 : 0;
                }

                if (!goes_on)
                        result += newline;
        }

        return result;
}

// A body that does not have its encoding is taken as it is: nodeadm asks the body of a NodeConfig, not the
// header, whether it is base64, and does not read others.
std::string decoded(std::string_view body, const Header& header)
{
        const auto encoding = lower(header.encoding.value_or(""));
        if (encoding == "quoted-printable")
                return quoted_printable(body);
        if (encoding == "base64")
                if (auto bytes = decode_base64(body))
                        return *std::move(bytes);

        return std::string(body);
}

class Parser {
public:
        explicit Parser(const std::string& source) : source_(&source) {}

        // `body` begins on line `first_line` of the document.
        void multipart(std::string_view body, int first_line, const std::string& boundary, std::size_t depth,
                MimeDocument& found)
        {
                const auto delimiter = "--" + boundary;
                Lines lines(body, first_line);
                std::optional<OpenPart> open;
                bool ended = false; // before the first part

                while (lines.next()) {
                        const auto kind = classify(lines.line(), delimiter);
                        if (kind == LineKind::content) {
                                if (open)
                                        content(*open, lines, found);
                                continue;
                        }

                        if (open && !open->any) { // cloud-init reads several delimiters as one
                                reject(found, open->line, no_empty_line);
                                open->line = lines.number();
                                continue;
                        }

                        if (!open && kind == LineKind::closing) {
                                ended = true;
                                // Go has not seen yet that lines end in LF, and takes this one for text.
                                if (body.substr(lines.begin(), lines.end() - lines.begin())
                                                .ends_with("\r\n"))
                                        return;
                                continue;
                        }

                        if (open)
                                close(*open, body, lines.begin(), depth, found);
                        if (kind == LineKind::closing) {
                                found.epilogue = body.substr(lines.end());
                                found.epilogue_line = lines.number() + 1;
                                return;
                        }

                        open.emplace().line = lines.number();
                }

                if (!open && !ended)
                        reject(found, std::max(first_line - 1, 1),
                                fmt::format("no MIME part after this header: no line is '{}'", delimiter));

                // Go takes the parts before a delimiter or a header at the end.
                if (!open || (!open->in_body && !found.error && (open->any || body.ends_with('\n'))))
                        return;

                reject(found, open->line,
                        fmt::format("this MIME part has no end: no line after it is '{}--'", delimiter));

                if (open->any)
                        close(*open, body, body.size(), depth, found);
        }

        void reject(MimeDocument& found, int line, std::string_view what) const
        {
                if (!found.error)
                        found.error = syntax_error(*source_, line, what);
        }

private:
        enum class LineKind { content, delimiter, closing };

        static constexpr std::string_view no_empty_line = "no empty line after the header of this MIME part";

        struct OpenPart {
                int line = 0;     // of its delimiter
                bool any = false; // a line of it has been read
                HeaderReader header{HeaderReader::Of::part};
                bool in_body = false;
                std::size_t body_begin = 0;
                int body_line = 0;
        };

        static LineKind classify(std::string_view line, std::string_view delimiter)
        {
                if (!line.starts_with(delimiter))
                        return LineKind::content;

                line.remove_prefix(delimiter.size());
                const bool closing = line.starts_with("--");
                if (closing)
                        line.remove_prefix(2);
                if (line.find_first_not_of(blanks) != std::string_view::npos)
                        return LineKind::content; // it only begins in the same way

                return closing ? LineKind::closing : LineKind::delimiter;
        }

        void content(OpenPart& part, const Lines& lines, MimeDocument& found) const
        {
                part.any = true;
                if (part.in_body)
                        return;

                const auto kind = part.header.take(lines.line(), lines.number());
                if (kind == HeaderLine::odd || kind == HeaderLine::body)
                        reject(found, lines.number(),
                                "not a 'Name: value' line of a MIME part's header, which ends with an empty "
                                "line");

                if (kind == HeaderLine::end || kind == HeaderLine::body) {
                        const bool here = kind == HeaderLine::body;
                        part.in_body = true;
                        part.body_begin = here ? lines.begin() : lines.end();
                        part.body_line = lines.number() + (here ? 0 : 1);
                }
        }

        void close(const OpenPart& part, std::string_view text, std::size_t end, std::size_t depth,
                MimeDocument& found)
        {
                if (!part.in_body)
                        reject(found, part.line, no_empty_line);
                auto body = part.in_body ? text.substr(part.body_begin, end - part.body_begin) : "";

                // The line break before a delimiter belongs to the delimiter.
                if (body.ends_with('\n'))
                        body.remove_suffix(1);
                if (body.ends_with('\r'))
                        body.remove_suffix(1);

                const auto& header = part.header.header;
                const auto type = read_content_type(header);
                const auto wrong = content_type_error(type);
                if (!type.valid)
                        reject(found, header.content_type_line, wrong);

                if (!type.is_multipart()) {
                        found.parts.push_back({.content_type = type.name,
                                .body = decoded(body, header),
                                .line = part.body_line});
                        return;
                }

                // nodeadm ignores it, and so no error in it is one of the document.
                MimeDocument nested;
                if (!wrong.empty())
                        reject(nested, header.content_type_line, wrong);

                if (depth >= mime_depth_limit)
                        reject(nested, part.line,
                                fmt::format("more than {} multiparts in each other", mime_depth_limit));
                else if (type.boundary)
                        multipart(body, part.body_line, *type.boundary, depth + 1, nested);

                if (nested.error)
                        found.nested_errors.emplace_back(nested.error->what());
                std::ranges::move(nested.nested_errors, std::back_inserter(found.nested_errors));

                if (found.nested_errors.size() > mime_error_limit)
                        found.nested_errors.resize(mime_error_limit);

                for (auto& inner : nested.parts) {
                        inner.nested = true;
                        inner.in_broken = inner.in_broken || nested.error;
                        found.parts.push_back(std::move(inner));
                }
        }

        const std::string* source_;
};

struct Message {
        Header header;
        HeaderLine end = HeaderLine::field; // `field` if the text ends in the header
        std::size_t body = 0;               // where it begins
        int body_line = 0;
};

// Nothing if the first line is not one of a header.
std::optional<Message> read_header(std::string_view text)
{
        if (text.empty() || blanks.find(text.front()) != std::string_view::npos)
                return std::nullopt;

        Lines lines(text, 1);
        HeaderReader reader(HeaderReader::Of::document);

        while (lines.next()) {
                // Mail folders and some tools write this first; cloud-init ignores it.
                if (lines.number() == 1 && lines.line().starts_with("From "))
                        continue;

                const auto kind = reader.take(lines.line(), lines.number());
                if (kind == HeaderLine::field || kind == HeaderLine::odd)
                        continue;
                if (lines.number() == 1)
                        return std::nullopt;

                const bool here = kind == HeaderLine::body;
                return Message{reader.header, kind, here ? lines.begin() : lines.end(),
                        lines.number() + (here ? 0 : 1)};
        }

        return Message{reader.header, HeaderLine::field, text.size(), lines.number() + 1};
}

} // namespace

std::optional<MimeDocument> parse_mime(std::string_view text, const std::string& source)
{
        const auto message = read_header(text);
        if (!message || !means_multipart(message->header))
                return std::nullopt;

        Parser parser(source);
        MimeDocument found;
        const auto type = read_content_type(message->header);

        if (message->end != HeaderLine::end)
                parser.reject(found,
                        message->end == HeaderLine::body ? message->body_line : message->body_line - 1,
                        "no empty line after the header of a MIME document");

        if (const auto wrong = content_type_error(type); !wrong.empty())
                parser.reject(found, message->header.content_type_line, wrong);
        if (type.boundary)
                parser.multipart(text.substr(message->body), message->body_line, *type.boundary, 1, found);

        return found;
}

std::optional<MimePart> parse_mime_message(std::string_view text)
{
        constexpr std::size_t cloud_init_looks = 4096; // bytes
        if (lower(text.substr(0, cloud_init_looks)).find("mime-version:") == std::string::npos)
                return std::nullopt;

        const auto message = read_header(text);
        if (!message)
                return MimePart{.content_type = {}, .body = std::string(text), .line = 1};

        return MimePart{.content_type = read_content_type(message->header).name,
                .body = decoded(text.substr(message->body), message->header),
                .line = message->body_line};
}

bool begins_with_content_type(std::string_view text)
{
        const auto message = read_header(text);
        return message && message->header.content_type;
}

} // namespace eks
