// SPDX-License-Identifier: Apache-2.0
// A document of any content: YAML as Kubernetes' tools read it (YAML 1.1 scalars), or JSON.
#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"
#include "document/check_text.hpp"
#include "document/layer.hpp"
#include "document/yaml.hpp"

namespace eks {

namespace {

Json load_json(std::string text, Layer& layer)
{
        Json document;
        try {
                const auto within_limits = [&](int depth, Json::parse_event_t, const Json&) {
                        if (static_cast<std::size_t>(depth) > yaml_depth_limit)
                                refuse_document({layer.source},
                                        fmt::format("more than {} levels", yaml_depth_limit));
                        return true;
                };
                document = Json::parse(text, within_limits);
        } catch (const Json::out_of_range& e) {
                refuse_document({layer.source}, "a number that is too large");
        } catch (const Json::parse_error& e) {
                const std::string_view what = e.what();
                const auto colon = what.find(": ");
                refuse_document(place_at(text, e.byte > 0 ? e.byte - 1 : 0, layer.source),
                        fmt::format("not JSON: {}",
                                without_input(what.substr(colon == what.npos ? 0 : colon + 2))));
        }

        // The YAML parser finds the lines of JSON too, except that YAML rejects tabs as indentation. JSON
        // strings cannot contain tabs.
        std::ranges::replace(text, '\t', ' ');
        try {
                parse_yaml(text, layer);
        } catch (const Error&) {
                layer.marks.clear(); // the lines are optional: the document is valid without them
        }

        return document;
}

// The first line with more than a comment or the beginning of a document.
int first_line(std::string_view text)
{
        int number = 0;
        for (const auto line : lines(text)) {
                ++number;
                const auto words = trim(line);
                if (!words.empty() && !words.starts_with('#') && words != "---")
                        return number;
        }

        return 1;
}

} // namespace

Json parse_map(std::string_view bytes, Layer& layer)
{
        auto text = as_utf8(bytes, layer.source);
        const bool json = trim(text).starts_with('{');
        if (json)
                if (const auto where = replace_invalid_utf8(text, layer.source))
                        layer.notes.push_back({Level::warning,
                                fmt::format("{}: not UTF-8; U+FFFD replaces every such byte, proceeding",
                                        where->text()),
                                true});
        check_text(text, layer.source);

        auto document = json ? load_json(text, layer) : parse_yaml(text, layer);
        if (!document.is_object())
                throw Error(failure::config_syntax,
                        fmt::format("{}: not a map of keys to values",
                                Where{layer.source, first_line(text), 1}.text()),
                        "Give a document such as eks-node.toml(5) shows");

        return document;
}

} // namespace eks
