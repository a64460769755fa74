// SPDX-License-Identifier: Apache-2.0
#include "verbs/status/journal.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <systemd/sd-id128.h>

#include "base/secrets.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

constexpr std::size_t longest_text = 600;
constexpr std::size_t records_of_steps = 1000; // a boot without eks.debug has some 60
// SD_MESSAGE_SPAWN_FAILED
constexpr const char* spawn_failed = "641257651c1b4ec9a8624d7a40a9e1e7";

} // namespace

Journal::Journal()
{
        sd_journal* raw = nullptr;
        sd_id128_t boot{};

        if (::sd_journal_open(&raw, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM) < 0)
                return;

        journal_.reset(raw);
        if (::sd_id128_get_boot(&boot) >= 0) {
                std::array<char, SD_ID128_STRING_MAX> text{};
                boot_ = fmt::format("_BOOT_ID={}", ::sd_id128_to_string(boot, text.data()));
        }
}

bool Journal::match(const std::string& field)
{
        return match_journal(journal_.get(), field);
}

// To the end of what was matched, in this boot.
bool Journal::begin()
{
        return match(boot_) && ::sd_journal_seek_tail(journal_.get()) >= 0;
}

std::string Journal::field(const char* name)
{
        return printable(journal_field(journal_.get(), name).substr(0, longest_text));
}

JournalRecord Journal::read()
{
        JournalRecord records{.text = field("MESSAGE"),
                .invocation = field("_SYSTEMD_INVOCATION_ID"),
                .failure = {},
                .result = field("EKS_RESULT"),
                .process = field("_PID"),
                .priority = parse_int<int>(field("PRIORITY")).value_or(6)};
        ::sd_journal_get_realtime_usec(journal_.get(), &records.time);

        if (records.result == "failed") {
                const auto remedy = field("EKS_REMEDY");
                records.failure = field("EKS_CAUSE") + (remedy.empty() ? "" : ". " + remedy);
        }

        return records;
}

std::vector<JournalRecord> Journal::of_processes(const std::string& unit, std::size_t limit)
{
        std::vector<JournalRecord> records;
        if (!journal_)
                return records;

        ::sd_journal_flush_matches(journal_.get());
        if (!match("_SYSTEMD_UNIT=" + unit) || !begin())
                return records;

        // systemd writes such records as well, with UNIT=, before it executes a program.
        while (records.size() < limit && ::sd_journal_previous(journal_.get()) > 0)
                if (field("UNIT").empty())
                        records.push_back(read());

        for (auto& one : records) // a daemon does not know what is secret here
                one.text = hide_secrets(one.text);

        return records;
}

std::string Journal::of_manager(const std::string& unit)
{
        if (!journal_)
                return {};

        ::sd_journal_flush_matches(journal_.get());
        if (!match("UNIT=" + unit) || !match(fmt::format("MESSAGE_ID={}", spawn_failed)) || !begin() ||
                ::sd_journal_previous(journal_.get()) <= 0)
                return {};

        auto text = field("MESSAGE");
        const auto prefix = unit + ": ";

        return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
}

std::string Journal::of_manager(
        const std::vector<std::string>& units, const std::vector<std::string_view>& texts)
{
        if (!journal_)
                return {};

        ::sd_journal_flush_matches(journal_.get());
        for (const auto& unit : units)
                if (!match("UNIT=" + unit))
                        return {};

        // Before journald runs the manager writes to the kernel's log, without the name of the unit as a
        // field.
        if (!match("_PID=1") || !match(boot_) || ::sd_journal_add_disjunction(journal_.get()) < 0 ||
                !match("_TRANSPORT=kernel") || !match("SYSLOG_IDENTIFIER=systemd") || !begin())
                return {};

        const auto has_one_of = [](const std::string& message, const auto& words) {
                return std::ranges::any_of(
                        words, [&](const auto& word) { return message.find(word) != message.npos; });
        };

        for (std::size_t i = 0; i<records_of_steps&& ::sd_journal_previous(journal_.get())> 0; ++i) {
                const auto message = field("MESSAGE");
                if (has_one_of(message, texts) && has_one_of(message, units))
                        return message;
        }

        return {};
}

bool Journal::has(const std::string& message_id, const std::string& text)
{
        if (!journal_)
                return false;
        ::sd_journal_flush_matches(journal_.get());
        return match("MESSAGE_ID=" + message_id) && match("MESSAGE=" + text) && begin() &&
               ::sd_journal_previous(journal_.get()) > 0;
}

std::map<std::string, std::vector<JournalRecord>> Journal::of_steps(const std::vector<std::string>& units)
{
        std::map<std::string, std::vector<JournalRecord>> records;
        if (!journal_ || units.empty())
                return records;

        ::sd_journal_flush_matches(journal_.get());
        for (const auto& unit : units)
                if (!match("OBJECT_SYSTEMD_UNIT=" + unit))
                        return records;

        if (!begin())
                return records;

        for (std::size_t i = 0; i<records_of_steps&& ::sd_journal_previous(journal_.get())> 0; ++i)
                records[field("OBJECT_SYSTEMD_UNIT")].push_back(read());

        return records;
}

} // namespace eks
