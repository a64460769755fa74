// SPDX-License-Identifier: Apache-2.0
#include "document/yaml.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <yaml.h>

#include "base/fd.hpp"
#include "base/secrets.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

// Both limits apply after aliases are followed, against a bomb of aliases, or of long keys and texts.
constexpr std::size_t value_limit = 100'000;
constexpr std::size_t size_limit = 16U << 20U; // bytes of all texts and key paths

constexpr double whole_limit = 9223372036854775808.0; // the first that a 64-bit number cannot hold

[[noreturn]] void refuse_size(const Where& where)
{
        refuse_document(
                where, fmt::format("more than {} levels or {} values", yaml_depth_limit, value_limit));
}

std::optional<Json> number(std::string_view text)
{
        const auto is_first_digit = [](char c) { return c == '.' || is_digit(c); };
        const auto first = text.find_first_not_of("+-_"); // most scalars are words and end here
        if (text.starts_with('_') || first == text.npos || !is_first_digit(text[first]))
                return std::nullopt;

        std::string digits;
        std::ranges::copy_if(text, std::back_inserter(digits), [](char c) { return c != '_'; });

        std::string_view rest = digits;
        const bool negative = rest.starts_with('-');
        if (negative || rest.starts_with('+'))
                rest.remove_prefix(1);
        if (rest.empty() || !is_first_digit(rest.front()))
                return std::nullopt;

        int base = 10;
        std::string_view magnitude = rest;

        if (rest.starts_with("0x") || rest.starts_with("0o") || rest.starts_with("0b")) {
                base = rest[1] == 'x' ? 16 : rest[1] == 'o' ? 8 : 2;
                magnitude.remove_prefix(2);
        } else if (rest.size() > 1 && rest.front() == '0' &&
                   rest.find_first_not_of("01234567") == rest.npos) {
                base = 8; // YAML 1.1: a leading zero is octal
        }

        if (magnitude.starts_with('-')) // a sign is only allowed before the prefix
                return std::nullopt;
        if (const auto value = parse_int<std::int64_t>(magnitude, base))
                return negative ? -*value : *value;
        if (rest == ".inf" || rest == ".Inf" || rest == ".INF" || base != 10)
                return std::nullopt; // JSON has no infinity; kubelet would refuse it anyway

        double real = 0;
        const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), real);
        if (error != std::errc() || end != rest.data() + rest.size())
                return std::nullopt;

        // As Go writes it, which is how nodeadm reads YAML: 20.0 fits a whole number, too.
        if (real < whole_limit && std::floor(real) == real) {
                const auto whole = static_cast<std::int64_t>(real);
                return negative ? -whole : whole;
        }

        return negative ? -real : real;
}

// One value, or key, of a document. The keys and values of a map alternate after it; the items of a list
// follow it.
struct Node {
        enum class Kind { text, plain, list, map, alias }; // not quoted: may be a number, a boolean or null

        Kind kind;
        int line;
        int column;
        std::string text;     // of a scalar
        std::size_t next = 0; // after it and its content; of an alias: its node
};

