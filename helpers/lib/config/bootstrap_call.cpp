// SPDX-License-Identifier: Apache-2.0
#include "config/bootstrap_call.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <map>
#include <set>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "base/text.hpp"
#include "config/base64.hpp"
#include "config/network.hpp"
#include "config/problems.hpp"

namespace eks {

namespace {

// Bytes that all expansions of a script may have together: `A=$A$A` doubles with every line.
constexpr std::size_t expansion_limit = 4U << 20U;

bool name_start(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool digit(char c)
{
        return c >= '0' && c <= '9';
}
bool name_character(char c)
{
        return name_start(c) || digit(c);
}

// How many characters at the front are a variable's name.
std::size_t name_length(std::string_view text)
{
        if (text.empty() || !name_start(text.front()))
                return 0;
        std::size_t length = 1;
        while (length < text.size() && name_character(text[length]))
                ++length;
        return length;
}

std::string lower(std::string text)
{
        for (auto& c : text)
                if (c >= 'A' && c <= 'Z')
                        c = static_cast<char>(c - 'A' + 'a');
        return text;
}

// A word is complete, if one was begun.
template <typename T>
void finish(std::optional<T>& word, std::vector<T>& words)
{
        if (word)
                words.push_back(*std::move(word));
        word = std::nullopt;
}

// --- What bootstrap.sh understands

struct Option {
        std::string_view flag;
        std::string_view variable; // that bootstrap.sh takes it from too
        std::string_view obsolete; // why it has no meaning today
};

// All of the last AL2 release.
constexpr std::array options{
        Option{"--apiserver-endpoint", "APISERVER_ENDPOINT", ""},
        Option{"--aws-api-retry-attempts", "API_RETRY_ATTEMPTS",
                "every call retries until its unit's timeout"},
        Option{"--b64-cluster-ca", "B64_CLUSTER_CA", ""},
        Option{"--cluster-id", "CLUSTER_ID", ""},
        Option{"--container-runtime", "CONTAINER_RUNTIME", ""},
        Option{"--containerd-config-file", "CONTAINERD_CONFIG_FILE",
                "the file is not read; give its settings as containerd.config"},
        Option{"--dns-cluster-ip", "DNS_CLUSTER_IP", ""},
        Option{"--docker-config-json", "DOCKER_CONFIG_JSON", "there is no Docker on this node"},
        Option{"--enable-docker-bridge", "ENABLE_DOCKER_BRIDGE", "there is no Docker on this node"},
        Option{"--enable-local-outpost", "ENABLE_LOCAL_OUTPOST", ""},
        Option{"--ip-family", "IP_FAMILY", ""},
        Option{"--kubelet-extra-args", "KUBELET_EXTRA_ARGS", ""},
        Option{"--local-disks", "LOCAL_DISKS", ""},
        Option{"--mount-bpf-fs", "MOUNT_BPF_FS", "systemd mounts /sys/fs/bpf on every node"},
        Option{"--pause-container-account", "PAUSE_CONTAINER_ACCOUNT",
                "the pause image is part of the machine image"},
        Option{"--pause-container-version", "PAUSE_CONTAINER_VERSION",
                "the pause image is part of the machine image"},
        Option{"--service-ipv4-cidr", "SERVICE_IPV4_CIDR", ""},
        Option{"--service-ipv6-cidr", "SERVICE_IPV6_CIDR", ""},
        Option{"--use-max-pods", "USE_MAX_PODS", ""},
};

// Variables without a flag.
constexpr std::array variables_only{
        Option{"", "PAUSE_CONTAINER_IMAGE", "the pause image is part of the machine image"},
        Option{"", "PRIVATE_DNS_NAME_ATTEMPT_INTERVAL",
                "the node's name is awaited until its unit's timeout"},
        Option{"", "PRIVATE_DNS_NAME_MAX_ATTEMPTS", "the node's name is awaited until its unit's timeout"},
};

// --- Words and operators of a shell script

struct Piece {
        enum class Kind { text, variable, unknown };
        Kind kind = Kind::text;
        std::string text;  // the characters; the variable's name; what stands in the script
        std::string wrong; // why it is unknown
        bool quoted = false;
};

struct Word {
        std::vector<Piece> pieces;
        Where where;

        // Without any quoting or expansion: only then a word is an operator-like one (`if`, `{`).
        std::string_view plain() const
        {
                const bool one =
                        pieces.size() == 1 && pieces[0].kind == Piece::Kind::text && !pieces[0].quoted;
                return one ? std::string_view(pieces[0].text) : std::string_view();
        }
};

struct Token {
        enum class Kind { word, control, end };
        Kind kind = Kind::end;
        Word word;
        std::string_view control; // "\n", ";", ";;", "&", "&&", "|", "||", "(", ")"
};

// Redirections and here-documents are read over: they do not change a call's arguments.
class Lexer {
public:
        Lexer(std::string_view text, const std::string& source) : text_(text), source_(&source) {}

        Token next()
        {
                for (;;) {
                        skip_blanks();
                        if (at_end())
                                return {};
                        if (peek() == '#') {
                                pos_ = std::min(text_.find('\n', pos_), text_.size());
                                continue;
                        }
                        if (redirection())
                                continue;
                        constexpr std::array<std::string_view, 9> controls{
                                "&&", "||", ";;", "\n", ";", "&", "|", "(", ")"};
                        if (!starts("((")) // arithmetic, whose "<<" is no here-document
                                for (const auto control : controls)
                                        if (starts(control)) {
                                                pos_ += control.size();
                                                if (control == "\n")
                                                        skip_here_documents();
                                                return {Token::Kind::control, {}, control};
                                        }
                        return {Token::Kind::word, word(), {}};
                }
        }

        // "name ( )": the head of a function.
        bool take_closing_paren()
        {
                skip_blanks();
                if (!starts(")"))
                        return false;
                ++pos_;
                return true;
        }

private:
        bool at_end() const { return pos_ >= text_.size(); }
        char peek(std::size_t ahead = 0) const
        {
                return pos_ + ahead < text_.size() ? text_[pos_ + ahead] : '\0';
        }
        bool starts(std::string_view what) const { return text_.substr(pos_).starts_with(what); }

        // Offsets are asked for in rising order, so lines are counted once.
        Where where(std::size_t offset)
        {
                for (; counted_ < offset; ++counted_)
                        if (text_[counted_] == '\n') {
                                ++line_;
                                line_begin_ = counted_ + 1;
                        }
                return {*source_, line_, static_cast<int>(offset - line_begin_) + 1};
        }

        void skip_blanks()
        {
                for (;;) {
                        if (peek() == ' ' || peek() == '\t' || (peek() == '\r' && peek(1) == '\n'))
                                ++pos_;
                        else if (const auto length = continuation())
                                pos_ += length;
                        else
                                return;
                }
        }

        // A line that ends with a backslash goes on.
        std::size_t continuation() const
        {
                if (starts("\\\n"))
                        return 2;
                return starts("\\\r\n") ? 3 : 0;
        }

        bool redirection()
        {
                std::size_t digits = 0; // "2>&1"
                while (digit(peek(digits)))
                        ++digits;
                const bool both = starts("&>");
                const char sign = peek(both ? 1 : digits);
                if ((sign != '<' && sign != '>') || (!both && digits == 0 && peek(1) == '('))
                        return false; // "<(" is a word
                pos_ += both ? 1 : digits;
                if (starts("<<") && !starts("<<<")) {
                        pos_ += 2;
                        const bool tabs = peek() == '-';
                        if (tabs)
                                ++pos_;
                        skip_blanks();
                        std::string delimiter;
                        if (!at_end() && peek() != '\n')
                                for (const auto& piece : word().pieces)
                                        delimiter += piece.text;
                        here_documents_.push_back({std::move(delimiter), tabs});
                        return true;
                }
                constexpr std::array<std::string_view, 8> operators{
                        "<<<", ">>", ">&", ">|", "<&", "<>", ">", "<"};
                pos_ += std::ranges::find_if(operators, [&](auto o) { return starts(o); })->size();
                skip_blanks();
                if (!at_end() && peek() != '\n')
                        word();
                return true;
        }

        struct HereDocument {
                std::string delimiter;
                bool tabs; // leading tabs do not count
        };

        void skip_here_documents()
        {
                for (const auto& document : here_documents_)
                        while (!at_end()) {
                                const auto end = std::min(text_.find('\n', pos_), text_.size());
                                auto line = text_.substr(pos_, end - pos_);
                                pos_ = std::min(end + 1, text_.size());
                                if (line.ends_with('\r'))
                                        line.remove_suffix(1);
                                if (document.tabs)
                                        line.remove_prefix(
                                                std::min(line.find_first_not_of('\t'), line.size()));
                                if (line == document.delimiter)
                                        break;
                        }
                here_documents_.clear();
        }

        // At least one character is taken.
        Word word()
        {
                Word word{.pieces = {}, .where = where(pos_)};
                constexpr std::string_view ends = " \t\n;&|()<>";
                const auto begin = pos_;
                while (!at_end()) {
                        const char c = peek();
                        if (const auto length = continuation()) {
                                pos_ += length;
                        } else if (c == '\r' && peek(1) == '\n') {
                                break;
                        } else if (pos_ == begin && (starts("<(") || starts(">("))) {
                                unknown(word, 2, ")", "a process substitution", false);
                        } else if (pos_ == begin && starts("((")) {
                                unknown(word, 1, ")", "arithmetic", false);
                        } else if (c == '(' && is_array_assignment(word)) {
                                unknown(word, 1, ")", "an array", false);
                        } else if (ends.find(c) != std::string_view::npos) {
                                if (pos_ == begin)
                                        ++pos_; // cannot stand here; what reads us must move on
                                break;
                        } else if (c == '\\') {
                                if (pos_ + 1 < text_.size())
                                        add(word, text_.substr(pos_ + 1, 1), true);
                                pos_ = std::min(pos_ + 2, text_.size());
                        } else if (c == '\'') {
                                single_quoted(word);
                        } else if (c == '"' || starts("$\"")) {
                                pos_ += c == '$' ? 2 : 1;
                                double_quoted(word);
                        } else if (starts("$'")) {
                                ansi_quoted(word);
                        } else if (c == '$' || c == '`') {
                                expansion(word, false);
                        } else {
                                add(word, text_.substr(pos_, 1), false);
                                ++pos_;
                        }
                }
                return word;
        }

        static bool is_array_assignment(const Word& word)
        {
                const auto text = word.plain();
                const auto name = name_length(text);
                return name > 0 && (text.substr(name) == "=" || text.substr(name) == "+=");
        }

        static void add(Word& word, std::string_view text, bool quoted)
        {
                auto& pieces = word.pieces;
                if (pieces.empty() || pieces.back().kind != Piece::Kind::text ||
                        pieces.back().quoted != quoted)
                        pieces.push_back(
                                {.kind = Piece::Kind::text, .text = {}, .wrong = {}, .quoted = quoted});
                pieces.back().text += text;
        }

        void single_quoted(Word& word)
        {
                const auto end = text_.find('\'', pos_ + 1);
                if (end == std::string_view::npos) {
                        unclosed(word, pos_);
                        return;
                }
                add(word, text_.substr(pos_ + 1, end - pos_ - 1), true);
                pos_ = end + 1;
        }

        void double_quoted(Word& word)
        {
                const auto begin = pos_ - 1;
                add(word, "", true); // "" is a word too
                while (!at_end() && peek() != '"') {
                        constexpr std::string_view escaped = "$`\"\\";
                        if (const auto length = continuation()) {
                                pos_ += length;
                        } else if (peek() == '\\' && escaped.find(peek(1)) != std::string_view::npos) {
                                add(word, text_.substr(pos_ + 1, 1), true);
                                pos_ += 2;
                        } else if (peek() == '$' || peek() == '`') {
                                expansion(word, true);
                        } else {
                                add(word, text_.substr(pos_, 1), true);
                                ++pos_;
                        }
                }
                if (at_end())
                        unclosed(word, begin);
                else
                        ++pos_;
        }

        void ansi_quoted(Word& word)
        {
                const auto begin = pos_;
                for (pos_ += 2; !at_end() && peek() != '\''; ++pos_)
                        if (peek() == '\\')
                                ++pos_;
                pos_ = std::min(pos_ + 1, text_.size());
                push_unknown(word, begin, "a quotation that this version does not read", true);
        }

        void unclosed(Word& word, std::size_t begin)
        {
                pos_ = text_.size();
                push_unknown(word, begin, "a quotation without an end", true);
        }

        // At '$' or '`'.
        void expansion(Word& word, bool quoted)
        {
                if (peek() == '`') {
                        unknown(word, 1, "`", "a command substitution", quoted);
                } else if (peek(1) == '(') {
                        unknown(word, 2, ")", peek(2) == '(' ? "arithmetic" : "a command substitution",
                                quoted);
                } else if (peek(1) == '{') {
                        const auto length = name_length(text_.substr(pos_ + 2));
                        if (length > 0 && peek(2 + length) == '}') {
                                variable(word, text_.substr(pos_ + 2, length), quoted);
                                pos_ += 3 + length;
                        } else {
                                unknown(word, 2, "}",
                                        "a parameter expansion that this version does not read", quoted);
                        }
                } else if (const auto length = name_length(text_.substr(pos_ + 1))) {
                        variable(word, text_.substr(pos_ + 1, length), quoted);
                        pos_ += 1 + length;
                } else {
                        constexpr std::string_view special = "0123456789@*#?-$!";
                        const bool parameter =
                                pos_ + 1 < text_.size() && special.find(peek(1)) != std::string_view::npos;
                        if (parameter) {
                                pos_ += 2;
                                push_unknown(word, pos_ - 2, "known only to the running script", quoted);
                        } else {
                                add(word, "$", quoted);
                                ++pos_;
                        }
                }
        }

        static void variable(Word& word, std::string_view name, bool quoted)
        {
                word.pieces.push_back({.kind = Piece::Kind::variable,
                        .text = std::string(name),
                        .wrong = {},
                        .quoted = quoted});
        }

        // What stands from here to `closer`, `opener` characters being open already.
        void unknown(
                Word& word, std::size_t opener, std::string_view closer, std::string_view wrong, bool quoted)
        {
                const auto begin = pos_;
                pos_ += opener;
                skip_nested(closer.front());
                push_unknown(word, begin, wrong, quoted);
        }

        void push_unknown(Word& word, std::size_t begin, std::string_view wrong, bool quoted)
        {
                constexpr std::size_t shown = 100;
                word.pieces.push_back({.kind = Piece::Kind::unknown,
                        .text = std::string(text_.substr(begin, std::min(pos_ - begin, shown))),
                        .wrong = std::string(wrong),
                        .quoted = quoted});
        }

        // With a stack of its own: nesting in the script must not become recursion here.
        void skip_nested(char closer)
        {
                std::string open(1, closer);
                for (; !at_end() && !open.empty(); ++pos_) {
                        const char c = peek();
                        if (c == '\\') {
                                ++pos_;
                        } else if (c == open.back()) {
                                open.pop_back();
                        } else if (c == '\'' && open.back() != '"') {
                                pos_ = std::min(text_.find('\'', pos_ + 1), text_.size());
                        } else if (c == '"' || c == '`') {
                                open += c;
                        } else if (c == '$' && (peek(1) == '(' || peek(1) == '{')) {
                                open += peek(1) == '(' ? ')' : '}';
                                ++pos_;
                        } else if (c == '(' && open.back() == ')') {
                                open += ')';
                        }
                }
                pos_ = std::min(pos_, text_.size());
        }

        std::string_view text_;
        const std::string* source_;
        std::size_t pos_ = 0;
        std::size_t counted_ = 0;
        int line_ = 1;
        std::size_t line_begin_ = 0;
        std::vector<HereDocument> here_documents_;
};

// --- What the script's assignments come to, and its calls

// A word after expansion. Where something is unknown, `wrong` says why and `shown` what stands there.
struct Value {
        std::string text;
        Where where;
        std::string wrong;
        std::string shown;

        bool known() const { return wrong.empty(); }
};

struct Variable {
        Value value;
        bool exported = false;
};

using Variables = std::map<std::string, Variable, std::less<>>;

struct Call {
        Where where;
        std::vector<Value> arguments;
        std::map<std::string, Value, std::less<>> environment;
        std::map<std::string, Value, std::less<>> lost_to_sudo;
};

class Script {
public:
        Script(std::string_view text, const std::string& source) : lexer_(text, source) {}

        std::vector<Call> calls()
        {
                for (;;) {
                        auto token = lexer_.next();
                        if (token.kind == Token::Kind::word)
                                take_word(std::move(token.word));
                        else if (token.kind == Token::Kind::control)
                                take_control(token.control);
                        else
                                break;
                }
                end_command();
                return std::move(calls_);
        }

private:
        enum class BlockKind { words, paren }; // if…fi and the like; (…)
        struct Block {
                BlockKind kind;
                bool conditional;
                bool outer_list_conditional;
                std::set<std::string> assigned; // may not have happened, once the block has ended
        };

        // `if`, `{` and others count only where a command may begin.
        void take_word(Word word)
        {
                const auto plain = word.plain();
                if (function_name_) {
                        function_name_ = false;
                        function_body_ = true;
                        return;
                }
                if (!words_.empty() || plain.empty()) {
                        words_.push_back(std::move(word));
                        return;
                }
                if (plain == "if" || plain == "while" || plain == "until") {
                        push_block(BlockKind::words, true);
                } else if (plain == "for" || plain == "case" || plain == "select") {
                        push_block(BlockKind::words, true);
                        words_.push_back(std::move(word));
                } else if (plain == "{") {
                        push_block(BlockKind::words, std::exchange(function_body_, false));
                } else if (plain == "fi" || plain == "done" || plain == "esac" || plain == "}") {
                        pop_block(BlockKind::words);
                } else if (plain == "else" || plain == "elif") {
                        end_branch();
                } else if (plain == "function") {
                        function_name_ = true;
                } else if (plain != "then" && plain != "do" && plain != "!") {
                        words_.push_back(std::move(word));
                }
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
                        make_unknown(name, "set under a condition");
                names.clear();
        }

        void make_unknown(const std::string& name, std::string_view wrong)
        {
                auto& value = variables_[name].value;
                value.text.clear();
                value.wrong = wrong;
                value.shown = "$" + name;
        }

        // True if it can only succeed: it holds nothing but assignments.
        bool end_command()
        {
                const auto words = std::exchange(words_, {});
                std::size_t first = 0;
                while (first < words.size() && assignment(words[first]))
                        ++first;
                if (first == words.size()) {
                        for (const auto& word : words)
                                if (const auto parts = assignment(word))
                                        assign(word, *parts, all_exported_);
                        return true;
                }
                const auto prefix = std::span(words).first(first);
                const auto command = std::span(words).subspan(first);
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
                                variables_.erase(std::string(word.plain()));
                else
                        recognise(prefix, command);
                return false;
        }

        struct Assignment {
                std::string_view name;
                bool append;
                std::size_t value; // where it begins in the first piece
        };

        static std::optional<Assignment> assignment(const Word& word)
        {
                if (word.pieces.empty() || word.pieces[0].kind != Piece::Kind::text || word.pieces[0].quoted)
                        return std::nullopt;
                const std::string_view text = word.pieces[0].text;
                const auto name = name_length(text);
                const auto rest = text.substr(name);
                const bool append = rest.starts_with("+=");
                if (name == 0 || (!append && !rest.starts_with('=')))
                        return std::nullopt;
                return Assignment{text.substr(0, name), append, name + (append ? 2U : 1U)};
        }

        void assign(const Word& word, const Assignment& parts, bool exported)
        {
                const std::string name(parts.name);
                auto value = assigned_value(word, parts);
                auto& variable = variables_[name];
                variable.value = std::move(value);
                variable.exported = variable.exported || exported;
                note_assigned(name);
        }

        void note_assigned(const std::string& name)
        {
                if (list_conditional_)
                        list_assigned_.insert(name);
                if (!blocks_.empty())
                        blocks_.back().assigned.insert(name);
        }

        void note_assigned(std::set<std::string> names)
        {
                auto& all = blocks_.back().assigned;
                if (all.size() < names.size()) // the smaller into the larger, however deep it goes
                        all.swap(names);
                all.merge(names);
        }

        Value assigned_value(const Word& word, const Assignment& parts)
        {
                Value value{.text = {}, .where = word.where, .wrong = {}, .shown = {}};
                if (parts.append)
                        append_variable(value, parts.name);
                append(value, std::string_view(word.pieces[0].text).substr(parts.value));
                for (std::size_t i = 1; i < word.pieces.size(); ++i)
                        append_piece(value, word.pieces[i]);
                return value;
        }

        void declare(std::string_view command, std::span<const Word> arguments)
        {
                bool exported = command == "export" || all_exported_;
                for (const auto& word : arguments) {
                        const auto plain = word.plain();
                        if (plain.starts_with('-')) {
                                exported = exported || plain.find('x') != std::string_view::npos;
                                if (command == "export" && plain == "-n")
                                        exported = false;
                        } else if (const auto parts = assignment(word)) {
                                assign(word, *parts, exported);
                        } else if (const auto variable = variables_.find(plain);
                                   variable != variables_.end() && (exported || command == "export")) {
                                variable->second.exported = exported;
                        }
                }
        }

        void set_options(std::span<const Word> arguments)
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
        void spoil(std::string_view command, std::span<const Word> arguments)
        {
                for (std::size_t i = 0; i < arguments.size(); ++i) {
                        const auto name = arguments[i].plain().substr(0, name_length(arguments[i].plain()));
                        const bool first_only = command == "for" || command == "select";
                        const bool after_option = i > 0 && arguments[i - 1].plain() == "-v";
                        const bool target = command == "printf" ? after_option : i == 0 || !first_only;
                        if (!name.empty() && target)
                                make_unknown(std::string(name), "set by the running script");
                }
        }

        void spend(std::size_t bytes, const Where& where)
        {
                expanded_ += bytes;
                if (expanded_ > expansion_limit)
                        throw Error(failure::config_invalid,
                                fmt::format("{}: the script's variables expand to more than {} bytes",
                                        where.text(), expansion_limit),
                                "Give the values in the call itself");
        }

        void append(Value& value, std::string_view text)
        {
                spend(text.size(), value.where);
                value.text += text;
        }

        static void mark_unknown(Value& value, std::string_view wrong, std::string_view shown)
        {
                if (!value.known())
                        return; // the first reason will do
                value.wrong = wrong;
                value.shown = shown;
        }

        void append_variable(Value& value, std::string_view name)
        {
                const auto found = variables_.find(name);
                if (found == variables_.end())
                        mark_unknown(value, "not set by the lines above", fmt::format("${}", name));
                else if (!found->second.value.known())
                        mark_unknown(value, found->second.value.wrong, found->second.value.shown);
                else
                        append(value, found->second.value.text);
        }

        void append_piece(Value& value, const Piece& piece)
        {
                if (piece.kind == Piece::Kind::text)
                        append(value, piece.text);
                else if (piece.kind == Piece::Kind::variable)
                        append_variable(value, piece.text);
                else
                        mark_unknown(value, piece.wrong, piece.text);
        }

        // One word may become several, or none: the shell splits what an unquoted variable brings.
        void expand(const Word& word, std::vector<Value>& values)
        {
                const Value blank{.text = {}, .where = word.where, .wrong = {}, .shown = {}};
                std::optional<Value> current;
                const auto here = [&]() -> Value& { return current ? *current : current.emplace(blank); };
                for (const auto& piece : word.pieces) {
                        const auto found = piece.kind == Piece::Kind::variable ? variables_.find(piece.text)
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
                                        finish(current, values);
                                rest.remove_prefix(std::max<std::size_t>(length, 1));
                        }
                }
                finish(current, values);
        }

        using Environment = std::map<std::string, Value, std::less<>>;

        // What bootstrap.sh looks at of the script's variables.
        Environment inherited(bool unexported_too)
        {
                Environment environment;
                const auto take = [&](const Option& option) {
                        const auto found = variables_.find(option.variable);
                        if (found == variables_.end() || (!found->second.exported && !unexported_too))
                                return;
                        const auto& value = found->second.value;
                        spend(value.text.size(), value.where);
                        environment.emplace(option.variable, value);
                };
                std::ranges::for_each(options, take);
                std::ranges::for_each(variables_only, take);
                return environment;
        }

        // A call of bootstrap.sh, itself or by way of sudo, bash and the like.
        void recognise(std::span<const Word> prefix, std::span<const Word> command)
        {
                if (!may_lead_to_call(command[0]))
                        return;
                std::vector<Value> values;
                for (const auto& word : command)
                        expand(word, values);

                Wrapped wrapped(values);
                if (!wrapped.find())
                        return;
                Call call{.where = values[wrapped.index].where,
                        .arguments = {},
                        .environment = {},
                        .lost_to_sudo = {}};
                call.environment = inherited(wrapped.sourced);
                for (const auto& word : prefix)
                        if (const auto parts = assignment(word))
                                call.environment.insert_or_assign(
                                        std::string(parts->name), assigned_value(word, *parts));
                if (wrapped.environment_lost)
                        call.lost_to_sudo = std::exchange(call.environment, {});
                for (auto& [name, value] : wrapped.environment)
                        call.environment.insert_or_assign(name, std::move(value));
                call.arguments.assign(
                        values.begin() + static_cast<std::ptrdiff_t>(wrapped.index) + 1, values.end());
                calls_.push_back(std::move(call));
        }

        static std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

        // So that the words of every other command need not be expanded.
        static bool may_lead_to_call(const Word& first)
        {
                static constexpr std::array<std::string_view, 14> leading{"bootstrap.sh", "sudo", "env",
                        "bash", "sh", "dash", "source", ".", "exec", "command", "nohup", "time", "nice",
                        "timeout"};
                if (first.plain().empty())
                        return true;
                return std::ranges::find(leading, base_name(first.plain())) != leading.end();
        }

        // Commands that run the command in their arguments.
        struct Wrapped {
                explicit Wrapped(const std::vector<Value>& all) : values(&all) {}

                const std::vector<Value>* values;
                std::size_t index = 0; // of bootstrap.sh
                bool sourced = false;
                bool environment_lost = false;
                Environment environment;

                bool find()
                {
                        while (const auto* value = at(index)) {
                                const auto& text = value->text;
                                const auto name = base_name(text);
                                if (text == bootstrap_path)
                                        return true;
                                ++index;
                                if (name == "sudo")
                                        sudo();
                                else if (name == "env")
                                        env();
                                else if (name == "bash" || name == "sh" || name == "dash") {
                                        if (!shell_options())
                                                return false;
                                } else if (name == "source" || name == ".") {
                                        sourced = true;
                                } else if (name == "exec" || name == "command" || name == "nohup" ||
                                           name == "time" || name == "nice") {
                                        if (name == "command" && at(index) != nullptr &&
                                                lower(at(index)->text) == "-v")
                                                return false; // only asks whether it is there
                                        options("an");
                                } else if (name == "timeout") {
                                        options("ks");
                                        ++index; // how long
                                } else {
                                        return false;
                                }
                        }
                        return false;
                }

        private:
                const Value* at(std::size_t i) const
                {
                        return i < values->size() && (*values)[i].known() ? &(*values)[i] : nullptr;
                }

                // Those in `with_value` (one letter each) take the next word too.
                void options(std::string_view with_value)
                {
                        while (const auto* value = at(index)) {
                                const std::string_view text = value->text;
                                if (!text.starts_with('-') || text == "-")
                                        return;
                                ++index;
                                if (text == "--")
                                        return;
                                if (text.size() == 2 && with_value.find(text[1]) != std::string_view::npos)
                                        ++index;
                        }
                }

                void assignments()
                {
                        while (const auto* value = at(index)) {
                                const auto& text = value->text;
                                const auto name = name_length(text);
                                if (name == 0 || name >= text.size() || text[name] != '=')
                                        break;
                                auto given = *value;
                                given.text = text.substr(name + 1);
                                environment.insert_or_assign(text.substr(0, name), std::move(given));
                                ++index;
                        }
                }

                void sudo()
                {
                        const auto begin = index;
                        options("ughpCrtTUDR");
                        const auto keeps = [&](const Value& v) {
                                return v.text.starts_with("--preserve-env") ||
                                       (v.text.starts_with('-') && !v.text.starts_with("--") &&
                                               v.text.find('E') != std::string_view::npos);
                        };
                        const auto all = std::span(*values);
                        environment_lost =
                                environment_lost ||
                                std::ranges::none_of(
                                        all.subspan(begin, std::min(index, all.size()) - begin), keeps);
                        assignments();
                }

                void env()
                {
                        const auto begin = index;
                        options("uC");
                        for (auto i = begin; i < std::min(index, values->size()); ++i)
                                if ((*values)[i].text == "-i" || (*values)[i].text == "--ignore-environment")
                                        environment_lost = true;
                        assignments();
                }

                bool shell_options()
                {
                        while (const auto* value = at(index)) {
                                const std::string_view text = value->text;
                                if (!text.starts_with('-') && !text.starts_with('+'))
                                        break;
                                ++index;
                                if (text.starts_with("--")) {
                                        if (text == "--rcfile" || text == "--init-file")
                                                ++index;
                                        continue;
                                }
                                if (text.find_first_of("cns") != std::string_view::npos)
                                        return false; // the command is in a text, on standard input, or not
                                                      // run
                                if (text.ends_with('o') || text.ends_with('O'))
                                        ++index;
                        }
                        return at(index) != nullptr && at(index)->text == bootstrap_path;
                }
        };

        Lexer lexer_;
        std::vector<Word> words_; // of the command being read
        std::vector<Block> blocks_;
        bool function_name_ = false; // comes next
        bool function_body_ = false; // comes next
        bool list_conditional_ = false;
        std::set<std::string> list_assigned_;
        bool all_exported_ = false;
        std::size_t expanded_ = 0;
        Variables variables_;
        std::vector<Call> calls_;
};

// --- The call's meaning

constexpr int default_max_pods = 110; // kubelet's own, when it is told nothing

bool is_address(const std::string& text)
{
        std::array<unsigned char, sizeof(in6_addr)> parsed{};
        return ::inet_pton(AF_INET, text.c_str(), parsed.data()) == 1 ||
               ::inet_pton(AF_INET6, text.c_str(), parsed.data()) == 1;
}

// Everything we translate ends in files of plain ASCII: names, addresses, flags.
bool is_printable(std::string_view text)
{
        return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
}

// As systemd split $KUBELET_EXTRA_ARGS: at blanks, quotes group and go. Nothing if a quote has no end.
std::optional<std::vector<std::string>> split_arguments(std::string_view text)
{
        std::vector<std::string> words;
        std::optional<std::string> current;
        char quote = '\0';
        const auto here = [&]() -> std::string& { return current ? *current : current.emplace(); };
        for (std::size_t i = 0; i < text.size(); ++i) {
                const char c = text[i];
                if (quote == '\0' && (c == ' ' || c == '\t' || c == '\n' || c == '\r')) {
                        finish(current, words);
                } else if (c == '\\' && quote != '\'' && i + 1 < text.size()) {
                        here() += text[++i];
                } else if (c == quote) {
                        quote = '\0';
                } else if (quote == '\0' && (c == '\'' || c == '"')) {
                        quote = c;
                        here();
                } else {
                        here() += c;
                }
        }
        finish(current, words);
        return quote == '\0' ? std::optional(std::move(words)) : std::nullopt;
}

class Translator {
public:
        Translator(const Call& call, const std::string& source) : call_(&call) { layer_.source = source; }

