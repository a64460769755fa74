// SPDX-License-Identifier: Apache-2.0
#include "config/mig_profile.hpp"

#include "base/text.hpp"
#include "config/known_keys.hpp"

namespace eks {

namespace {

constexpr const char* profile_key = "nvidia.mig.profile";
constexpr unsigned most_instances = 64; // of a kind; GPUs of today have 7
constexpr std::string_view all_prefix = "all-";

// Such as "1g.5gb", "1g.5gb+me", "2g.24gb+gfx", "1g.24gb-me": which of them exist, the GPU says.
bool is_kind(std::string_view text)
{
        const auto g = text.find("g.");
        return g != text.npos && g > 0 && text.size() > g + 2 &&
               text.substr(0, g).find_first_not_of("0123456789") == text.npos &&
               text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.+-") == text.npos;
}

} // namespace

std::optional<MigProfile> parse_mig_profile(std::string_view text)
{
        MigProfile profile;
        if (text.starts_with(all_prefix)) {
                profile.all = text.substr(all_prefix.size());
                return is_kind(profile.all) ? std::optional(profile) : std::nullopt;
        }

        for (const auto item : split(text, ',')) {
                const auto colon = item.find(':');
                const auto kind = trim(item.substr(0, colon));
                const auto count = colon == item.npos ? std::optional(1U)
                                                      : parse_int<unsigned>(trim(item.substr(colon + 1)));
                if (!is_kind(kind) || !count || *count == 0 || *count > most_instances)
                        return std::nullopt;

                profile.counts[std::string(kind)] += *count;
        }

        return profile.counts.empty() ? std::nullopt : std::optional(profile);
}

std::optional<MigProfile> mig_profile(const Json& tree, const Marks& marks, Problems& problems)
{
        const auto* given = find_path(tree, profile_key);
        const auto text = given != nullptr ? trim(given->get_ref<const std::string&>()) : "";
        if (text.empty())
                return std::nullopt;

        const auto where = place_of(marks, profile_key, {"configuration"});
        auto profile = parse_mig_profile(text);
        if (profile)
                profile->source = where.text();
        else
                problems.add(where, profile_key, text, "not a MIG profile",
                        "Write all-1g.5gb for as many instances of 1g.5gb as a GPU has, or kinds with their "
                        "numbers, such as 3g.20gb, 1g.5gb:2");

        return profile;
}

} // namespace eks
