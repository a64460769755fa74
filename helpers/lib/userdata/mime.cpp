// SPDX-License-Identifier: Apache-2.0
#include "userdata/mime.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/text.hpp"
#include "document/layer.hpp"
#include "userdata/base64.hpp"

namespace eks {

namespace {

constexpr std::string_view blanks = " \t";

[[noreturn]] void syntax_error(const std::string& source, int line, std::string_view what)
{
        throw Error(failure::config_syntax, fmt::format("{}: {}", Where{source, line, 1}.text(), what),
                "Correct the MIME document; `cloud-init devel make-mime` writes such documents");
}

// RFC 2045: the characters of a type, a parameter's name or an unquoted value.
bool token_character(char c)
{
        constexpr std::string_view special = "()<>@,;:\\\"/[]?=";
        return c > 0x20 && c < 0x7f && special.find(c) == std::string_view::npos;
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

enum class HeaderLine { field, end, malformed };

class HeaderReader {
public:
        HeaderLine take(std::string_view line, int number)
        {
                if (line.empty())
                        return HeaderLine::end;
                if (blanks.find(line.front()) != std::string_view::npos) { // it continues the previous field
                        if (!any_)
                                return HeaderLine::malformed;
                        if (current_ != nullptr)
                                current_->append(current_->empty() ? "" : " ").append(trim(line));
                        return HeaderLine::field;
                }
                const auto colon = line.find(':');
                const auto name = line.substr(0, colon);
                const bool printable =
                        std::ranges::all_of(name, [](char c) { return c > 0x20 && c < 0x7f; });
                if (colon == std::string_view::npos || name.empty() || !printable)
                        return HeaderLine::malformed;
                any_ = true;
                start_field(lower(name), trim(line.substr(colon + 1)), number);
                return HeaderLine::field;
        }

        Header header;

private:
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

        std::string* current_ = nullptr;
        bool any_ = false;
};

struct ContentType {
        std::string name; // lower case
        std::string boundary;
};

// "multipart/mixed; boundary=\"//\""; nothing for another form.
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
        const auto slash = name.find('/');
        if (!is_token(name.substr(0, slash)) ||
                (slash != std::string_view::npos && !is_token(name.substr(slash + 1))))
                return std::nullopt;
        ContentType type{.name = lower(name), .boundary = {}};
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
                                if (text[i] == '\\' && i + 1 < text.size())
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
                if (lower(parameter) == "boundary" && type.boundary.empty())
                        type.boundary = std::move(value);
        }
        return text.empty() ? std::optional(std::move(type)) : std::nullopt;
}

bool is_multipart(const ContentType& type)
{
        return type.name.starts_with("multipart/");
}

// Only used to distinguish a broken multipart document from other text.
bool means_multipart(const Header& header)
{
        return header.content_type && lower(*header.content_type).starts_with("multipart/");
}

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

class Parser {
public:
        explicit Parser(const std::string& source) : source_(&source) {}

        std::vector<MimePart> parts;

        ContentType content_type(const Header& header) const
        {
                const auto line = header.content_type_line;
                auto type = parse_content_type(header.content_type.value_or(""));
                if (!type)
                        syntax_error(*source_, line, "Content-Type is malformed");
                if (is_multipart(*type) && type->boundary.empty())
                        syntax_error(*source_, line, "Content-Type is multipart, but has no boundary");
                return *std::move(type);
        }

        // `body` begins on line `first_line` of the document.
        void multipart(std::string_view body, int first_line, const std::string& boundary, std::size_t depth)
        {
                const auto delimiter = "--" + boundary;
                Lines lines(body, first_line);
                std::optional<OpenPart> open;
                while (lines.next()) {
                        const auto kind = classify(lines.line(), delimiter);
                        if (kind == LineKind::content) {
                                if (open)
                                        content(*open, lines);
                                continue;
                        }
                        if (open)
                                close(*open, body, lines.begin(), depth);
                        if (kind == LineKind::closing)
                                return;
                        open.emplace().line = lines.number();
                        if (++begun_ > mime_part_limit)
                                syntax_error(*source_, lines.number(),
                                        fmt::format("more than {} MIME parts", mime_part_limit));
                }
                if (!open)
                        syntax_error(*source_, std::max(first_line - 1, 1),
                                fmt::format("no MIME part after this header: no line is '{}'", delimiter));
                syntax_error(*source_, open->line,
                        fmt::format("this MIME part has no end: no line after it is '{}--'", delimiter));
        }

private:
        enum class LineKind { content, delimiter, closing };