        // Nothing if the call asks for --help only.
        std::optional<Layer> translate()
        {
                if (!read_arguments())
                        return std::nullopt;
                read_environment();
                cluster();
                network();
                kubelet();
                instance();
                obsolete();
                problems_.throw_if_any(failure::config_invalid);
                return std::move(layer_);
        }

private:
        struct Given {
                std::string name; // as it was given: flag or variable
                Value value;
        };

        static const Option* find_option(std::string_view flag)
        {
                const auto* const option = std::ranges::find(options, flag, &Option::flag);
                return option != options.end() ? option : nullptr;
        }

        bool read_arguments()
        {
                const auto& arguments = call_->arguments;
                std::optional<Value> name;
                for (std::size_t i = 0; i < arguments.size(); ++i) {
                        const auto& argument = arguments[i];
                        if (argument.known() && (argument.text == "-h" || argument.text == "--help"))
                                return false;
                        const auto equals = argument.text.find('=');
                        const auto* option = find_option(argument.text.substr(0, equals));
                        if (option != nullptr && equals != std::string::npos) {
                                auto value = argument;
                                value.text.erase(0, equals + 1);
                                give(*option, value);
                        } else if (option != nullptr && argument.known()) {
                                if (i + 1 < arguments.size())
                                        give(*option, arguments[++i], argument.where);
                                else
                                        problem(argument, option->flag, "has no value",
                                                "Give a value after it");
                        } else if (!name) {
                                name = argument;
                        } else {
                                extra(argument);
                        }
                }
                cluster_name(name);
                return true;
        }

