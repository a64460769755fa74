// SPDX-License-Identifier: Apache-2.0
#include "config/swap_settings.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "base/text.hpp"
#include "config/known_keys.hpp"

namespace eks {

namespace {

using Kind = SwapSettings::Kind;

constexpr const char* kind_key = "swap";
constexpr const char* size_key = "swapSize";
constexpr unsigned usual_percent = 50;
constexpr std::uint64_t usual_most = std::uint64_t{8} << 30U;
constexpr unsigned most_percent = 400; // zram compresses
constexpr std::uint64_t least = std::uint64_t{1} << 20U;
constexpr std::uint64_t most = std::uint64_t{16} << 40U;

constexpr std::array<std::pair<std::string_view, Kind>, 4> kinds{
        {{"file", Kind::file}, {"instance-store", Kind::store}, {"off", Kind::off}, {"zram", Kind::zram}}};

std::string text_at(const Json& tree, const char* key)
{
        const auto* value = find_path(tree, key);
        return value != nullptr && value->is_string()
                       ? std::string(trim(value->get_ref<const std::string&>()))
                       : "";
}

// "4Gi"
std::optional<std::uint64_t> quantity(std::string_view text)
{
        constexpr std::array<std::pair<std::string_view, unsigned>, 4> units{
                {{"Ki", 10}, {"Mi", 20}, {"Gi", 30}, {"Ti", 40}}};
        unsigned shift = 0;

        for (const auto& [unit, bits] : units)
                if (text.ends_with(unit)) {
                        shift = bits;
                        text.remove_suffix(unit.size());
                        break;
                }

        const auto number = parse_int<std::uint64_t>(text);
        return number && *number <= most >> shift ? std::optional(*number << shift) : std::nullopt;
}

// False if it is not a size.
bool read_size(std::string_view text, SwapSettings& settings)
{
        if (text.empty()) {
                settings.percent = usual_percent;
                settings.bytes = usual_most;
                return true;
        }

        if (text.ends_with('%')) {
                const auto share = parse_int<unsigned>(text.substr(0, text.size() - 1));
                settings.percent = share.value_or(0);
                return share && *share >= 1 && *share <= most_percent;
        }

        settings.bytes = quantity(text).value_or(0);
        return settings.bytes >= least;
}

// Where the instance store is mounted; "" without one.
std::string store_directory(const std::optional<LocalStorage>& storage)
{
        return !storage ? "" : storage->is_array() ? storage->array_directory() : storage->mount_path + "/1";
}

} // namespace

std::uint64_t SwapSettings::size(std::uint64_t memory) const
{
        if (percent == 0)
                return bytes;
        constexpr unsigned whole = 100;
        return std::min(
                memory / whole * percent, bytes == 0 ? std::numeric_limits<std::uint64_t>::max() : bytes);
}

std::optional<SwapSettings> swap_settings(
        const Json& tree, const Marks& marks, const std::optional<LocalStorage>& storage, Problems& problems)
{
        const auto where = [&](const char* key) { return place_of(marks, key, {"configuration"}); };
        const auto name = text_at(tree, kind_key);

        const auto size = text_at(tree, size_key);
        SwapSettings settings{.name = name, .directory = {}, .source = where(kind_key).text()};
        if (!read_size(size, settings))
                problems.add(where(size_key), size_key, size, "must be a size from 1Mi to 16Ti",
                        "Give a share of the memory, such as 50%, or a size, such as 4Gi");

        const auto kind = std::ranges::find(kinds, name, &std::pair<std::string_view, Kind>::first);
        if (kind == kinds.end()) // none, or one that the table of keys has refused
                return std::nullopt;

        settings.kind = kind->second;
        if (settings.kind == Kind::file)
                settings.directory = swap_directory;
        else if (settings.kind == Kind::store)
                settings.directory = store_directory(storage);

        return settings;
}

} // namespace eks
