// SPDX-License-Identifier: Apache-2.0
// The service manager over D-Bus, with only the calls that we use.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <systemd/sd-bus.h>

namespace eks {

// As systemd-escape --path --suffix=mount.
std::string mount_unit_name(std::string_view path);

// How long a mount may take, with a journal to be replayed: $EKS_MOUNT_TIMEOUT seconds, else 60. Throws
// Error (usage).
std::chrono::seconds mount_timeout();

class Manager {
public:
        // root talks to the manager directly, which works without a D-Bus daemon and early; others over the
        // system bus. Throws Error (manager_unreachable), as every call here.
        Manager();
        Manager(const Manager&) = delete;
        Manager& operator=(const Manager&) = delete;
        ~Manager() = default;

        // One line of Condition...= or Assert...=, as checked at the last start.
        struct Check {
                std::string type;      // ConditionPathExists, AssertPathExists
                std::string parameter; // a path
                bool trigger;          // with '|'
                bool negated;          // with '!'
                bool failed = false;   // it was not met when it was last tested
        };
        // A command of ExecStartPre= and its like, as it ended last.
        struct Command {
                std::string program;                // its path
                std::vector<std::string> arguments; // without the program's name
                int code = 0;                       // CLD_EXITED and so on; 0 if it has not run
                int status = 0;                     // exit status or signal
        };
        // All properties of a unit at one moment, by one call; booleans are numbers, an error is its text,
        // and a job its id. Those of other types are left out, and absent ones are "", 0 or empty.
        struct Properties {
                std::map<std::string, std::string, std::less<>> texts;
                std::map<std::string, std::int64_t, std::less<>> numbers;
                std::map<std::string, std::vector<std::string>, std::less<>> lists;
                std::map<std::string, std::vector<Check>, std::less<>> checks;
                std::map<std::string, std::vector<Command>, std::less<>> commands;

                std::string text(std::string_view name) const;
                std::int64_t number(std::string_view name) const;
                std::vector<std::string> list(std::string_view name) const;
                std::vector<Check> check(std::string_view name) const;
                std::vector<Command> command(std::string_view name) const;
        };
        Properties properties(const std::string& unit);

        // Properties of a unit, which is loaded if necessary. Properties that its type lacks are "", 0 or
        // empty.
        struct Unit {
                Manager* manager;
                std::string path;
                bool service;

                std::string text(const char* name) const;
                std::uint64_t number(const char* name) const; // unsigned 64 bit
                bool boolean(const char* name) const;
                std::vector<std::string> list(const char* name) const;
                std::string service_text(const char* name) const;
                std::vector<std::string> service_list(const char* name) const;
                int service_status(const char* name) const; // signed 32 bit
                unsigned service_count(const char* name) const;
                std::uint64_t timer_number(const char* name) const;
                // TimeoutStartSec=, which also limits a reload; at most an hour. A service may extend it.
                std::chrono::seconds start_timeout() const;
                bool has_job() const;
                // Whether it was last started before this file was written; false without the file.
                bool started_before(const std::string& file) const;
                // The same of its last change of state, such as a reload.
                bool changed_before(const std::string& file) const;
        };
        Unit unit(const std::string& name);

        // Whether the manager has it in memory, as it has every unit that runs or has a job. Loading another
        // unit takes milliseconds at each query.
        bool is_loaded(const std::string& name);

        // A method of the manager without arguments, such as "Reload".
        void call(const char* method);

        // The environment of every service as NAME=VALUE, and a change of it: names to remove, and
        // assignments. It lasts until the machine shuts down.
        std::vector<std::string> environment();
        void change_environment(
                const std::vector<std::string>& names, const std::vector<std::string>& assignments);

        // Command lines of the processes of a unit.
        std::vector<std::string> processes(const std::string& unit);

        // Sends a signal to the main process of a unit, which the caller itself may not be able to do.
        void signal(const std::string& unit, int number);

        // Forget that a unit failed, as `systemctl reset-failed`.
        void reset_failed(const std::string& unit);

        // "StartUnit", "StopUnit", "RestartUnit" or "ReloadUnit"; does not wait for the job. Returns its
        // path.
        std::string queue_job(const char* method, const std::string& unit, const char* mode = "replace");

        // The same, and wait until that job has left the queue. False at the deadline.
        bool run_job(const char* method, const std::string& unit, std::chrono::milliseconds deadline,
                const char* mode = "replace");

        // The same, for as long as the manager lets the service take, at most an hour longer than `limit` or
        // its start_timeout(). `waiting` is called every few seconds.
        bool run_service_job(const char* method, const std::string& unit, std::chrono::seconds limit = {},
                const std::function<void()>& waiting = {});

        // Wait until the unit has no job of any client. False at the deadline.
        bool wait_for_job(const std::string& unit, std::chrono::milliseconds deadline);

        // From here on wait_for_change() returns when a property or the job of one of these units changes.
        void watch(const std::vector<std::string>& units);

        // Wait for such a change, or until `descriptor` can be read. False at the deadline.
        bool wait_for_change(std::chrono::milliseconds deadline, int descriptor = -1);

        struct Mount {
                std::string what;
                std::string where;
                std::string type;
                std::string options;
                std::string description;
                std::vector<std::string> before; // units that use it
        };
        // A mount that was asked for.
        struct StartedMount {
                Mount mount;
                std::string job = {};     // its path; "" if it is mounted already
                std::string refusal = {}; // "" if there is none
                bool is_loaded = false;   // a unit of that name is
        };
        // Mount it as a unit of this boot. Several that do not lie on one another take the time of one if
        // all are started before the first is waited for. Two with the same description count as the same.
        // Throws Error (volume_failed) too.
        StartedMount start_mount(const Mount& mount, std::chrono::milliseconds deadline);
        // Wait for it. Throws Error (volume_failed) too.
        void finish_mount(const StartedMount& started, std::chrono::milliseconds deadline);
        // Both.
        void mount(const Mount& mount, std::chrono::milliseconds deadline);

private:
        struct Unref {
                void operator()(sd_bus_message* message) const;
                void operator()(sd_bus_slot* slot) const;
        };
        using MessagePtr = std::unique_ptr<sd_bus_message, Unref>;
        StartedMount start_unit_of(const std::string& name, const Mount& mount);
        void watch_jobs();
        // "done", or how else it has ended; "" at the deadline.
        std::string result_of_job(const std::string& job, std::chrono::steady_clock::time_point end);

        std::map<std::string, std::string> ended_jobs_; // the result of each, since watch_jobs()
        bool watches_jobs_ = false;
        bool changed_ = false; // the bus holds its address, so a Manager cannot be moved
        std::shared_ptr<sd_bus> bus_;
        // Of the signals, whose handlers know this object; the bus may live on.
        std::vector<std::unique_ptr<sd_bus_slot, Unref>> slots_;
};

// For Step::connect: every Manager of this process uses the connection that is opened here, so that a
// confined step opens none. Throws Error (manager_unreachable).
void connect_to_manager();

} // namespace eks