        // The last one counts, and it stands where its flag does.
        void give(const Option& option, Value value, std::optional<Where> where = {})
        {
                if (where)
                        value.where = *where;
                given_.insert_or_assign(option.flag, Given{std::string(option.flag), std::move(value)});
        }

        void cluster_name(const std::optional<Value>& name)
        {
                constexpr auto remedy = "Give the cluster's name as the first argument that is no option";
                if (!name) {
                        problems_.add(call_->where, bootstrap_path, "", "no cluster name", remedy);
                } else if (name->known() && name->text.starts_with('-')) {
                        problem(*name, name->text, unknown_option(name->text),
                                "Use an option of bootstrap.sh");
                } else if (usable(*name, "the cluster's name")) {
                        if (name->text.empty())
                                problems_.add(name->where, bootstrap_path, "", "the cluster name is empty",
                                        remedy);
                        set({"cluster", "name"}, name->text, name->where);
                }
        }

        static std::string unknown_option(const std::string& text)
        {
                std::vector<std::string> flags;
                flags.reserve(options.size());
                for (const auto& option : options)
                        flags.emplace_back(option.flag);
                const auto near = nearest(text.substr(0, text.find('=')), flags);
                return near ? fmt::format("unknown option; did you mean '{}'?", *near) : "unknown option";
        }

