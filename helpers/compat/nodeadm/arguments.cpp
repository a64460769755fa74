// SPDX-License-Identifier: Apache-2.0
#include "compat/nodeadm/arguments.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include "base/command_line.hpp"
#include "base/error.hpp"

namespace eks {

namespace {

struct Option {
        std::string_view name;
        std::string_view letter;
        std::string_view commands; // that have it: i, c, d for init, config check and config dump
        std::vector<std::string> NodeadmOptions::*list = nullptr;
        std::string NodeadmOptions::*text = nullptr;
};

const std::array options{Option{"config-source", "c", "icd", &NodeadmOptions::sources},
        Option{"daemon", "", "i", &NodeadmOptions::daemons},
        Option{"skip", "s", "i", &NodeadmOptions::skips},
        Option{"config-cache", "", "id", nullptr, &NodeadmOptions::cache},
        Option{"config-output", "o", "d", nullptr, &NodeadmOptions::output}};

[[noreturn]] void misused(const std::string& what)
{
        throw Error(failure::usage, what, "See --help");
}

// A word without its dashes, taken apart at "=".
struct Flag {
        std::string name;
        std::optional<std::string> value;
};

Flag parse_flag(std::string_view word)
{
        word.remove_prefix(word.starts_with("--") ? 2 : 1);
        const auto equals = word.find('=');
        Flag flag{std::string(word.substr(0, equals)), std::nullopt};
        if (equals != word.npos)
                flag.value = word.substr(equals + 1);
        return flag;
}

class Parser {
public:
        explicit Parser(const std::vector<std::string>& words) : words_(&words) {}

        NodeadmOptions parse()
        {
                for (; at_ < words_->size(); ++at_) {
                        const auto& word = (*words_)[at_];
                        if (!word.starts_with('-') || word == "-")
                                subcommand(word);
                        else
                                flag(word);
                }

                if (chosen_.empty() && !ends_early_)
                        misused(in_config_ ? "'config' needs 'check' or 'dump'"
                                           : "one of 'init' and 'config' is needed");

                return result_;
        }

private:
        void subcommand(const std::string& word)
        {
                const auto choose = [&](std::string_view letter, NodeadmCommand command) {
                        chosen_ = letter;
                        if (!ends_early_)
                                result_.command = command;
                };
                if (chosen_.empty() && !in_config_ && word == "init")
                        choose("i", NodeadmCommand::init);
                else if (chosen_.empty() && !in_config_ && word == "config")
                        in_config_ = true;
                else if (chosen_.empty() && in_config_ && word == "check")
                        choose("c", NodeadmCommand::check);
                else if (chosen_.empty() && in_config_ && word == "dump")
                        choose("d", NodeadmCommand::dump);
                else
                        misused(fmt::format("unknown argument '{}'", word));
        }

        void flag(const std::string& word)
        {
                auto [name, value] = parse_flag(word);
                if (name == "h" || name == "help" || name == "version") {
                        result_.command = name == "version" ? NodeadmCommand::version : NodeadmCommand::help;
                        ends_early_ = true;
                        return;
                }

                if (name == "d" || name == "development") {
                        if (!parse_boolean(value.value_or("true")))
                                misused(fmt::format("{}: must be true or false", word));
                        return; // nodeadm would log more
                }

                const auto* option = std::ranges::find_if(options, [&name = name](const Option& known) {
                        return known.name == name || (!known.letter.empty() && known.letter == name);
                });

                if (option == options.end() || chosen_.empty() ||
                        option->commands.find(chosen_) == std::string_view::npos)
                        misused(fmt::format("unknown option '{}'", word));

                if (!value) {
                        if (at_ + 1 == words_->size())
                                misused(fmt::format("'{}' needs a value", word));
                        value = (*words_)[++at_];
                }

                if (option->list != nullptr)
                        (result_.*option->list).push_back(*std::move(value));
                else
                        result_.*option->text = *std::move(value);
        }

        const std::vector<std::string>* words_;
        std::size_t at_ = 0;
        NodeadmOptions result_;
        std::string chosen_; // letter of the subcommand
        bool in_config_ = false;
        bool ends_early_ = false;
};

bool holds(const std::vector<std::string>& list, std::string_view text)
{
        return std::ranges::find(list, text) != list.end();
}

} // namespace

bool NodeadmOptions::skips_phase(std::string_view phase) const
{
        return holds(skips, phase);
}

bool NodeadmOptions::concerns(std::string_view daemon) const
{
        return daemons.empty() || holds(daemons, daemon);
}

NodeadmOptions parse_nodeadm_options(const std::vector<std::string>& words)
{
        auto parsed = Parser(words).parse();
        if (parsed.sources.empty())
                parsed.sources.emplace_back("imds://user-data");
        return parsed;
}

} // namespace eks
