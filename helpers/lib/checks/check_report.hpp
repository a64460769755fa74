// SPDX-License-Identifier: Apache-2.0
// What the checks of a configuration share: where they say what they find, and how they look at it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "document/layer.hpp"
#include "document/problems.hpp"

namespace eks {

class CheckReport {
public:
        // All three must outlive it; `marks` say where keys stand.
        CheckReport(const Marks& marks, Problems& problems, std::vector<Note>& notes)
                : marks_(&marks), problems_(&problems), notes_(&notes)
        {
        }

        bool is_given(const std::string& key) const { return marks_->contains(key); }

        // The place of a key, or of the nearest thing around it.
        Where where(std::string_view key) const;

        void problem(std::string_view key, std::string_view value, std::string_view wrong,
                std::string remedy) const;
        // What may work, but hardly as meant: a warning, and an error under --strict.
        void doubt(std::string_view key, std::string_view value, std::string_view wrong) const;
        void note(Level level, std::string_view key, std::string_view value, std::string_view text) const;

private:
        const Marks* marks_;
        Problems* problems_;
        std::vector<Note>* notes_;
};

// A foreign word, fit for a message; cut if it is long.
std::string plain(std::string_view word);

// The same in ticks.
std::string ticked(std::string_view word);

// Members of JSON that may be of any shape: nullptr or nothing where it is not the expected one.
const Json* member(const Json* object, std::string_view key);
const std::string* text_member(const Json* object, std::string_view key);

// The strings of a list.
std::vector<std::string> texts(const Json* list);

} // namespace eks