        // bootstrap.sh reads over what follows the name.
        void extra(const Value& argument)
        {
                if (!argument.known()) {
                        usable(argument, "an argument");
                        return;
                }
                constexpr std::size_t noted = 20; // who has more than that has another problem
                if (layer_.notes.size() >= noted)
                        return;
                const auto wrong = argument.text.starts_with('-') ? unknown_option(argument.text)
                                                                  : "a second cluster name";
                note(argument.where, printable(argument.text), wrong);
        }

        static std::string printable(const std::string& text)
        {
                constexpr std::size_t shown = 80;
                return Json(text.substr(0, shown)).dump(-1, ' ', true, Json::error_handler_t::replace);
        }

        void note(const Where& where, std::string_view what, std::string_view wrong)
        {
                layer_.notes.push_back(
                        {Level::warning, fmt::format("{}: {}: {}, ignoring", where.text(), what, wrong)});
        }

        void read_environment()
        {
                for (const auto& option : options) {
                        const auto lost = call_->lost_to_sudo.find(option.variable);
                        const auto variable = call_->environment.find(option.variable);
                        if (given_.contains(option.flag))
                                continue;
                        if (variable != call_->environment.end())
                                given_.emplace(
                                        option.flag, Given{std::string(option.variable), variable->second});
                        else if (lost != call_->lost_to_sudo.end())
                                note(lost->second.where, option.variable,
                                        "the call does not see it, because of sudo or env");
                }
        }

