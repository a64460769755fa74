// SPDX-License-Identifier: Apache-2.0
// The only place that knows the TOML library.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "document/layer.hpp"

namespace eks {

// A TOML table that keeps the library out of other translation units (it is large to compile).
class TomlDocument {
public:
        // Throws Error (config_syntax) with line and column.
        static TomlDocument parse(std::string_view text, const std::string& source);

        // A tree of maps, lists and scalars; nulls are left out, because TOML has none.
        static TomlDocument from_tree(const Json& tree);

        TomlDocument(TomlDocument&&) noexcept;
        TomlDocument& operator=(TomlDocument&&) noexcept;
        TomlDocument(const TomlDocument&) = delete;
        TomlDocument& operator=(const TomlDocument&) = delete;
        ~TomlDocument();

        // Maps recurse; everything else in `over` replaces.
        void merge(const TomlDocument& over);

        std::optional<std::string> string_at(const std::vector<std::string>& path) const;

        // Keys are sorted, values are before tables, so the text of a table is always the same.
        std::string text() const;

        // As a tree, with the line of every key.
        Layer layer(const std::string& source) const;

private:
        struct Table;
        explicit TomlDocument(std::unique_ptr<Table> table);
        std::unique_ptr<Table> table_;
};

} // namespace eks