// The nodes of the first document in order; none if the stream is empty.
class Reader {
public:
        Reader(std::string_view text, const std::string& source) : text_(text), source_(&source)
        {
                if (yaml_parser_initialize(&parser_) == 0)
                        throw std::bad_alloc();
                guard_.reset(&parser_);
                yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
                yaml_parser_set_input_string(
                        &parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
        }

        std::vector<Node> read()
        {
                while (take_event()) {
                }
                return std::move(nodes_);
        }

        // Where another document with content begins behind the one that has been read. What is wrong with
        // it does not matter, because nobody reads it.
        std::optional<Where> next_document()
        {
                std::optional<Where> begin;
                for (;;) {
                        yaml_event_t event;
                        if (yaml_parser_parse(&parser_, &event) == 0)
                                return begin;

                        const std::unique_ptr<yaml_event_t, Deleter<yaml_event_delete>> guard(&event);
                        const bool is_empty =
                                event.type == YAML_SCALAR_EVENT && event.data.scalar.length == 0;
                        if (event.type == YAML_STREAM_END_EVENT || event.type == YAML_NO_EVENT)
                                return std::nullopt;
                        if (event.type == YAML_DOCUMENT_START_EVENT)
                                begin = where(event.start_mark);
                        else if (event.type != YAML_DOCUMENT_END_EVENT && !is_empty)
                                return begin;
                }
        }

private:
        // False at the end of the document.
        bool take_event()
        {
                yaml_event_t event;
                if (yaml_parser_parse(&parser_, &event) == 0)
                        fail();

                const std::unique_ptr<yaml_event_t, Deleter<yaml_event_delete>> guard(&event);

                // A mapping has two events, and each of its values also has a key.
                if (nodes_.size() > 3 * value_limit)
                        refuse_size(where(event.start_mark));

                switch (event.type) {
                case YAML_SCALAR_EVENT: {
                        const auto& scalar = event.data.scalar;
                        const std::string_view tag = as_text(scalar.tag);
                        const bool is_text = tag.empty() ? scalar.style != YAML_PLAIN_SCALAR_STYLE
                                                         : tag == "!" || tag.ends_with(":str");
                        add(is_text ? Node::Kind::text : Node::Kind::plain, event, scalar.anchor);
                        nodes_.back().text.assign(
                                reinterpret_cast<const char*>(scalar.value), scalar.length);
                        break;
                }
                case YAML_ALIAS_EVENT: {
                        const auto anchor = anchors_.find(as_text(event.data.alias.anchor));
                        if (anchor == anchors_.end())
                                refuse_document(where(event.start_mark),
                                        "not YAML: no anchor of its name before this alias; text that begins with "
                                        "'*' needs quotes");
                        add(Node::Kind::alias, event, nullptr);
                        nodes_.back().next = anchor->second;
                        break;
                }
                case YAML_SEQUENCE_START_EVENT:
                        open(Node::Kind::list, event, event.data.sequence_start.anchor);
                        break;
                case YAML_MAPPING_START_EVENT:
                        open(Node::Kind::map, event, event.data.mapping_start.anchor);
                        break;
                case YAML_SEQUENCE_END_EVENT:
                case YAML_MAPPING_END_EVENT:
                        nodes_[open_.back()].next = nodes_.size();
                        open_.pop_back();
                        break;
                case YAML_DOCUMENT_END_EVENT:
                case YAML_STREAM_END_EVENT:
                        return false;
                default:
                        break;
                }

                return true;
        }

        void add(Node::Kind kind, const yaml_event_t& event, const yaml_char_t* anchor)
        {
                if (anchor != nullptr)
                        anchors_.insert_or_assign(std::string(as_text(anchor)), nodes_.size());
                const auto& mark = event.start_mark;
                nodes_.push_back({kind, static_cast<int>(mark.line) + 1, static_cast<int>(mark.column) + 1,
                        {}, nodes_.size() + 1});
        }

        void open(Node::Kind kind, const yaml_event_t& event, const yaml_char_t* anchor)
        {
                if (open_.size() > yaml_depth_limit)
                        refuse_size(where(event.start_mark));
                open_.push_back(nodes_.size());
                add(kind, event, anchor);
        }

        [[noreturn]] void fail()
        {
                if (parser_.error == YAML_MEMORY_ERROR)
                        throw std::bad_alloc();

                const auto place = parser_.error == YAML_READER_ERROR // has no mark
                                           ? place_at(text_, parser_.problem_offset, *source_)
                                           : where(parser_.problem_mark);
                if (is_indented_with_a_tab(place.line))
                        refuse_document(
                                place, "not YAML: the line begins with a tab, and YAML indents with spaces");
                refuse_document(place, fmt::format("not YAML: {}{}{}", parser_.problem,
                                               parser_.context != nullptr ? " " : "",
                                               parser_.context != nullptr ? parser_.context : ""));
        }

        bool is_indented_with_a_tab(int number) const
        {
                const auto all = lines(text_);
                if (number < 1 || static_cast<std::size_t>(number) > all.size())
                        return false;
                const auto line = all[static_cast<std::size_t>(number) - 1];
                return line.substr(0, line.find_first_not_of(" \t")).find('\t') != line.npos;
        }

        Where where(const yaml_mark_t& mark) const
        {
                return {*source_, static_cast<int>(mark.line) + 1, static_cast<int>(mark.column) + 1};
        }

        static std::string_view as_text(const yaml_char_t* text)
        {
                return text != nullptr ? reinterpret_cast<const char*>(text) : "";
        }

        std::string_view text_;
        const std::string* source_;
        yaml_parser_t parser_{};
        std::unique_ptr<yaml_parser_t, Deleter<yaml_parser_delete>> guard_;
        std::vector<Node> nodes_;
        std::vector<std::size_t> open_; // lists and maps that are still open
        std::map<std::string, std::size_t, std::less<>> anchors_;
};

class Converter {
public:
        Converter(const std::vector<Node>& nodes, Layer& layer) : nodes_(&nodes), layer_(&layer) {}

