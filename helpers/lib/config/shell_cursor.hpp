// SPDX-License-Identifier: Apache-2.0
// Where a reader stands in the text of a shell script.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "config/problems.hpp"

namespace eks {

class ShellCursor {
public:
        // Both must outlive it; `source` names the text in messages.
        ShellCursor(std::string_view text, const std::string& source) : text_(text), source_(&source) {}

        bool at_end() const { return pos_ >= text_.size(); }
        std::string_view rest() const { return text_.substr(pos_); }
        bool starts(std::string_view what) const { return rest().starts_with(what); }
        char peek(std::size_t ahead = 0) const // NUL behind the end
        {
                return pos_ + ahead < text_.size() ? text_[pos_ + ahead] : '\0';
        }

        std::size_t position() const { return pos_; }
        // From an earlier position to here.
        std::string_view since(std::size_t begin) const { return text_.substr(begin, pos_ - begin); }

        // None of these goes beyond the end.
        void skip(std::size_t count) { pos_ = std::min(pos_ + count, text_.size()); }
        void skip_to(char c) { pos_ = std::min(text_.find(c, pos_), text_.size()); }
        void skip_blanks() // and continuations
        {
                for (;;) {
                        if (peek() == ' ' || peek() == '\t' || (peek() == '\r' && peek(1) == '\n'))
                                skip(1);
                        else if (const auto length = continuation())
                                skip(length);
                        else
                                return;
                }
        }

        // How long the backslash and line break here are, by which a line goes on; 0 if there are none.
        std::size_t continuation() const
        {
                if (starts("\\\n"))
                        return 2;
                return starts("\\\r\n") ? 3 : 0;
        }

        // Line and column of here. Lines are counted once, since nothing goes back.
        Where where()
        {
                for (; counted_ < pos_; ++counted_)
                        if (text_[counted_] == '\n') {
                                ++line_;
                                line_begin_ = counted_ + 1;
                        }
                return {*source_, line_, static_cast<int>(pos_ - line_begin_) + 1};
        }

private:
        std::string_view text_;
        const std::string* source_;
        std::size_t pos_ = 0;
        std::size_t counted_ = 0;
        int line_ = 1;
        std::size_t line_begin_ = 0;
};

} // namespace eks
