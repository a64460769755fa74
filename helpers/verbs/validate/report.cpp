// SPDX-License-Identifier: Apache-2.0
#include "verbs/validate/report.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/json.hpp"
#include "base/secrets.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

struct Finding {
        std::string severity; // error, warning, notice
        Where where;
        std::string message; // without its place
        std::string hint;
};

Finding finding_of(std::string severity, const std::string& text, std::string hint)
{
        const auto safe = hide_secrets(text);
        const auto where = place_in_message(safe);
        const auto prefix = where.text() + ": ";
        return {std::move(severity), where,
                where.line > 0 && safe.starts_with(prefix) ? safe.substr(prefix.size()) : safe,
                std::move(hint)};
}

std::vector<Finding> all_of(const Findings& findings)
{
        std::vector<Finding> all;
        for (const auto& [text, remedy] : findings.problems.all())
                all.push_back(finding_of("error", text, remedy));
        for (const auto& note : findings.notes)
                all.push_back(
                        finding_of(note.level <= Level::warning ? "warning" : "notice", note.text, {}));
        return all;
}

// "user-data:FILE" and "user data" are no names of files.
std::string file_of(const Where& where)
{
        constexpr std::string_view prefix = "user-data:";
        if (where.line == 0)
                return {};
        return where.source.starts_with(prefix) ? where.source.substr(prefix.size()) : where.source;
}

// GitHub splits commands at these characters.
std::string escaped(std::string_view text, bool property)
{
        std::string result;
        for (const char c : text)
                if (c == '%' || c == '\r' || c == '\n' || (property && (c == ':' || c == ',')))
                        result += fmt::format("%{:02X}", static_cast<unsigned char>(c));
                else
                        result += c;
        return result;
}

std::string without_numbers_of_places(std::string_view text)
{
        std::string result;
        while (!text.empty()) {
                const auto end = std::min(text.find(", line "), text.find(", column "));
                if (end == text.npos)
                        break;
                const auto number = text.find(' ', end + 2) + 1;
                const auto behind = std::min(text.find_first_not_of("0123456789", number), text.size());
                result += text.substr(0, number);
                text.remove_prefix(behind);
        }
        return result.append(text);
}

} // namespace

void KnownTexts::add(std::string_view text)
{
        texts_.insert(without_numbers_of_places(text));
}

bool KnownTexts::take(std::string_view text)
{
        const auto found = texts_.find(without_numbers_of_places(text));
        if (found == texts_.end())
                return false;
        texts_.erase(found);
        return true;
}

Findings new_findings(const Findings& before, const Findings& after)
{
        KnownTexts known;
        for (const auto& problem : before.problems.all())
                known.add(problem.text);
        for (const auto& note : before.notes)
                known.add(note.text);

        Findings added;
        for (const auto& [text, remedy] : after.problems.all())
                if (!known.take(text))
                        added.problems.add(text, remedy);
        for (const auto& note : after.notes)
                if (note.level <= Level::warning && !known.take(note.text))
                        added.notes.push_back(note);

        return added;
}

std::string text_of(const Findings& findings)
{
        std::string text;
        for (const auto& note : findings.notes)
                text += fmt::format("{}: {}\n", note.level <= Level::warning ? "warning" : "note",
                        hide_secrets(note.text));

        const auto& problems = findings.problems.all();
        for (std::size_t i = 0; i < problems.size(); ++i) {
                text += fmt::format("error: {}\n", problems[i].text);
                const bool same = i + 1 < problems.size() && problems[i].remedy == problems[i + 1].remedy;
                if (!same && !problems[i].remedy.empty())
                        text += fmt::format("hint: {}\n", problems[i].remedy);
        }

        return text;
}

std::string json_of(const Findings& findings)
{
        auto list = OrderedJson::array();
        for (const auto& [severity, where, message, hint] : all_of(findings)) {
                OrderedJson one{{"severity", severity}};
                if (const auto file = file_of(where); !file.empty()) {
                        one["file"] = file;
                        one["line"] = where.line;
                        one["column"] = where.column;
                }
                one["message"] = message;
                if (!hint.empty())
                        one["hint"] = hint;
                list.push_back(std::move(one));
        }

        const OrderedJson report{{"valid", findings.problems.empty()}, {"findings", std::move(list)}};
        return report.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

std::string github_of(const Findings& findings)
{
        std::string text;
        for (const auto& [severity, where, message, hint] : all_of(findings)) {
                const auto file = file_of(where);
                const auto place = file.empty() ? std::string()
                                                : fmt::format(" file={},line={},col={}", escaped(file, true),
                                                          where.line, where.column);
                text += fmt::format("::{}{}::{}{}\n", severity, place, escaped(message, false),
                        hint.empty() ? "" : escaped(". " + hint, false));
        }

        return text;
}

} // namespace eks
