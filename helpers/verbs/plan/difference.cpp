// SPDX-License-Identifier: Apache-2.0
#include "verbs/plan/difference.hpp"

#include <algorithm>
#include <sys/stat.h>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "base/secrets.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

constexpr std::string_view hidden = "(hidden)";
constexpr std::size_t context = 2;           // lines around a change
constexpr std::size_t line_limit = 60;       // of one file
constexpr std::size_t long_line = 160;       // bytes
constexpr std::size_t table_limit = 4000000; // of two middles; beyond, all of them counts as changed

std::string_view without_quotes(std::string_view word)
{
        while (!word.empty() && (word.front() == '"' || word.front() == '\'' || word.front() == ' '))
                word.remove_prefix(1);
        while (!word.empty() && (word.back() == '"' || word.back() == '\'' || word.back() == ' '))
                word.remove_suffix(1);
        return word;
}

// --NAME=VALUE and --NAME VALUE among the words of a line; a value may hold blanks, and ends at the next
// flag.
std::string hide_flags(const std::string& line)
{
        std::vector<std::string> words;
        bool hides = false;

        for (const auto word : split(line, ' ')) {
                const auto dashes = std::min(word.find("--"), word.size());
                const auto equals = std::min(word.find('=', dashes), word.size());
                const bool names =
                        dashes != word.size() && names_secret(word.substr(dashes, equals - dashes));

                if (hides && dashes != 0) {
                        if (!words.back().ends_with(hidden))
                                words.emplace_back(hidden);
                        continue;
                }

                hides = names;
                words.push_back(names && equals != word.size()
                                        ? std::string(word.substr(0, equals + 1)).append(hidden)
                                        : std::string(word));
        }

        return join(words, " ");
}

// Tracks, line by line, whether the table or map of a line is secret.
class Hider {
public:
        std::string line(std::string_view line)
        {
                const auto indent = std::min(line.find_first_not_of(" \t"), line.size());
                const auto text = line.substr(indent);
                const auto kept = std::string(line.substr(0, indent));

                if (below_ != nowhere) {
                        if (indent > below_ || text.empty())
                                return kept + std::string(text.empty() ? "" : hidden);
                        below_ = nowhere;
                        if (text.starts_with(']') || text.starts_with('}'))
                                return std::string(line);
                }

                if (text.size() > 2 && text.starts_with('[') && text.ends_with(']') &&
                        text.find('=') == text.npos) { // the head of a table of TOML
                        const auto parts = split(text.substr(1, text.size() - 2), '.');
                        table_ = std::ranges::any_of(parts,
                                [](std::string_view part) { return names_secret(without_quotes(part)); });
                        return std::string(line);
                }

                const auto end = text.find_first_of("=:");
                const auto key = without_quotes(text.substr(0, end));
                const bool is_key = end != text.npos && key.find_first_of(" /") == key.npos;
                if (is_key && (table_ || names_secret(key))) {
                        const bool opens = text.ends_with('{') || text.ends_with('[') || text.ends_with(':');
                        if (opens)
                                below_ = indent;
                        return kept + std::string(opens ? text : text.substr(0, end + 1)) +
                               std::string(opens ? "" : " ") + std::string(opens ? "" : hidden);
                }

                return kept + hide_flags(hide_secrets(text));
        }

private:
        static constexpr std::size_t nowhere = std::string::npos;
        std::size_t below_ = nowhere; // the indentation of a key whose content is hidden
        bool table_ = false;
};

// kubelet's flags are one line of its environment file.
std::vector<std::string> shown_lines(std::string_view text)
{
        std::vector<std::string> result;
        for (auto line : lines(text)) {
                const bool is_long = line.size() > long_line;
                for (auto flag = line.find(" --", 1); is_long && flag != line.npos;
                        flag = line.find(" --", 1)) {
                        result.emplace_back(line.substr(0, flag));
                        line.remove_prefix(flag);
                }

                result.emplace_back(line);
        }

        return result;
}

struct Line {
        char sign; // ' ', '-' or '+'
        std::string text;
};

// The longest common subsequence of the two middles, by the usual table.
std::vector<Line> compare(std::span<const std::string> before, std::span<const std::string> after)
{
        std::vector<Line> result;
        const auto rows = before.size();

        const auto columns = after.size();
        const bool all = rows * columns > table_limit;
        std::vector<std::vector<unsigned>> common(
                all ? 0 : rows + 1, std::vector<unsigned>(all ? 0 : columns + 1, 0));
        for (std::size_t i = all ? 0 : rows; i-- > 0;)
                for (std::size_t j = columns; j-- > 0;)
                        common[i][j] = before[i] == after[j] ? common[i + 1][j + 1] + 1
                                                             : std::max(common[i + 1][j], common[i][j + 1]);

        std::size_t i = 0;
        std::size_t j = 0;
        while (i < rows || j < columns) {
                if (!all && i < rows && j < columns && before[i] == after[j]) {
                        result.push_back({' ', before[i++]});
                        ++j;
                } else if (i < rows && (all || j == columns || common[i + 1][j] >= common[i][j + 1])) {
                        result.push_back({'-', before[i++]});
                } else {
                        result.push_back({'+', after[j++]});
                }
        }

        return result;
}

