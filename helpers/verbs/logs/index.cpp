// SPDX-License-Identifier: Apache-2.0
#include "verbs/logs/index.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace eks {

namespace {

constexpr std::string_view plot = "system/systemd-analyze.svg";
constexpr std::size_t kibi = 1024;

// In a link, what is not plain is written as %XX.
std::string escape_link(std::string_view name)
{
        std::string text;
        for (const char c : name) {
                const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                      (c >= '0' && c <= '9') ||
                                      std::string_view("-._/").find(c) != std::string_view::npos;
                text += is_plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
        }

        return text;
}

std::string list(const std::vector<std::string>& lines)
{
        std::string text = "<ul>\n";
        for (const auto& line : lines)
                text += fmt::format("<li>{}</li>\n", escape_html(line));
        return text + "</ul>\n";
}

} // namespace

std::string escape_html(std::string_view text)
{
        std::string result;
        for (const char c : text) {
                if (c == '&')
                        result += "&amp;";
                else if (c == '<')
                        result += "&lt;";
                else if (c == '>')
                        result += "&gt;";
                else if (c == '"')
                        result += "&quot;";
                else
                        result += c;
        }

        return result;
}

std::string index_page(
        const std::string& title, const std::vector<std::string>& facts, const Contents& contents)
{
        std::string text = fmt::format(
                "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{0}</title>\n"
                "<style>body{{font-family:sans-serif;margin:2em}}pre{{background:#eee;padding:1em;overflow:auto}}"
                "img{{max-width:100%}}td{{padding-right:2em}}</style>\n"
                "</head><body>\n<h1>{0}</h1>\n",
                escape_html(title));
        text += list(facts);

        if (!contents.status.empty())
                text += fmt::format("<h2>Status</h2>\n<pre>{}</pre>\n", escape_html(contents.status));
        if (!contents.diagnosis.empty())
                text += fmt::format("<h2>Diagnosis</h2>\n<pre>{}</pre>\n", escape_html(contents.diagnosis));
        if (!contents.problems.empty())
                text += "<h2>What could not be collected</h2>\n" + list(contents.problems);

        if (std::ranges::find(contents.files, plot, &BundleFile::name) != contents.files.end())
                text += fmt::format(
                        "<h2>Boot</h2>\n<a href=\"{0}\"><img src=\"{0}\" alt=\"systemd-analyze plot\"></a>\n",
                        plot);
        text += "<h2>Files</h2>\n<table>\n";

        for (const auto& [name, size] : contents.files)
                text += fmt::format("<tr><td><a href=\"{}\">{}</a></td><td>{} KiB</td></tr>\n",
                        escape_link(name), escape_html(name), (size + kibi - 1) / kibi);

        return text + "</table>\n</body></html>\n";
}

} // namespace eks
