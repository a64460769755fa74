// SPDX-License-Identifier: Apache-2.0
// The words and signs of an expression in the Common Expression Language.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace eks {

struct CelPlace {
        std::size_t line = 1;
        std::size_t column = 1;
};

// Throws Error (config_invalid): "column 5: …".
[[noreturn]] void fail_cel(const CelPlace& at, const std::string& wrong);

struct CelToken {
        enum class Kind { end, name, integer, real, sign };
        Kind kind = Kind::end;
        std::string_view text;
        CelPlace at;
};

class CelLexer {
public:
        explicit CelLexer(std::string_view text) : rest_(text) {} // which must outlive it

        // The next one, and at the end one of Kind::end. Blanks and comments are skipped. Throws Error
        // (config_invalid) at text that is not part of an expression, or not supported.
        CelToken next();

private:
        template <typename Predicate>
        std::size_t length_of(const Predicate& belongs, std::size_t from = 0) const;
        std::string_view take(std::size_t length);
        void skip_blanks();
        CelToken number(const CelPlace& at);
        CelToken whole_token(CelToken token) const;
        std::string shown_character() const;

        std::string_view rest_;
        CelPlace at_;
};

} // namespace eks
