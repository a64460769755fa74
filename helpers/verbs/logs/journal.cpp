// SPDX-License-Identifier: Apache-2.0
#include "verbs/logs/journal.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <fnmatch.h>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"
#include "verbs/logs/redact.hpp"

namespace eks {

namespace {

constexpr std::size_t longest_message = 16U << 10U; // bytes; the journal takes some of 48 MiB
constexpr std::uint64_t second = 1'000'000;         // µs
constexpr std::array<std::string_view, 3> unit_directories{
        "/usr/lib/systemd/system", "/lib/systemd/system", "/etc/systemd/system"};

std::string time_text(std::uint64_t time)
{
        const auto seconds = static_cast<std::time_t>(time / second);
        std::tm parts{};
        ::gmtime_r(&seconds, &parts);
        return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", parts.tm_year + 1900,
                parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, time % second);
}

// A record, as its prefix and its message.
struct Record {
        std::string prefix;
        std::string message;
};

Record read_record(sd_journal* journal)
{
        std::uint64_t time = 0;
        ::sd_journal_get_realtime_usec(journal, &time);

        auto name = std::string(journal_field(journal, "SYSLOG_IDENTIFIER"));
        if (name.empty())
                name = journal_field(journal, "_COMM");
        auto pid = std::string(journal_field(journal, "_PID"));

        auto message = journal_field(journal, "MESSAGE");
        const bool is_long = message.size() > longest_message;
        Record record{fmt::format("{} {}{}: ", time_text(time), name, pid.empty() ? "" : "[" + pid + "]"),
                std::string(message.substr(0, longest_message))};
        if (is_long)
                record.message += " [cut]";
        std::ranges::replace(record.message, '\0', '?');

        return record;
}

void match_units(sd_journal* journal, const std::vector<std::string>& units)
{
        const auto add = [&](const std::string& text) { match_journal(journal, text); };
        for (const auto& unit : units) {
                add("_SYSTEMD_UNIT=" + unit);
                ::sd_journal_add_disjunction(journal);
                add("_PID=1"); // what systemd says of it
                add("UNIT=" + unit);
                ::sd_journal_add_disjunction(journal);
                add("_UID=0"); // what a process of ours said that has ended
                add("OBJECT_SYSTEMD_UNIT=" + unit);
                ::sd_journal_add_disjunction(journal);
        }
}

} // namespace

JournalPtr open_journal(const Root& root)
{
        sd_journal* raw = nullptr;
        const int result = root.prefix().empty() ? ::sd_journal_open(&raw, SD_JOURNAL_LOCAL_ONLY)
                                                 : ::sd_journal_open_directory(
                                                           &raw, root.prefix().c_str(), SD_JOURNAL_OS_ROOT);
        if (result < 0)
                throw io_error("open", root("/var/log/journal"), -result);

        ::sd_journal_set_data_threshold(raw, longest_message + 64);
        return JournalPtr(raw);
}

bool has_journal(const Root& root)
{
        try {
                const auto journal = open_journal(root);
                return ::sd_journal_seek_tail(journal.get()) >= 0 &&
                       ::sd_journal_previous(journal.get()) > 0;
        } catch (const Error&) {
                return false;
        }
}

std::vector<std::string> units_matching(const Root& root, const std::vector<std::string>& patterns)
{
        std::set<std::string> units;
        for (const auto& pattern : patterns)
                if (pattern.find('*') == pattern.npos)
                        units.insert(pattern);

        for (const auto directory : unit_directories)
                for (const auto& name : list_directory(root(directory)))
                        for (const auto& pattern : patterns)
                                if (::fnmatch(pattern.c_str(), name.c_str(), 0) == 0)
                                        units.insert(name);

        return {units.begin(), units.end()};
}

JournalText journal_text(const Root& root, const JournalQuery& query, LogClock::time_point end)
{
        const auto journal = open_journal(root);
        if (!query.units.empty())
                match_units(journal.get(), query.units);
        else if (!query.match.empty())
                match_journal(journal.get(), query.match);

        std::vector<Record> records; // the last one first
        JournalText result;
        std::size_t size = 0;

        if (const int moved = ::sd_journal_seek_tail(journal.get()); moved < 0)
                throw io_error("read", "the journal", -moved);

        while (::sd_journal_previous(journal.get()) > 0) {
                std::uint64_t time = 0;
                if (::sd_journal_get_realtime_usec(journal.get(), &time) >= 0 && time < query.since)
                        break;

                auto record = read_record(journal.get());
                size += record.prefix.size() + record.message.size() + sizeof(Record);
                result.is_cut = size > query.limit || LogClock::now() > end;

                if (result.is_cut)
                        break;

                records.push_back(std::move(record));
        }

        Redactor redactor(result.is_cut);

        for (; !records.empty(); records.pop_back()) {
                const auto& [prefix, message] = records.back();
                if (message.empty())
                        result.text.append(prefix).append("\n");
                auto begin = std::string_view(prefix);

                for (const auto line : lines(message)) {
                        result.text.append(begin).append(redactor.line(line)).append("\n");
                        begin = "        ";
                }
        }

        return result;
}

} // namespace eks
