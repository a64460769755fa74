// SPDX-License-Identifier: Apache-2.0
#include "config/kernel_settings.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include <fmt/format.h>

#include "base/text.hpp"
#include "config/known_keys.hpp"

namespace eks {

namespace {

constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max(); // RLIM_INFINITY
// The limit of a kernel without fs.nr_open. Where systemd raises that parameter, others may be set;
// elsewhere runc fails.
constexpr std::uint64_t most_files_everywhere = 1048576;

class Reader {
public:
        Reader(const Marks& marks, Problems& problems) : marks_(&marks), problems_(&problems) {}

        Where where(const std::string& key) const { return place_of(*marks_, key, {"configuration"}); }

        void problem(const std::string& key, const Json& value, std::string_view wrong, std::string remedy)
        {
                const auto text = value.is_string()
                                          ? value.get<std::string>()
                                          : value.dump(-1, ' ', false, Json::error_handler_t::replace);
                problems_->add(
                        where(key), key, value.is_object() ? std::string() : text, wrong, std::move(remedy));
        }

private:
        const Marks* marks_;
        Problems* problems_;
};

// A whole number, also as text: the kernel command line has nothing else.
std::optional<std::uint64_t> number(const Json& value)
{
        if (value.is_number_unsigned() || (value.is_number_integer() && value.get<std::int64_t>() >= 0))
                return value.get<std::uint64_t>();
        return value.is_string() ? parse_int<std::uint64_t>(trim(value.get_ref<const std::string&>()))
                                 : std::nullopt;
}

// "2Mi" in KiB.
std::optional<std::uint64_t> page_size(std::string_view text)
{
        constexpr std::array<std::pair<std::string_view, unsigned>, 3> units{
                {{"Ki", 0}, {"Mi", 10}, {"Gi", 20}}};
        constexpr std::uint64_t most = 1024;

        for (const auto& [unit, shift] : units)
                if (text.ends_with(unit)) {
                        const auto count =
                                parse_int<std::uint64_t>(text.substr(0, text.size() - unit.size()));
                        if (count && *count < most && std::has_single_bit(*count))
                                return *count << shift;
                }

        return std::nullopt;
}

std::optional<unsigned> numa_node(std::string_view text)
{
        constexpr std::string_view prefix = "node";
        constexpr unsigned most = 1024; // of any kernel
        if (!text.starts_with(prefix))
                return std::nullopt;
        const auto found = parse_int<unsigned>(text.substr(prefix.size()));
        return found && *found < most ? found : std::nullopt;
}

constexpr const char* page_remedy =
        "Give the number of pages, or a table with one for each NUMA node: node0 = 512";

void add_pages(std::vector<Sysctl>& found, const std::string& directory, std::uint64_t kib,
        const std::string& key, const Json& value, Reader& reader)
{
        constexpr std::uint64_t most = std::uint64_t{1} << 32;
        const auto pages = number(value);
        if (!pages || *pages > most)
                reader.problem(key, value, "not a number of pages", page_remedy);
        else
                found.push_back({fmt::format("{}/hugepages/hugepages-{}kB/nr_hugepages", directory, kib),
                        fmt::format("{}", *pages), key, reader.where(key)});
}

// "65536", "65536:1048576", "unlimited"; the soft limit is first.
std::optional<std::uint64_t> limit(std::string_view text)
{
        text = trim(text);
        return text == "unlimited" ? unlimited : parse_int<std::uint64_t>(text);
}

struct Limit {
        std::uint64_t soft = 0;
        std::uint64_t hard = 0;
};

std::optional<Limit> limit_of(const Json& value)
{
        Limit found;
        if (const auto both = number(value)) {
                found.soft = found.hard = *both;
                return found;
        }

        if (!value.is_string())
                return std::nullopt;

        const std::string_view text = value.get_ref<const std::string&>();
        const auto colon = text.find(':');

        const auto soft = limit(text.substr(0, colon));
        const auto hard = colon == text.npos ? soft : limit(text.substr(colon + 1));
        if (!soft || !hard)
                return std::nullopt;

        found.soft = *soft;
        found.hard = *hard;

        return found;
}

// Source: getrlimit(2).
constexpr std::array<std::string_view, 16> limit_names{"as", "core", "cpu", "data", "fsize", "locks",
        "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio", "rttime", "sigpending", "stack"};

} // namespace

std::vector<Sysctl> huge_pages(const Json& tree, const Marks& marks, Problems& problems)
{
        std::vector<Sysctl> found;
        Reader reader(marks, problems);

        const auto* sizes = find_path(tree, "hugepages");
        if (sizes == nullptr)
                return found;

        for (const auto& [size, value] : sizes->items()) {
                const auto key = key_path("hugepages", size);
                const auto kib = page_size(size);
                if (!kib) {
                        reader.problem(key, value, "not a size of huge pages", "Write it as 2Mi or 1Gi");
                        continue;
                }

                if (!value.is_object()) {
                        add_pages(found, "/sys/kernel/mm", *kib, key, value, reader);
                        continue;
                }

                for (const auto& [name, pages] : value.items()) {
                        const auto below = key_path(key, name);
                        if (const auto node = numa_node(name))
                                add_pages(found, fmt::format("/sys/devices/system/node/node{}", *node), *kib,
                                        below, pages, reader);
                        else
                                reader.problem(below, pages, "not a NUMA node", page_remedy);
                }
        }

        return found;
}

Json container_limits(const Json& tree, const Marks& marks, Problems& problems)
{
        auto found = Json::array();
        Reader reader(marks, problems);

        const auto* limits = find_path(tree, "limits");
        if (limits == nullptr)
                return found;

        const auto* parameter = find_path(tree, "sysctl.fs.nr_open");
        const auto most_files =
                std::max(most_files_everywhere, parameter ? number(*parameter).value_or(0) : 0);

        for (const auto& [name, value] : limits->items()) {
                const auto key = key_path("limits", name);
                const auto one = limit_of(value);

                if (std::ranges::find(limit_names, name) == limit_names.end()) {
                        reader.problem(key, value, "not a limit of a process",
                                "Write it as setrlimit(2) does, in lower case: nofile, memlock, nproc, core");
                } else if (!one) {
                        reader.problem(key, value, "not a value of a limit",
                                "Give a number, 'unlimited', or SOFT:HARD such as '65536:1048576'");
                } else if (one->soft > one->hard) {
                        reader.problem(
                                key, value, "the soft limit is above the hard limit", "Write SOFT:HARD");
                } else if (name == "nofile" && one->hard > most_files) {
                        reader.problem(key, value,
                                fmt::format(
                                        "more than {} files, with which no container starts on some kernels",
                                        most_files),
                                "Give less, or set sysctl.fs.nr_open to as many");
                } else {
                        auto type = "RLIMIT_" + name;
                        for (auto& c : type)
                                if (c >= 'a' && c <= 'z')
                                        c = static_cast<char>(c - 'a' + 'A');
                        found.push_back({{"type", type}, {"soft", one->soft}, {"hard", one->hard}});
                }
        }

        return found;
}

} // namespace eks
