// SPDX-License-Identifier: Apache-2.0
#include "verbs/config/show_config.hpp"

#include <memory>
#include <new>
#include <string>
#include <vector>

#include <yaml.h>

#include "base/fd.hpp"
#include "base/text.hpp"
#include "config/known_keys.hpp"
#include "document/toml.hpp"
#include "document/yaml.hpp"
#include "systemd/systemd_words.hpp"

namespace eks {

namespace {

// A tree as a YAML document in block style.
class YamlWriter {
public:
        YamlWriter()
        {
                if (yaml_emitter_initialize(&emitter_) == 0)
                        throw std::bad_alloc();
                guard_.reset(&emitter_);
                yaml_emitter_set_unicode(&emitter_, 1);
                yaml_emitter_set_width(&emitter_, -1); // no folding: a certificate stays one line
                yaml_emitter_set_output(&emitter_, append, &text_);
        }

        std::string write(const Json& document)
        {
                yaml_event_t event;
                yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING);
                emit(event);
                yaml_document_start_event_initialize(&event, nullptr, nullptr, nullptr, 1);
                emit(event);
                value(document);
                yaml_document_end_event_initialize(&event, 1);
                emit(event);
                yaml_stream_end_event_initialize(&event);
                emit(event);

                return std::move(text_);
        }

private:
        void value(const Json& json)
        {
                yaml_event_t event;
                switch (json.type()) {
                case Json::value_t::object:
                        yaml_mapping_start_event_initialize(
                                &event, nullptr, nullptr, 1, YAML_BLOCK_MAPPING_STYLE);
                        emit(event);

                        for (const auto& [key, item] : json.items()) {
                                // The same for keys.
                                scalar(key, yaml_plain_scalar(key).is_string()
                                                    ? YAML_PLAIN_SCALAR_STYLE
                                                    : YAML_DOUBLE_QUOTED_SCALAR_STYLE);
                                value(item);
                        }

                        yaml_mapping_end_event_initialize(&event);
                        emit(event);
                        break;
                case Json::value_t::array:
                        yaml_sequence_start_event_initialize(
                                &event, nullptr, nullptr, 1, YAML_BLOCK_SEQUENCE_STYLE);
                        emit(event);

                        for (const auto& item : json)
                                value(item);
                        yaml_sequence_end_event_initialize(&event);
                        emit(event);
                        break;
                case Json::value_t::string: {
                        const auto& text = json.get_ref<const std::string&>();
                        // Quoted, so that "yes" and "0x10" stay strings for all readers.
                        scalar(text, text.find('\n') != text.npos ? YAML_LITERAL_SCALAR_STYLE
                                                                  : YAML_DOUBLE_QUOTED_SCALAR_STYLE);
                        break;
                }
                default:
                        scalar(json.dump(), YAML_PLAIN_SCALAR_STYLE);
                }
        }

        void scalar(std::string_view text, yaml_scalar_style_t style)
        {
                yaml_event_t event;
                if (yaml_scalar_event_initialize(&event, nullptr, nullptr,
                            reinterpret_cast<const yaml_char_t*>(text.data()), static_cast<int>(text.size()),
                            1, 1, style) == 0)
                        throw std::bad_alloc();
                emit(event);
        }

        // The emitter owns the event, also if it fails.
        void emit(yaml_event_t& event)
        {
                if (yaml_emitter_emit(&emitter_, &event) == 0)
                        throw std::bad_alloc(); // the events are in order, so it can only fail without
                                                // memory
        }

        static int append(void* text, unsigned char* bytes, std::size_t size)
        {
                static_cast<std::string*>(text)->append(reinterpret_cast<const char*>(bytes), size);
                return 1;
        }

        yaml_emitter_t emitter_{};
        std::unique_ptr<yaml_emitter_t, Deleter<yaml_emitter_delete>> guard_;
        std::string text_;
};

} // namespace

Json as_one_document(const Json& tree)
{
        auto document = tree;
        const auto* texts = find_path(tree, "containerd.config");
        if (texts == nullptr || texts->empty())
                return document;

        std::string text = texts->front().at("text");
        if (texts->size() > 1) {
                auto merged = TomlDocument::parse(text, texts->front().at("source"));
                for (const auto& next : *texts)
                        merged.merge(
                                TomlDocument::parse(next.at("text").get<std::string>(), next.at("source")));
                text = merged.text();
        }

        document["containerd"]["config"] = text;
        return document;
}

std::string config_as_toml(const Json& tree)
{
        return TomlDocument::from_tree(as_one_document(tree)).text();
}

std::string config_as_json(const Json& tree)
{
        return as_one_document(tree).dump(2) + "\n";
}

std::string config_as_node_config(const Json& tree, std::vector<std::string>& left_out)
{
        auto spec = as_one_document(tree);
        if (const auto* flags = find_path(spec, "kubelet.flags"); flags != nullptr && !flags->empty()) {
                auto items = Json::array(); // systemd splits those of a NodeConfig
                for (const auto& flag : *flags)
                        items.push_back(quote_for_systemd(flag.get_ref<const std::string&>()));
                spec["kubelet"]["flags"] = std::move(items);
        }

        for (const auto& entry : schema()) {
                if (entry.node_config || find_path(spec, entry.path) == nullptr)
                        continue;
                left_out.emplace_back(entry.path);
                const auto parts = split(entry.path, '.');
                erase_path(spec, std::vector<std::string>(parts.begin(), parts.end()));
        }

        return YamlWriter().write(
                {{"apiVersion", "node.eks.aws/v1alpha1"}, {"kind", "NodeConfig"}, {"spec", spec}});
}

} // namespace eks
