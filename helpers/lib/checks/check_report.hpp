// SPDX-License-Identifier: Apache-2.0
// Shared by the checks of a configuration: reporting, and access to the values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "document/layer.hpp"
#include "document/problems.hpp"

namespace eks {

class CheckReport {
public:
        // All three must outlive it; `marks` has the places of keys.
        CheckReport(const Marks& marks, Problems& problems, std::vector<Note>& notes)
                : marks_(&marks), problems_(&problems), notes_(&notes)
        {
        }

        bool is_given(const std::string& key) const { return marks_->contains(key); }

        // The place of a key, or of the nearest thing around it.
        Where where(std::string_view key) const;

        void problem(std::string_view key, std::string_view value, std::string_view wrong,
                std::string remedy) const;
        // Something that works, but probably not as intended: a warning, and an error with --strict.
        // `fate` is what happens to the value then: "proceeding", or "ignoring" if it has no effect.
        void doubt(std::string_view key, std::string_view value, std::string_view wrong,
                std::string_view fate = "proceeding") const;
        void note(Level level, std::string_view key, std::string_view value, std::string_view text) const;

private:
        const Marks* marks_;
        Problems* problems_;
        std::vector<Note>* notes_;
};

// A foreign word, made safe for a message, and cut if it is long.
std::string plain(std::string_view word);

// The same in ticks.
std::string ticked(std::string_view word);

// Members of JSON that may be of any shape: nullptr or nothing where it is not the expected one.
const Json* member(const Json* object, std::string_view key);
const std::string* text_member(const Json* object, std::string_view key);

// The strings of a list.
std::vector<std::string> texts(const Json* list);

} // namespace eks