std::vector<Line> compare_texts(std::string_view before, std::string_view after)
{
        const auto old_lines = shown_lines(before);
        const auto new_lines = shown_lines(after);
        std::size_t first = 0;
        while (first < old_lines.size() && first < new_lines.size() && old_lines[first] == new_lines[first])
                ++first;

        std::size_t last = 0;
        while (last < old_lines.size() - first && last < new_lines.size() - first &&
                old_lines[old_lines.size() - 1 - last] == new_lines[new_lines.size() - 1 - last])
                ++last;

        std::vector<Line> result;
        for (std::size_t i = 0; i < first; ++i)
                result.push_back({' ', old_lines[i]});
        const auto middle = compare(std::span(old_lines).subspan(first, old_lines.size() - first - last),
                std::span(new_lines).subspan(first, new_lines.size() - first - last));
        result.insert(result.end(), middle.begin(), middle.end());

        for (std::size_t i = old_lines.size() - last; i < old_lines.size(); ++i)
                result.push_back({' ', old_lines[i]});

        return result;
}

// Only root may read it, as it is or as it will be.
bool is_private(const Root& root, const File& file)
{
        struct stat st {};
        const bool now = ::stat(root(file.path).c_str(), &st) == 0 && (st.st_mode & 0004) == 0;
        return now || (file.kind == File::Kind::regular && (file.mode & 0004) == 0);
}

std::string_view fate_of(const FileChange& change, bool exists)
{
        switch (change.outcome) {
        case Outcome::edit_stands:
                return "was edited by hand and stays as it is";
        case Outcome::removed:
                return "is removed";
        case Outcome::edit_kept_beside:
                return "was edited by hand; the edited file is kept as .user-edited";
        default:
                return exists ? "changes" : "is new";
        }
}

} // namespace

std::string hide_values(std::string_view text)
{
        Hider hider;
        std::string result;
        for (const auto line : lines(text))
                result += hider.line(line) + "\n";
        return result;
}

std::string difference(std::string_view before, std::string_view after)
{
        const auto all = compare_texts(before, after);
        std::string text;
        std::size_t shown = 0;
        std::size_t left_out = 0;
        std::size_t old_line = 1;
        std::size_t new_line = 1;

        for (std::size_t i = 0; i < all.size();) {
                const auto is_near = [&](std::size_t at) { // a change within the lines around
                        for (auto k = at - std::min(at, context); k < std::min(all.size(), at + context + 1);
                                ++k)
                                if (all[k].sign != ' ')
                                        return true;
                        return false;
                };

                if (!is_near(i)) {
                        ++i;
                        ++old_line;
                        ++new_line;
                        continue;
                }

                auto end = i;
                std::size_t old_count = 0;
                std::size_t new_count = 0;
                std::string hunk;

                for (; end < all.size() && is_near(end); ++end) {
                        old_count += all[end].sign != '+' ? 1U : 0U;
                        new_count += all[end].sign != '-' ? 1U : 0U;
                        if (shown++ < line_limit)
                                hunk += all[end].sign + all[end].text + "\n";
                        else
                                ++left_out;
                }

                if (!hunk.empty())
                        text += fmt::format("@@ -{},{} +{},{} @@\n",
                                        old_count == 0 ? old_line - 1 : old_line, old_count,
                                        new_count == 0 ? new_line - 1 : new_line, new_count) +
                                hunk;
                old_line += old_count;
                new_line += new_count;
                i = end;
        }

        if (left_out > 0)
                text += fmt::format("({} more lines)\n", left_out);

        return text;
}

std::string describe(const Root& root, const FileChange& change)
{
        const auto& file = change.file;
        const auto path = root(file.path);
        const auto present = read_file_if_exists(path);

        auto text = fmt::format("{} {} ({}", file.path, fate_of(change, present.has_value()), change.step);
        if (!change.daemon.empty() && change.outcome != Outcome::edit_stands)
                text += fmt::format("; {} reads it", change.daemon);
        text += ")\n";

        if (change.outcome == Outcome::edit_stands)
                return text + fmt::format("  our version is {}{}\n", rendered_directory, file.path);
        if (file.kind == File::Kind::link)
                return text + fmt::format("  a link to {}\n", file.content);
        if (is_private(root, file))
                return text + "  not shown, because it may be secret: others than root cannot read it\n";

        const auto before = present.value_or("");
        const auto shown = difference(hide_values(before), hide_values(file.content));
        for (const auto line : lines(shown))
                text += fmt::format("  {}\n", line);
        if (shown.empty() && before != file.content)
                text += "  the changes are secret and not shown\n";

        return text;
}

} // namespace eks