        void problem(const Value& value, std::string_view name, std::string_view wrong, std::string remedy)
        {
                problems_.add(
                        value.where, name, value.text == name ? "" : value.text, wrong, std::move(remedy));
        }

        bool usable(const Value& value, std::string_view name)
        {
                if (!value.known()) {
                        problems_.add(value.where, name, value.shown,
                                fmt::format("cannot be evaluated: {}", value.wrong),
                                "Write the value itself, or give the configuration as a NodeConfig");
                        return false;
                }
                if (!is_printable(value.text)) {
                        problem(value, name, "holds a line break or a character beyond ASCII",
                                "Write it on one line in plain ASCII");
                        return false;
                }
                return true;
        }

        // A usable value; an empty one is as good as none, for bootstrap.sh too.
        const Given* find(std::string_view flag)
        {
                const auto found = given_.find(flag);
                if (found == given_.end() ||
                        (found->second.value.known() && found->second.value.text.empty()))
                        return nullptr;
                return usable(found->second.value, found->second.name) ? &found->second : nullptr;
        }

        void set(const std::vector<std::string>& path, Json value, const Where& where)
        {
                auto* node = &layer_.tree;
                std::string key;
                for (const auto& part : path) {
                        node = &(*node)[part];
                        key = key_path(key, part);
                        layer_.marks.emplace(key, where); // of the first that needs it, on the way
                }
                if (value.is_array())
                        for (std::size_t i = 0; i < value.size(); ++i)
                                layer_.marks[fmt::format("{}[{}]", key, i)] = where;
                layer_.marks[key] = where;
                *node = std::move(value);
        }

