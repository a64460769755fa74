// SPDX-License-Identifier: Apache-2.0
#include "config/shell_wrappers.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace eks {

namespace {

std::string_view base_name(std::string_view path)
{
        return path.substr(path.rfind('/') + 1);
}

class Unwrapper {
public:
        Unwrapper(std::span<const ShellValue> command, std::string_view program)
                : command_(command), program_(program)
        {
        }

        std::optional<WrappedProgram> find()
        {
                while (const auto* value = here()) {
                        if (value->text == program_)
                                return std::move(result_);
                        ++result_.index;
                        if (!pass(base_name(value->text)))
                                break;
                }
                return std::nullopt;
        }

private:
        const ShellValue* here() const
        {
                const auto i = result_.index;
                return i < command_.size() && command_[i].known() ? &command_[i] : nullptr;
        }

        // Behind the name of a wrapper: go over its own arguments. False if it is none, or runs nothing.
        bool pass(std::string_view name)
        {
                if (name == "sudo") {
                        sudo();
                } else if (name == "env") {
                        env();
                } else if (name == "bash" || name == "sh" || name == "dash") {
                        return shell();
                } else if (name == "source" || name == ".") {
                        result_.sourced = true;
                } else if (name == "exec" || name == "command" || name == "nohup" || name == "time" ||
                           name == "nice") {
                        const auto* next = here();
                        if (name == "command" && next != nullptr &&
                                (next->text == "-v" || next->text == "-V"))
                                return false; // only asks whether it is there
                        options("an");
                } else if (name == "timeout") {
                        options("ks");
                        ++result_.index; // how long
                } else {
                        return false;
                }
                return true;
        }

        // Go over them and return them. Those in `with_value` (one letter each) take the next word too.
        std::span<const ShellValue> options(std::string_view with_value)
        {
                const auto begin = result_.index;
                while (const auto* value = here()) {
                        const std::string_view text = value->text;
                        if (!text.starts_with('-') || text == "-")
                                break;
                        ++result_.index;
                        if (text == "--")
                                break;
                        if (text.size() == 2 && with_value.find(text[1]) != std::string_view::npos)
                                ++result_.index;
                }
                return command_.subspan(begin, std::min(result_.index, command_.size()) - begin);
        }

        void assignments()
        {
                while (const auto* value = here()) {
                        const auto& text = value->text;
                        const auto name = shell_name_length(text);
                        if (name == 0 || name >= text.size() || text[name] != '=')
                                break;
                        auto given = *value;
                        given.text = text.substr(name + 1);
                        result_.environment.insert_or_assign(text.substr(0, name), std::move(given));
                        ++result_.index;
                }
        }

        void sudo()
        {
                const bool kept = std::ranges::any_of(options("ughpCrtTUDR"), [](const ShellValue& option) {
                        const auto& text = option.text;
                        return text.starts_with("--preserve-env") ||
                               (text.starts_with('-') && !text.starts_with("--") &&
                                       text.find('E') != std::string::npos);
                });
                result_.environment_lost = result_.environment_lost || !kept;
                assignments();
        }

        void env()
        {
                for (const auto& option : options("uC"))
                        if (option.text == "-i" || option.text == "--ignore-environment")
                                result_.environment_lost = true;
                assignments();
        }

        // Whether a shell runs the program as its script.
        bool shell()
        {
                while (const auto* value = here()) {
                        const std::string_view text = value->text;
                        if (!text.starts_with('-') && !text.starts_with('+'))
                                break;
                        ++result_.index;
                        if (text.starts_with("--")) {
                                if (text == "--rcfile" || text == "--init-file")
                                        ++result_.index;
                                continue;
                        }
                        if (text.find_first_of("cns") != std::string_view::npos)
                                return false; // it is in a text, on standard input, or not run
                        if (text.ends_with('o') || text.ends_with('O'))
                                ++result_.index;
                }
                return here() != nullptr && here()->text == program_;
        }

        std::span<const ShellValue> command_;
        std::string_view program_;
        WrappedProgram result_;
};

} // namespace

std::optional<WrappedProgram> find_wrapped_program(
        std::span<const ShellValue> command, std::string_view program)
{
        return Unwrapper(command, program).find();
}

bool may_run(std::string_view first_word, std::string_view program)
{
        static constexpr std::array<std::string_view, 13> wrappers{"sudo", "env", "bash", "sh", "dash",
                "source", ".", "exec", "command", "nohup", "time", "nice", "timeout"};
        const auto name = base_name(first_word);
        return name == base_name(program) || std::ranges::find(wrappers, name) != wrappers.end();
}

} // namespace eks
