// SPDX-License-Identifier: Apache-2.0
#include "config/shell_calls.hpp"

#include <set>
#include <utility>

#include "config/shell_lexer.hpp"
#include "config/shell_wrappers.hpp"

namespace eks {

namespace {

class Script {
public:
        Script(std::string_view text, const std::string& source, std::string_view program,
                std::span<const std::string_view> looked_at)
                : lexer_(text, source), program_(program), looked_at_(looked_at)
        {
        }

        std::vector<ShellCall> calls()
        {
                for (;;) {
                        auto token = lexer_.next();
                        if (token.kind == ShellToken::Kind::word)
                                take_word(std::move(token.word));
                        else if (token.kind == ShellToken::Kind::control)
                                take_control(token.control);
                        else
                                break;
                }
                end_command();
                return std::move(calls_);
        }

private:
        // --- Where commands begin and end, and which are under a condition

        enum class BlockKind { words, paren }; // if…fi and the like; (…)
        struct Block {
                BlockKind kind;
                bool conditional;
                bool outer_list_conditional;
                std::set<std::string> assigned; // may not have happened, once the block has ended
        };

        void take_word(ShellWord word)
        {
                if (function_name_) {
                        function_name_ = false;
                        function_body_ = true;
                        return;
                }
                if (!words_.empty() || !take_keyword(word.plain()))
                        words_.push_back(std::move(word));
        }

        // `if`, `{` and others count only where a command may begin. False if the word is part of a command.
        bool take_keyword(std::string_view word)
        {
                if (word == "if" || word == "while" || word == "until") {
                        push_block(BlockKind::words, true);
                } else if (word == "for" || word == "case" || word == "select") {
                        push_block(BlockKind::words, true);
                        return false;
                } else if (word == "{") {
                        push_block(BlockKind::words, std::exchange(function_body_, false));
                } else if (word == "fi" || word == "done" || word == "esac" || word == "}") {
                        pop_block(BlockKind::words);
                } else if (word == "else" || word == "elif") {
                        end_branch();
                } else if (word == "function") {
                        function_name_ = true;
                } else {
                        return word == "then" || word == "do" || word == "!";
                }
                return true;
        }

        void take_control(std::string_view control)
        {
                if (control == "(" && words_.size() == 1 && lexer_.take_closing_paren()) {
                        words_.clear();
                        function_body_ = true;
                        return;
                }
                if (control == "(" && function_body_ && words_.empty() && lexer_.take_closing_paren())
                        return; // "function name()"
                if (control == "|" || control == "&")
                        list_conditional_ = true; // a process of its own: its assignments stay there
                const bool sure = end_command();
                if (control == "&&" || control == "||") {
                        list_conditional_ = list_conditional_ || !sure || control == "||";
                } else if (control == "(") {
                        function_body_ = false;
                        push_block(BlockKind::paren, true);
                } else if (control == ")") {
                        pop_block(BlockKind::paren);
                } else if (control != "|") {
                        end_list();
                        if (control == ";;")
                                end_branch();
                }
        }

        void push_block(BlockKind kind, bool conditional)
        {
                blocks_.push_back({kind, conditional || list_conditional_, list_conditional_, {}});
                list_conditional_ = false;
        }

        void pop_block(BlockKind kind)
        {
                if (blocks_.empty() || blocks_.back().kind != kind)
                        return; // the ')' of a pattern in `case`
                end_list();
                auto block = std::move(blocks_.back());
                blocks_.pop_back();
                list_conditional_ = block.outer_list_conditional;
                if (block.conditional)
                        forget(block.assigned);
                else if (!blocks_.empty())
                        note_assigned(std::move(block.assigned));
        }

        // Of `if` or `case`: another one is as likely to run.
        void end_branch()
        {
                if (!blocks_.empty())
                        forget(blocks_.back().assigned);
        }

        void end_list()
        {
                list_conditional_ = false;
                forget(list_assigned_);
        }

        void forget(std::set<std::string>& names)
        {
                for (const auto& name : names)
                        variables_.make_unknown(name, "set under a condition");
                names.clear();
        }

        void note_assigned(std::string_view name)
        {
                if (list_conditional_)
                        list_assigned_.emplace(name);
                if (!blocks_.empty())
                        blocks_.back().assigned.emplace(name);
        }

        void note_assigned(std::set<std::string> names)
        {
                auto& all = blocks_.back().assigned;
                if (all.size() < names.size()) // the smaller into the larger, however deep it goes
                        all.swap(names);
                all.merge(names);
        }

        // --- What a command does to variables, or calls

        // True if it can only succeed: it holds nothing but assignments.
        bool end_command()
        {
                const auto words = std::exchange(words_, {});
                std::size_t first = 0;
                while (first < words.size() && shell_assignment(words[first]))
                        ++first;
                if (first < words.size())
                        return run(std::span(words).first(first), std::span(words).subspan(first));
                for (const auto& word : words)
                        if (const auto parts = shell_assignment(word))
                                assign(word, *parts, all_exported_);
                return true;
        }

