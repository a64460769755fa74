// SPDX-License-Identifier: Apache-2.0
#include "verbs/status/last_boot.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <set>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/messages.hpp"
#include "base/secrets.hpp"
#include "systemd/journal_record.hpp"

namespace eks {

namespace {

constexpr std::size_t records_of_a_boot = 2000; // of steps and daemons; a boot has some 60

JournalPtr open_below(const std::string& directory)
{
        sd_journal* raw = nullptr;
        // Also of a running container, whose journal may not be on disk yet.
        if (::sd_journal_open_directory(&raw, directory.c_str(), SD_JOURNAL_OS_ROOT) < 0)
                return {};
        return JournalPtr(raw);
}

std::string field(sd_journal* journal, const char* name)
{
        return hide_secrets(printable(journal_field(journal, name)));
}

// Records with the result of a step, and of daemons that ended with an error.
bool match_ended_units(sd_journal* journal)
{
        for (const auto* result : {"changed", "unchanged", "failed"})
                if (!match_journal(journal, fmt::format("EKS_RESULT={}", result)))
                        return false;
        return ::sd_journal_add_disjunction(journal) >= 0 &&
               match_journal(journal, fmt::format("MESSAGE_ID={}", event::daemon_ended.id));
}

std::string time_of(std::uint64_t microseconds)
{
        const auto seconds = static_cast<std::time_t>(microseconds / 1'000'000);
        std::tm parts{};
        std::array<char, 32> text{};
        std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", ::gmtime_r(&seconds, &parts));
        return text.data();
}

bool ended_badly(const EndedUnit& unit)
{
        return unit.result == "failed" || unit.result.empty();
}

} // namespace

std::vector<EndedUnit> units_of_last_boot(const Root& root)
{
        const auto directory = root.prefix().empty() ? std::string("/") : root.prefix();
        const auto journal = open_below(directory);
        if (!journal || !match_ended_units(journal.get()) || ::sd_journal_seek_tail(journal.get()) < 0 ||
                ::sd_journal_previous(journal.get()) <= 0)
                throw Error(failure::file_io,
                        fmt::format("no journal below '{}' has records of eksnode", directory),
                        "Name the root of a machine whose journal is kept in /var/log/journal (Storage= in "
                        "journald.conf(5)), and run this as root");

        std::vector<EndedUnit> units;
        std::set<std::string> seen;
        const auto boot = field(journal.get(), "_BOOT_ID");
        for (std::size_t count = 0; count < records_of_a_boot && field(journal.get(), "_BOOT_ID") == boot;
                ++count) {
                EndedUnit unit{.name = field(journal.get(), "EKS_DAEMON"),
                        .result = field(journal.get(), "EKS_RESULT"),
                        .text = field(journal.get(), "EKS_CAUSE"),
                        .remedy = field(journal.get(), "EKS_REMEDY")};
                if (unit.name.empty())
                        unit.name = field(journal.get(), "EKS_STEP");
                if (unit.text.empty())
                        unit.text = field(journal.get(), "MESSAGE");
                ::sd_journal_get_realtime_usec(journal.get(), &unit.time);

                if (seen.insert(unit.name).second)
                        units.push_back(std::move(unit));

                if (::sd_journal_previous(journal.get()) <= 0)
                        break;
        }

        std::ranges::reverse(units);
        return units;
}

std::string render_last_boot(const std::vector<EndedUnit>& units)
{
        const auto failed = std::ranges::find_if(units, ended_badly);
        auto text = failed == units.end() ? fmt::format("● Nothing failed in the last boot, until {}\n",
                                                    time_of(units.back().time))
                                          : fmt::format("× {} failed in the last boot, at {}\n  Cause: {}\n",
                                                    failed->name, time_of(failed->time), failed->text);

        if (failed != units.end() && !failed->remedy.empty())
                text += fmt::format("  Change: {}\n", failed->remedy);

        text += "\n";

        for (const auto& unit : units)
                text += fmt::format("{} {:<24} {}\n", ended_badly(unit) ? "×" : "●", unit.name, unit.text);

        return text + "Steps that are not listed did not run, or did not end.\n";
}

int last_boot_exit_status(const std::vector<EndedUnit>& units)
{
        return std::ranges::any_of(units, ended_badly) ? 1 : 0;
}

int print_last_boot(const Root& root)
{
        const auto units = units_of_last_boot(root);
        fmt::print("{}", render_last_boot(units));
        return last_boot_exit_status(units);
}

} // namespace eks
