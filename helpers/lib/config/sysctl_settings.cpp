// SPDX-License-Identifier: Apache-2.0
#include "config/sysctl_settings.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.hpp"
#include "config/known_keys.hpp"
#include "config/profile.hpp"

namespace eks {

namespace {

constexpr std::string_view root_key = "sysctl";

// A part of a name is a directory or file below /proc/sys; an interface may have dots in its name.
bool is_part(std::string_view part)
{
        return !part.empty() && !part.starts_with('.') && std::ranges::all_of(part, [](char c) {
                return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '_' || c == '-' || c == '.';
        });
}

class Reader {
public:
        Reader(const Json& tree, const Marks& marks, Problems& problems)
                : marks_(&marks), problems_(&problems), chosen_(tree.value("profile", std::string()))
        {
        }

        void read(const Json& map, const std::string& key, const std::string& above)
        {
                for (const auto& [part, value] : map.items()) {
                        const auto below = key_path(key, part);
                        const auto name = above.empty() ? part : above + "/" + part;
                        if (!is_part(part) || (above.empty() && part.find('.') != std::string::npos))
                                problem(below, "", "not the name of a kernel parameter",
                                        "Write it as `sysctl -a` does, without quotes; only a part that has "
                                        "a dot itself, such as an interface, is quoted");
                        else if (value.is_object())
                                read(value, below, name);
                        else
                                add(value, below, name);
                }
        }

        std::vector<Sysctl> take() { return std::move(found_); }

private:
        void add(const Json& value, const std::string& key, const std::string& name)
        {
                const bool number = value.is_number_integer();
                const auto text = value.is_string()
                                          ? std::string(trim(value.get<std::string>()))
                                          : value.dump(-1, ' ', false, Json::error_handler_t::replace);
                if (!number && (!value.is_string() || text.empty() || has_control_characters(text)))
                        problem(key, text, "not a value of a kernel parameter",
                                "Give a whole number, or a string of one line");
                else if (name.find('/') == std::string::npos)
                        problem(key, text, "not a kernel parameter", "Parameters have at least two parts");
                else
                        found_.insert(std::ranges::upper_bound(found_, name, {}, &Sysctl::name),
                                {name, text, key, where(key), is_in_profile(where(key).source, chosen_)});
        }

        Where where(const std::string& key) const { return place_of(*marks_, key, {"configuration"}); }

        void problem(
                const std::string& key, std::string_view value, std::string_view wrong, std::string remedy)
        {
                problems_->add(where(key), key, value, wrong, std::move(remedy));
        }

        const Marks* marks_;
        Problems* problems_;
        std::string chosen_;
        std::vector<Sysctl> found_; // sorted: to sort it afterwards would be 20 KB of each step
};

// kubelet compares these when it starts, and ends if one differs.
struct Demand {
        std::string_view name;
        std::string_view value;
};
constexpr std::array demands{Demand{"kernel/keys/root_maxbytes", "25000000"},
        Demand{"kernel/keys/root_maxkeys", "1000000"}, Demand{"kernel/panic", "10"},
        Demand{"kernel/panic_on_oops", "1"}, Demand{"vm/overcommit_memory", "1"},
        Demand{"vm/panic_on_oom", "0"}};

bool kubelet_protects_defaults(const Json& tree)
{
        const auto* given = find_path(tree, "kubelet.config.protectKernelDefaults");
        const auto* mode = find_path(tree, "kubelet.configMode");
        const bool ours = mode == nullptr || *mode != "replace"; // and ours sets it
        return given != nullptr && given->is_boolean() ? given->get<bool>() : ours;
}

} // namespace

std::vector<Sysctl> sysctls(const Json& tree, const Marks& marks, Problems& problems)
{
        Reader reader(tree, marks, problems);
        if (tree.contains(root_key))
                reader.read(tree.at(std::string(root_key)), std::string(root_key), "");

        const auto found = reader.take();
        if (kubelet_protects_defaults(tree))
                for (const auto& [name, value] : demands)
                        if (const auto one = std::ranges::find(found, name, &Sysctl::name);
                                one != found.end() && one->value != value)
                                problems.add(one->where, one->key, one->value,
                                        fmt::format("kubelet demands {} and would not start", value),
                                        "Remove the key, or set kubelet.config.protectKernelDefaults to "
                                        "false");

        return found;
}

} // namespace eks
