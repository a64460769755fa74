// SPDX-License-Identifier: Apache-2.0
#include "base/log.hpp"

#include <cstdint>
#include <cstdlib>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/datagram.hpp"
#include "base/fd.hpp"
#include "base/secrets.hpp"

namespace eks {

namespace {

// $JOURNAL_STREAM holds device:inode of the stderr that the manager connected to the journal.
bool stderr_is_journal()
{
        const char* stream = std::getenv("JOURNAL_STREAM");
        struct stat st {};
        return stream != nullptr && ::fstat(STDERR_FILENO, &st) == 0 &&
               fmt::format("{}:{}", st.st_dev, st.st_ino) == stream;
}

// A record that does not fit into a datagram would need memfd_create(), which a confined step has not.
std::string shortened(std::string text)
{
        constexpr std::size_t longest = 48U << 10U;
        if (text.size() > longest)
                text.replace(longest, text.npos, " [...]");
        return text;
}

// A failed node often lets nobody log in, and EC2 keeps what the console shows. journald would forward the
// records of every service, and wait for the serial line each time. Never waits: a line that does not fit
// into the terminal's buffer is cut.
void write_to_console(std::string_view step, std::string_view text)
{
        const UniqueFd console(::open("/dev/console", O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
        if (!console)
                return;
        const auto line = fmt::format("{}[{}]: {}\n", step, ::getpid(), text);
        [[maybe_unused]] const auto written = ::write(console.get(), line.data(), line.size());
}

} // namespace

Log::Log(std::string step, Level threshold)
        : step_(std::move(step)), threshold_(threshold), journal_(stderr_is_journal())
{
}

void Log::write(Level level, std::string_view message, std::string_view message_id,
        const std::vector<Field>& fields) const
{
        if (level > threshold_)
                return;

        if (level == Level::warning)
                ++warnings_;
        const auto text = shortened(hide_secrets(message));

        if (!journal_) {
                // An interactive reader wants the text alone; a pipe gets the level as journald reads it.
                const auto prefix = ::isatty(STDERR_FILENO) != 0
                                            ? std::string()
                                            : fmt::format("<{}>", static_cast<int>(level));
                const auto line = fmt::format("{}{}: {}\n", prefix, step_, text);
                [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
                return;
        }

        std::string record;
        add_field(record, "MESSAGE", text);
        add_field(record, "PRIORITY", fmt::format("{}", static_cast<int>(level)));
        add_field(record, "SYSLOG_IDENTIFIER", step_);
        add_field(record, "EKS_STEP", step_);

        if (!message_id.empty())
                add_field(record, "MESSAGE_ID", message_id);

        // A process that logs and exits at once is not attributed to its unit (systemd issue 2913).
        if (const char* unit = std::getenv("EKS_UNIT"))
                add_field(record, "OBJECT_SYSTEMD_UNIT", unit);
        for (const auto& field : fields)
                add_field(record, field.key, shortened(hide_secrets(field.value)));
        send_record(record);

        if (level == Level::err)
                write_to_console(step_, text);
}

void Log::write_with_console(Level level, const std::string& message, std::string_view message_id) const
{
        write(level, message, message_id);
        if (journal_ && level != Level::err && level <= threshold_)
                write_to_console(step_, shortened(hide_secrets(message)));
}

void notify_status(std::string_view text)
{
        const auto line = hide_secrets(text.substr(0, text.find('\n')));
        notify_manager("STATUS=" + line);
}

void notify_extend_timeout(unsigned seconds)
{
        notify_manager(fmt::format("EXTEND_TIMEOUT_USEC={}", std::uint64_t{seconds} * 1'000'000));
}

} // namespace eks