        std::optional<bool> boolean(const Given& given)
        {
                if (given.value.text == "true" || given.value.text == "false")
                        return given.value.text == "true";
                problem(given.value, given.name, "must be true or false", "Write true or false");
                return std::nullopt;
        }

        void cluster()
        {
                if (const auto* endpoint = find("--apiserver-endpoint"))
                        set({"cluster", "apiServerEndpoint"}, endpoint->value.text, endpoint->value.where);
                if (const auto* ca = find("--b64-cluster-ca")) {
                        if (!decode_base64(ca->value.text))
                                problem(ca->value, ca->name, "not base64",
                                        "Give certificateAuthority.data as DescribeCluster shows it");
                        set({"cluster", "certificateAuthority"}, ca->value.text, ca->value.where);
                }
                if (const auto* id = find("--cluster-id"))
                        set({"cluster", "id"}, id->value.text, id->value.where);
                if (const auto* outpost = find("--enable-local-outpost"))
                        if (const auto enabled = boolean(*outpost))
                                set({"cluster", "enableOutpost"}, *enabled, outpost->value.where);
        }

        // The range if it is one of that family.
        std::optional<Cidr> range(const Given* given, bool ipv6)
        {
                if (given == nullptr)
                        return std::nullopt;
                auto cidr = parse_cidr(given->value.text);
                if (cidr && cidr->ipv6() == ipv6)
                        return cidr;
                problem(given->value, given->name,
                        fmt::format("not an address range of {}", ipv6 ? "IPv6" : "IPv4"),
                        fmt::format("Give the cluster's service CIDR, such as {}",
                                ipv6 ? "fd00:1234::/108" : "10.100.0.0/16"));
                return std::nullopt;
        }

