// SPDX-License-Identifier: Apache-2.0
#include "config/shell_variables.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"

namespace eks {

namespace {

constexpr std::size_t expansion_limit = 4U << 20U; // bytes of all expansions of a script together

void mark_unknown(ShellValue& value, std::string_view wrong, std::string_view shown)
{
        if (!value.known())
                return; // the first reason will do
        value.wrong = wrong;
        value.shown = shown;
}

} // namespace

std::optional<ShellAssignment> shell_assignment(const ShellWord& word)
{
        if (word.pieces.empty() || word.pieces[0].kind != ShellPiece::Kind::text || word.pieces[0].quoted)
                return std::nullopt;
        const std::string_view text = word.pieces[0].text;
        const auto name = shell_name_length(text);
        const auto rest = text.substr(name);
        const bool append = rest.starts_with("+=");
        if (name == 0 || (!append && !rest.starts_with('=')))
                return std::nullopt;
        return ShellAssignment{text.substr(0, name), append, name + (append ? 2U : 1U)};
}

ShellValue ShellVariables::assigned_value(const ShellWord& word, const ShellAssignment& parts)
{
        ShellValue value{.text = {}, .where = word.where, .wrong = {}, .shown = {}};
        if (parts.append)
                append_variable(value, parts.name);
        append(value, std::string_view(word.pieces[0].text).substr(parts.value));
        for (std::size_t i = 1; i < word.pieces.size(); ++i)
                append_piece(value, word.pieces[i]);
        return value;
}

void ShellVariables::assign(const ShellWord& word, const ShellAssignment& parts, bool exported)
{
        auto value = assigned_value(word, parts);
        auto& variable = variables_[std::string(parts.name)];
        variable.value = std::move(value);
        variable.exported = variable.exported || exported;
}

void ShellVariables::make_unknown(const std::string& name, std::string_view wrong)
{
        auto& value = variables_[name].value;
        value.text.clear();
        value.wrong = wrong;
        value.shown = "$" + name;
}

void ShellVariables::erase(std::string_view name)
{
        variables_.erase(std::string(name));
}

void ShellVariables::set_exported(std::string_view name, bool exported)
{
        if (const auto variable = variables_.find(name); variable != variables_.end())
                variable->second.exported = exported;
}

void ShellVariables::expand(const ShellWord& word, std::vector<ShellValue>& values)
{
        const ShellValue blank{.text = {}, .where = word.where, .wrong = {}, .shown = {}};
        std::optional<ShellValue> current;
        const auto here = [&]() -> ShellValue& { return current ? *current : current.emplace(blank); };
        const auto finish = [&] {
                if (current)
                        values.push_back(*std::exchange(current, std::nullopt));
        };
        for (const auto& piece : word.pieces) {
                const auto found = piece.kind == ShellPiece::Kind::variable ? variables_.find(piece.text)
                                                                            : variables_.end();
                const bool splits =
                        !piece.quoted && found != variables_.end() && found->second.value.known();
                if (!splits) {
                        append_piece(here(), piece);
                        continue;
                }
                for (std::string_view rest = found->second.value.text; !rest.empty();) {
                        constexpr std::string_view separators = " \t\n";
                        const auto length = std::min(rest.find_first_of(separators), rest.size());
                        if (length > 0)
                                append(here(), rest.substr(0, length));
                        else
                                finish();
                        rest.remove_prefix(std::max<std::size_t>(length, 1));
                }
        }
        finish();
}

ShellEnvironment ShellVariables::environment(std::span<const std::string_view> names, bool unexported_too)
{
        ShellEnvironment environment;
        for (const auto name : names) {
                const auto found = variables_.find(name);
                if (found == variables_.end() || (!found->second.exported && !unexported_too))
                        continue;
                const auto& value = found->second.value;
                spend(value.text.size(), value.where);
                environment.emplace(name, value);
        }
        return environment;
}

void ShellVariables::spend(std::size_t bytes, const Where& where)
{
        expanded_ += bytes;
        if (expanded_ > expansion_limit)
                throw Error(failure::config_invalid,
                        fmt::format("{}: the script's variables expand to more than {} bytes", where.text(),
                                expansion_limit),
                        "Give the values in the call itself");
}

void ShellVariables::append(ShellValue& value, std::string_view text)
{
        spend(text.size(), value.where);
        value.text += text;
}

void ShellVariables::append_variable(ShellValue& value, std::string_view name)
{
        const auto found = variables_.find(name);
        if (found == variables_.end())
                mark_unknown(value, "not set by the lines above", fmt::format("${}", name));
        else if (!found->second.value.known())
                mark_unknown(value, found->second.value.wrong, found->second.value.shown);
        else
                append(value, found->second.value.text);
}

void ShellVariables::append_piece(ShellValue& value, const ShellPiece& piece)
{
        if (piece.kind == ShellPiece::Kind::text)
                append(value, piece.text);
        else if (piece.kind == ShellPiece::Kind::variable)
                append_variable(value, piece.text);
        else
                mark_unknown(value, piece.wrong, piece.text);
}

} // namespace eks