        Json document()
        {
                layer_->marks[""] = where(nodes_->front());
                return convert(0, "", 0);
        }

private:
        Json convert(std::size_t index, const std::string& key, std::size_t depth)
        {
                const auto& node = resolved(index);
                if (depth > yaml_depth_limit || ++values_ > value_limit)
                        refuse_size(where(node));
                size_ += key.size() + node.text.size();

                if (size_ > size_limit)
                        refuse_document(where(node), fmt::format("more than {} bytes in all", size_limit));

                switch (node.kind) {
                case Node::Kind::text:
                        return node.text;
                case Node::Kind::plain:
                        return yaml_plain_scalar(node.text);
                case Node::Kind::list: {
                        auto list = Json::array();
                        for (auto item = first_in(node); item < node.next; item = behind(item)) {
                                const auto path = fmt::format("{}[{}]", key, list.size());
                                layer_->marks[path] = where(resolved(item));
                                list.push_back(convert(item, path, depth + 1));
                        }

                        return list;
                }
                default:
                        return convert_map(node, key, depth);
                }
        }

        Json convert_map(const Node& map_node, const std::string& key, std::size_t depth)
        {
                auto map = Json::object();
                std::map<std::string_view, const Node*> names;
                const auto for_each = [&](auto&& visit) {
                        for (auto item = first_in(map_node); item < map_node.next;) {
                                const auto value = behind(item);
                                visit(resolved(item), value);
                                item = behind(value);
                        }
                };

                for_each([&](const Node& name, std::size_t value) {
                        if (is_merge_key(name)) // the map's own keys override the merged ones
                                merge_key(map, value, key, depth);
                });

                for_each([&](const Node& name, std::size_t value) {
                        if (is_merge_key(name))
                                return;

                        if (!is_scalar(name) ||
                                (name.kind == Node::Kind::plain && yaml_plain_scalar(name.text).is_null()))
                                refuse_document(where(name), "a key must be a plain word");
                        const auto path = key_path(key, name.text);
                        if (const auto [first, is_new] = names.try_emplace(name.text, &name); !is_new)
                                note_repetition(path, *std::exchange(first->second, &name), name);

                        // Readers look for the line of the key.
                        layer_->marks[path] = where(name);
                        map[name.text] = convert(value, path, depth + 1);
                });

                return map;
        }

        // A map with an alias is converted again for each, and its keys are told once.
        void note_repetition(const std::string& path, const Node& first, const Node& again)
        {
                if (told_.insert(&again).second)
                        layer_->notes.push_back({Level::warning,
                                fmt::format(
                                        "{}: {} is set twice, first in line {}; the last one counts: keep "
                                        "one of them, proceeding",
                                        where(again).text(), shown_key(path), first.line),
                                true});
        }