        void network()
        {
                const auto* family = find("--ip-family");
                const auto wanted = family != nullptr ? lower(family->value.text) : std::string();
                if (family != nullptr && wanted != "ipv4" && wanted != "ipv6")
                        problem(family->value, family->name, "must be ipv4 or ipv6", "Write ipv4 or ipv6");

                const auto* ipv4 = find("--service-ipv4-cidr");
                const auto* ipv6 = find("--service-ipv6-cidr");
                const auto* dns = find("--dns-cluster-ip");
                const auto range4 = range(ipv4, false);
                const auto range6 = range(ipv6, true);
                if (ipv6 != nullptr && wanted == "ipv4")
                        problem(ipv6->value, ipv6->name, fmt::format("contradicts {} ipv4", family->name),
                                "Give one of the two");
                if (wanted == "ipv6" && ipv6 == nullptr && dns == nullptr &&
                        !given_.contains("--service-ipv6-cidr") && !given_.contains("--dns-cluster-ip"))
                        problem(family->value, family->name, "needs --service-ipv6-cidr or --dns-cluster-ip",
                                "Give the cluster's IPv6 service CIDR");

                if (range6)
                        set({"cluster", "cidr"}, range6->text(), ipv6->value.where);
                else if (range4 && wanted != "ipv6")
                        set({"cluster", "cidr"}, range4->text(), ipv4->value.where);
                if (range4 && (range6 || wanted == "ipv6"))
                        note(ipv4->value.where, ipv4->name, "the cluster is IPv6");

                if (dns != nullptr)
                        cluster_dns(*dns);
        }