        struct OpenPart {
                int line = 0; // of its delimiter
                HeaderReader header;
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

        void content(OpenPart& part, const Lines& lines) const
        {
                if (part.in_body)
                        return;
                switch (part.header.take(lines.line(), lines.number())) {
                case HeaderLine::field:
                        break;
                case HeaderLine::end:
                        part.in_body = true;
                        part.body_begin = lines.end();
                        part.body_line = lines.number() + 1;
                        break;
                case HeaderLine::malformed:
                        syntax_error(*source_, lines.number(),
                                "not a 'Name: value' line of a MIME part's header, which ends with an empty "
                                "line");
                }
        }

        void close(const OpenPart& part, std::string_view text, std::size_t end, std::size_t depth)
        {
                if (!part.in_body)
                        syntax_error(
                                *source_, part.line, "no empty line after the header of this MIME part");
                auto body = text.substr(part.body_begin, end - part.body_begin);
                // The line break before a delimiter belongs to the delimiter.
                if (body.ends_with('\n'))
                        body.remove_suffix(1);
                if (body.ends_with('\r'))
                        body.remove_suffix(1);

                const auto& header = part.header.header;
                const auto type = header.content_type ? content_type(header) : ContentType{};
                if (!is_multipart(type)) {
                        parts.push_back({type.name, decoded(body, header, part.body_line), part.body_line});
                        return;
                }
                if (depth >= mime_depth_limit)
                        syntax_error(*source_, part.line,
                                fmt::format("more than {} multiparts in each other", mime_depth_limit));
                multipart(body, part.body_line, type.boundary, depth + 1);
        }

        std::string decoded(std::string_view body, const Header& header, int line) const
        {
                const auto encoding = lower(header.encoding.value_or(""));
                if (encoding == "quoted-printable")
                        return quoted_printable(body, line);
                if (encoding != "base64")
                        return std::string(body);
                auto bytes = decode_base64(body);
                if (!bytes)
                        syntax_error(*source_, line, "this MIME part says that it is base64, but it is not");
                return *std::move(bytes);
        }

        std::string quoted_printable(std::string_view body, int first_line) const
        {
                std::string result;
                result.reserve(body.size());
                Lines lines(body, first_line);
                while (lines.next()) {
                        auto line = lines.line();
                        const auto newline = body.substr(
                                lines.begin() + line.size(), lines.end() - lines.begin() - line.size());
                        // Blanks at the end were added in transport, because a sender encodes its own.
                        line = line.substr(0, line.find_last_not_of(blanks) + 1);
                        const bool goes_on = line.ends_with('=');
                        if (goes_on)
                                line.remove_suffix(1);
                        for (std::size_t i = 0; i < line.size(); ++i) {
                                if (line[i] != '=') {
                                        result += line[i];
                                        continue;
                                }
                                const auto high =
                                        i + 2 < line.size() ? hex_digit(line[i + 1]) : std::nullopt;
                                const auto low = i + 2 < line.size() ? hex_digit(line[i + 2]) : std::nullopt;
                                if (!high || !low)
                                        syntax_error(*source_, lines.number(),
                                                "'=' without two hex digits in quoted-printable text");
                                result += static_cast<char>(*high * 16 + *low);
                                i += 2;
                        }
                        if (!goes_on)
                                result += newline;
                }
                return result;
        }

        const std::string* source_;
        std::size_t begun_ = 0;
};

} // namespace

std::optional<std::vector<MimePart>> parse_mime(std::string_view text, const std::string& source)
{
        Lines lines(text, 1);
        HeaderReader reader;
        auto last = HeaderLine::field;
        while (last == HeaderLine::field && lines.next()) {
                // Mail folders and some tools write this first; cloud-init ignores it.
                if (lines.number() == 1 && lines.line().starts_with("From "))
                        continue;
                last = reader.take(lines.line(), lines.number());
        }
        const auto& header = reader.header;
        if (!means_multipart(header))
                return std::nullopt;
        if (last != HeaderLine::end)
                syntax_error(source, lines.number(), "no empty line after the header of a MIME document");

        Parser parser(source);
        const auto type = parser.content_type(header);
        parser.multipart(text.substr(lines.end()), lines.number() + 1, type.boundary, 1);
        return std::move(parser.parts);
}

} // namespace eks