        // Assignments in front of a command are the command's own.
        bool run(std::span<const ShellWord> assignments, std::span<const ShellWord> command)
        {
                const auto arguments = command.subspan(1);
                const auto name = command[0].plain();
                if (name == "export" || name == "declare" || name == "typeset" || name == "readonly" ||
                        name == "local") {
                        declare(name, arguments);
                        return true;
                }
                if (name == "set")
                        set_options(arguments);
                else if (name == "read" || name == "mapfile" || name == "readarray" || name == "getopts" ||
                         name == "for" || name == "select" || name == "let" || name == "printf")
                        spoil(name, arguments);
                else if (name == "unset")
                        for (const auto& word : arguments)
                                variables_.erase(word.plain());
                else if (name.empty() || may_run(name, program_))
                        recognise(assignments, command);
                return false;
        }

        void assign(const ShellWord& word, const ShellAssignment& parts, bool exported)
        {
                variables_.assign(word, parts, exported);
                note_assigned(parts.name);
        }

        void declare(std::string_view command, std::span<const ShellWord> arguments)
        {
                bool exported = command == "export" || all_exported_;
                for (const auto& word : arguments) {
                        const auto plain = word.plain();
                        if (plain.starts_with('-')) {
                                exported = exported || plain.find('x') != std::string_view::npos;
                                if (command == "export" && plain == "-n")
                                        exported = false;
                        } else if (const auto parts = shell_assignment(word)) {
                                assign(word, *parts, exported);
                        } else if (exported || command == "export") {
                                variables_.set_exported(plain, exported);
                        }
                }
        }

        void set_options(std::span<const ShellWord> arguments)
        {
                for (std::size_t i = 0; i < arguments.size(); ++i) {
                        const auto option = arguments[i].plain();
                        const bool on = option.starts_with('-');
                        if ((!on && !option.starts_with('+')) || option == "--")
                                break;
                        const bool named = option.ends_with('o') && i + 1 < arguments.size();
                        if (option.find('a') != std::string_view::npos ||
                                (named && arguments[i + 1].plain() == "allexport"))
                                all_exported_ = on;
                        if (named)
                                ++i;
                }
        }

        // Commands that give variables a value of their own.
        void spoil(std::string_view command, std::span<const ShellWord> arguments)
        {
                for (std::size_t i = 0; i < arguments.size(); ++i) {
                        const auto plain = arguments[i].plain();
                        const auto name = plain.substr(0, shell_name_length(plain));
                        const bool first_only = command == "for" || command == "select";
                        const bool after_option = i > 0 && arguments[i - 1].plain() == "-v";
                        const bool target = command == "printf" ? after_option : i == 0 || !first_only;
                        if (!name.empty() && target)
                                variables_.make_unknown(std::string(name), "set by the running script");
                }
        }

        // A call of the program, by itself or by way of sudo, bash and the like.
        void recognise(std::span<const ShellWord> assignments, std::span<const ShellWord> command)
        {
                std::vector<ShellValue> values;
                for (const auto& word : command)
                        variables_.expand(word, values);

                auto wrapped = find_wrapped_program(values, program_);
                if (!wrapped)
                        return;
                const auto program = values.begin() + static_cast<std::ptrdiff_t>(wrapped->index);
                ShellCall call{.where = program->where,
                        .arguments = {},
                        .environment = variables_.environment(looked_at_, wrapped->sourced),
                        .lost_to_sudo = {}};
                for (const auto& word : assignments)
                        if (const auto parts = shell_assignment(word))
                                call.environment.insert_or_assign(
                                        std::string(parts->name), variables_.assigned_value(word, *parts));
                if (wrapped->environment_lost)
                        call.lost_to_sudo = std::exchange(call.environment, {});
                for (auto& [name, value] : wrapped->environment)
                        call.environment.insert_or_assign(name, std::move(value));
                call.arguments.assign(program + 1, values.end());
                calls_.push_back(std::move(call));
        }

        ShellLexer lexer_;
        std::string_view program_;
        std::span<const std::string_view> looked_at_; // variables
        std::vector<ShellWord> words_;                // of the command being read
        std::vector<Block> blocks_;
        bool function_name_ = false; // comes next
        bool function_body_ = false; // comes next
        bool list_conditional_ = false;
        std::set<std::string> list_assigned_;
        bool all_exported_ = false;
        ShellVariables variables_;
        std::vector<ShellCall> calls_;
};

} // namespace

std::vector<ShellCall> find_shell_calls(std::string_view script, const std::string& source,
        std::string_view program, std::span<const std::string_view> variables)
{
        return Script(script, source, program, variables).calls();
}

} // namespace eks