        void cluster_dns(const Given& dns)
        {
                auto addresses = Json::array();
                for (const auto part : split(dns.value.text, ',')) {
                        if (!is_address(std::string(part)))
                                problem(dns.value, dns.name,
                                        "not an IP address, or several with commas between",
                                        "Give the address of the cluster's DNS service");
                        addresses.push_back(part);
                }
                set({"kubelet", "config", "clusterDNS"}, std::move(addresses), dns.value.where);
        }

        void kubelet()
        {
                auto flags = Json::array();
                if (const auto* extra = find_extra_args())
                        flags = kubelet_flags(*extra);
                const auto* use_max_pods = find("--use-max-pods");
                if (use_max_pods != nullptr && boolean(*use_max_pods) == false)
                        set({"kubelet", "config", "maxPods"}, max_pods(flags), use_max_pods->value.where);
        }

        // Line breaks between flags are fine here.
        const Given* find_extra_args()
        {
                const auto found = given_.find("--kubelet-extra-args");
                if (found == given_.end())
                        return nullptr;
                for (auto& c : found->second.value.text)
                        if (c == '\n' || c == '\r' || c == '\t')
                                c = ' ';
                return find("--kubelet-extra-args");
        }

        Json kubelet_flags(const Given& given)
        {
                constexpr auto remedy = "Write flags as --name=value, with blanks between";
                auto flags = Json::array();
                const auto words = split_arguments(given.value.text);
                if (!words) {
                        problem(given.value, given.name, "a quotation in it has no end", remedy);
                        return flags;
                }
                bool takes_value = false; // "--name value" is two words for kubelet, but one flag
                for (const auto& word : *words) {
                        if (word.starts_with('-')) {
                                takes_value = word.find('=') == std::string::npos;
                                flags.push_back(word);
                        } else if (takes_value) {
                                takes_value = false;
                                flags.back().get_ref<std::string&>() += "=" + word;
                        } else {
                                problems_.add(given.value.where, given.name, word, "not a flag", remedy);
                        }
                }
                if (!flags.empty())
                        set({"kubelet", "flags"}, flags, given.value.where);
                return flags;
        }

        // Without a table, the number is what kubelet is told, or knows of itself.
        static int max_pods(const Json& flags)
        {
                constexpr std::string_view flag = "--max-pods=";
                int number = default_max_pods;
                for (const auto& entry : flags) {
                        const std::string_view text = entry.get_ref<const std::string&>();
                        if (text.starts_with(flag))
                                number = parse_int<int>(text.substr(flag.size())).value_or(number);
                }
                return number;
        }

        void instance()
        {
                if (const auto* runtime = find("--container-runtime");
                        runtime != nullptr && runtime->value.text != "containerd")
                        problem(runtime->value, runtime->name, "must be containerd",
                                "Leave it out: there is no other container runtime");
                const auto* disks = find("--local-disks");
                if (disks == nullptr)
                        return;
                static const std::map<std::string, std::string, std::less<>> strategies{
                        {"mount", "Mount"}, {"raid0", "RAID0"}, {"raid10", "RAID10"}};
                if (const auto strategy = strategies.find(lower(disks->value.text));
                        strategy != strategies.end())
                        set({"instance", "localStorage", "strategy"}, strategy->second, disks->value.where);
                else
                        problem(disks->value, disks->name, "must be mount, raid0 or raid10",
                                "Write mount, raid0 or raid10");
        }

        void obsolete()
        {
                for (const auto& option : options)
                        if (const auto given = given_.find(option.flag);
                                given != given_.end() && !option.obsolete.empty())
                                note(given->second.value.where, given->second.name, option.obsolete);
                for (const auto& option : variables_only)
                        if (const auto variable = call_->environment.find(option.variable);
                                variable != call_->environment.end())
                                note(variable->second.where, option.variable, option.obsolete);
        }

        const Call* call_;
        Layer layer_;
        Problems problems_;
        std::map<std::string_view, Given> given_; // by flag
};

// "#!/usr/bin/env bash", "#!/bin/sh -e"; without such a line too.
bool is_shell_script(std::string_view script)
{
        if (!script.starts_with("#!"))
                return true;
        const auto line = script.substr(2, script.find('\n') - 2);
        return std::ranges::any_of(
                split(line, ' '), [](std::string_view word) { return trim(word).ends_with("sh"); });
}

} // namespace

std::optional<Layer> parse_bootstrap_call(std::string_view script, const std::string& source)
{
        if (script.find("bootstrap.sh") == std::string_view::npos || !is_shell_script(script))
                return std::nullopt;
        std::optional<Layer> result;
        for (const auto& call : Script(script, source).calls()) {
                auto layer = Translator(call, source).translate();
                if (!layer)
                        continue;
                if (result && result->tree != layer->tree)
                        throw Error(failure::config_invalid,
                                fmt::format("{}: this call of {} says something else than the one before it",
                                        call.where.text(), bootstrap_path),
                                "Leave one call, or give the configuration as a NodeConfig");
                if (!result)
                        result = std::move(layer);
        }
        return result;
}

} // namespace eks