        void merge_key(Json& map, std::size_t from, const std::string& key, std::size_t depth)
        {
                const auto& node = resolved(from);
                if (depth > yaml_depth_limit)
                        refuse_size(where(node));

                if (node.kind == Node::Kind::list) {
                        std::vector<std::size_t> items;
                        for (auto item = first_in(node); item < node.next; item = behind(item))
                                items.push_back(item);
                        for (auto item = items.rbegin(); item != items.rend(); ++item) // the first wins
                                merge_key(map, *item, key, depth + 1);
                } else if (node.kind == Node::Kind::map) {
                        map.update(convert(from, key, depth + 1));
                } else {
                        refuse_document(where(node), "'<<' must name a map");
                }
        }

        const Node& resolved(std::size_t index) const
        {
                const auto* node = &nodes_->at(index);
                while (node->kind ==
                        Node::Kind::alias) // an alias cannot refer to a later node, so this ends
                        node = &nodes_->at(node->next);
                return *node;
        }

        // The next node after that one and its content.
        std::size_t behind(std::size_t index) const
        {
                const auto& node = nodes_->at(index);
                return node.kind == Node::Kind::alias ? index + 1 : node.next;
        }

        std::size_t first_in(const Node& list_or_map) const
        {
                return static_cast<std::size_t>(&list_or_map - nodes_->data()) + 1;
        }

        static bool is_scalar(const Node& node)
        {
                return node.kind == Node::Kind::text || node.kind == Node::Kind::plain;
        }

        static bool is_merge_key(const Node& node) { return is_scalar(node) && node.text == "<<"; }

        Where where(const Node& node) const { return {layer_->source, node.line, node.column}; }

        const std::vector<Node>* nodes_;
        Layer* layer_;
        std::set<const Node*> told_; // keys that are set twice
        std::size_t values_ = 0;
        std::size_t size_ = 0;
};

} // namespace

void refuse_document(const Where& where, std::string_view what)
{
        throw Error(failure::config_syntax, fmt::format("{}: {}", where.text(), what),
                "Correct the document; `eksnode validate FILE` checks it anywhere");
}

Where place_at(std::string_view text, std::size_t offset, const std::string& source)
{
        const auto before = text.substr(0, std::min(offset, text.size()));
        const auto line_start = before.rfind('\n');
        return {source, static_cast<int>(std::ranges::count(before, '\n')) + 1,
                static_cast<int>(
                        line_start == before.npos ? before.size() : before.size() - line_start - 1) +
                        1};
}

Json yaml_plain_scalar(const std::string& text)
{
        constexpr std::size_t longest_word = 5; // "false"
        static constexpr std::array<std::string_view, 5> nulls{"", "~", "null", "Null", "NULL"};
        static constexpr std::array<std::string_view, 11> trues{
                "y", "Y", "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"};
        static constexpr std::array<std::string_view, 11> falses{
                "n", "N", "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"};

        if (text.size() <= longest_word) {
                if (std::ranges::find(nulls, text) != nulls.end())
                        return nullptr;
                if (std::ranges::find(trues, text) != trues.end())
                        return true;
                if (std::ranges::find(falses, text) != falses.end())
                        return false;
        }

        auto value = number(text);
        return value ? std::move(*value) : Json(text);
}

Json parse_yaml(std::string_view text, Layer& layer)
{
        Reader reader(text, layer.source);
        const auto nodes = reader.read();
        if (const auto next = nodes.empty() ? std::nullopt : reader.next_document())
                layer.notes.push_back({Level::warning,
                        fmt::format(
                                "{}: a second YAML document: only the first one is read; merge the two, or "
                                "give it in a MIME part or file of its own, ignoring",
                                next->text()),
                        true});

        return nodes.empty() ? Json() : Converter(nodes, layer).document();
}

} // namespace eks
