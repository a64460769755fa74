// SPDX-License-Identifier: Apache-2.0
#include "systemd/manager.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <poll.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "base/environment.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "systemd/libsystemd.hpp"

namespace eks {

namespace {

constexpr const char* destination = "org.freedesktop.systemd1";
constexpr const char* manager_path = "/org/freedesktop/systemd1";
constexpr const char* manager_interface = "org.freedesktop.systemd1.Manager";
constexpr const char* unit_interface = "org.freedesktop.systemd1.Unit";
constexpr const char* service_interface = "org.freedesktop.systemd1.Service";
constexpr const char* timer_interface = "org.freedesktop.systemd1.Timer";
// A job is asked about at once, and then less often the longer it takes.
constexpr std::chrono::nanoseconds first_interval = std::chrono::milliseconds(5);
constexpr std::chrono::nanoseconds last_interval = std::chrono::milliseconds(100);

void check(int result, std::string_view doing)
{
        if (result < 0)
                throw Error(failure::manager_unreachable,
                        fmt::format("cannot {}: {}", doing, ::strerror(-result)),
                        "Run this on a node, as root if need be");
}

std::string text_property(sd_bus* bus, const std::string& path, const char* interface, const char* name)
{
        char* raw = nullptr;
        if (libsystemd().bus_get_property_string(
                    bus, destination, path.c_str(), interface, name, nullptr, &raw) < 0)
                return {}; // targets have no Result=, for instance
        const std::unique_ptr<char, Deleter<::free>> text(raw);
        return raw;
}

template <typename T>
T trivial_property(sd_bus* bus, const std::string& path, const char* interface, const char* name, char type)
{
        T value{};
        libsystemd().bus_get_property_trivial(
                bus, destination, path.c_str(), interface, name, nullptr, type, &value);
        return value;
}

std::vector<std::string> list_property(
        sd_bus* bus, const std::string& path, const char* interface, const char* name)
{
        std::vector<std::string> items;
        char** raw = nullptr;
        if (libsystemd().bus_get_property_strv(
                    bus, destination, path.c_str(), interface, name, nullptr, &raw) < 0)
                return items;

        const std::unique_ptr<char*, Deleter<::free>> list(raw);
        for (char** item = raw; item != nullptr && *item != nullptr; ++item) {
                const std::unique_ptr<char, Deleter<::free>> text(*item);
                items.emplace_back(*item);
        }

        return items;
}

// Whether a moment, in microseconds since 1970, is before the file was written; false without the file.
bool is_before(std::uint64_t moment, const std::string& file)
{
        struct stat st {};
        if (::stat(file.c_str(), &st) != 0)
                return false;
        const auto written = static_cast<std::uint64_t>(st.st_mtim.tv_sec) * 1'000'000 +
                             static_cast<std::uint64_t>(st.st_mtim.tv_nsec) / 1000;
        return moment < written;
}

} // namespace

std::string mount_unit_name(std::string_view path)
{
        std::string name;
        for (const char c : path.substr(1)) {
                const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                   (c >= '0' && c <= '9') || c == '_' || c == ':' ||
                                   (c == '.' && !name.empty());
                if (c == '/')
                        name += '-';
                else if (plain)
                        name += c;
                else
                        name += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        }

        return name + ".mount";
}

namespace {

using Bus = std::shared_ptr<sd_bus>;

Bus adopt(sd_bus* bus)
{
        return {bus, libsystemd().bus_flush_close_unref};
}

Bus open_connection()
{
        sd_bus* bus = nullptr;
        if (::geteuid() == 0) {
                check(libsystemd().bus_new(&bus), "make a bus connection");
                auto direct = adopt(bus);
                libsystemd().bus_set_address(bus, "unix:path=/run/systemd/private");
                if (libsystemd().bus_start(bus) >= 0)
                        return direct;
        }

        check(libsystemd().bus_open_system(&bus), "reach the service manager");
        return adopt(bus);
}

// That of connect_to_manager(), if it was called.
Bus& early_connection()
{
        static Bus bus;
        return bus;
}

} // namespace

void connect_to_manager()
{
        early_connection() = open_connection();
}

void Manager::Unref::operator()(sd_bus_message* message) const
{
        libsystemd().bus_message_unref(message);
}

void Manager::Unref::operator()(sd_bus_slot* slot) const
{
        libsystemd().bus_slot_unref(slot);
}

Manager::Manager() : bus_(early_connection() ? early_connection() : open_connection()) {}

namespace {

template <typename Map>
typename Map::mapped_type value_of(const Map& map, std::string_view name)
{
        const auto found = map.find(name);
        return found == map.end() ? typename Map::mapped_type{} : found->second;
}

template <typename T>
std::int64_t read_number(sd_bus_message* message, char type)
{
        T value{};
        check(libsystemd().bus_message_read_basic(message, type, &value), "read a number of the manager");
        return static_cast<std::int64_t>(value);
}

std::int64_t read_number(sd_bus_message* message, char type)
{
        switch (type) {
        case 'b':
                return read_number<int>(message, type);
        case 'i':
                return read_number<std::int32_t>(message, type);
        case 'u':
                return read_number<std::uint32_t>(message, type);
        default:
                return read_number<std::uint64_t>(message, type);
        }
}

std::vector<Manager::Check> read_checks(sd_bus_message* message)
{
        std::vector<Manager::Check> checks;
        check(libsystemd().bus_message_enter_container(message, 'a', "(sbbsi)"),
                "read the manager's answer");
        const char* type = nullptr;
        const char* parameter = nullptr;

        int trigger = 0;
        int negated = 0;
        int state = 0;
        while (libsystemd().bus_message_read(
                       message, "(sbbsi)", &type, &trigger, &negated, &parameter, &state) > 0)
                checks.push_back({type, parameter, trigger != 0, negated != 0, state < 0});
        check(libsystemd().bus_message_exit_container(message), "read the manager's answer");

        return checks;
}

std::vector<std::string> read_list(sd_bus_message* message)
{
        std::vector<std::string> list;
        check(libsystemd().bus_message_enter_container(message, 'a', "s"), "read the manager's answer");

        const char* item = nullptr;
        while (libsystemd().bus_message_read(message, "s", &item) > 0)
                list.emplace_back(item);
        check(libsystemd().bus_message_exit_container(message), "read the manager's answer");
        return list;
}

std::vector<Manager::Command> read_commands(sd_bus_message* message)
{
        constexpr auto command = "sasbttttuii"; // program, its argv, '-', four times, process, code, status
        std::vector<Manager::Command> commands;
        check(libsystemd().bus_message_enter_container(message, 'a', "(sasbttttuii)"),
                "read the manager's answer");

        while (libsystemd().bus_message_enter_container(message, 'r', command) > 0) {
                const char* program = nullptr;
                std::uint32_t process = 0;
                std::int32_t code = 0;
                std::int32_t status = 0;
                check(libsystemd().bus_message_read(message, "s", &program), "read the manager's answer");

                auto arguments = read_list(message);
                if (!arguments.empty())
                        arguments.erase(arguments.begin());
                check(libsystemd().bus_message_skip(message, "btttt"), "read the manager's answer");
                check(libsystemd().bus_message_read(message, "uii", &process, &code, &status),
                        "read the manager's answer");
                check(libsystemd().bus_message_exit_container(message), "read the manager's answer");
                commands.push_back({program, std::move(arguments), code, status});
        }

        check(libsystemd().bus_message_exit_container(message), "read the manager's answer");
        return commands;
}

} // namespace

std::string Manager::Properties::text(std::string_view name) const
{
        return value_of(texts, name);
}

std::int64_t Manager::Properties::number(std::string_view name) const
{
        return value_of(numbers, name);
}

std::vector<std::string> Manager::Properties::list(std::string_view name) const
{
        return value_of(lists, name);
}

std::vector<Manager::Check> Manager::Properties::check(std::string_view name) const
{
        return value_of(checks, name);
}

std::vector<Manager::Command> Manager::Properties::command(std::string_view name) const
{
        return value_of(commands, name);
}

Manager::Properties Manager::properties(const std::string& name)
{
        sd_bus_message* raw = nullptr;

        // An empty name stands for the properties of all interfaces.
        const int result = libsystemd().bus_call_method(bus_.get(), destination, unit(name).path.c_str(),
                "org.freedesktop.DBus.Properties", "GetAll", nullptr, &raw, "s", "");
        const MessagePtr reply(raw);
        eks::check(result, fmt::format("read the state of '{}'", name));
        Properties all;
        eks::check(libsystemd().bus_message_enter_container(raw, 'a', "{sv}"), "read the manager's answer");

        while (libsystemd().bus_message_enter_container(raw, 'e', "sv") > 0) {
                const char* key = nullptr;
                const char* type = nullptr;
                eks::check(libsystemd().bus_message_read(raw, "s", &key), "read the manager's answer");
                eks::check(libsystemd().bus_message_peek_type(raw, nullptr, &type),
                        "read the manager's answer");

                const std::string_view signature(type);
                constexpr std::array<std::string_view, 10> known{
                        "s", "b", "i", "u", "t", "as", "(ss)", "(uo)", "a(sbbsi)", "a(sasbttttuii)"};
                if (std::ranges::find(known, signature) == known.end()) {
                        eks::check(libsystemd().bus_message_skip(raw, "v"), "read the manager's answer");
                } else {
                        eks::check(libsystemd().bus_message_enter_container(raw, 'v', type),
                                "read the manager's answer");

                        if (signature == "s") {
                                const char* text = nullptr;
                                eks::check(libsystemd().bus_message_read(raw, "s", &text),
                                        "read the manager's answer");
                                all.texts.emplace(key, text);
                        } else if (signature == "(ss)") {
                                const char* error = nullptr;
                                const char* text = nullptr;
                                eks::check(libsystemd().bus_message_read(raw, "(ss)", &error, &text),
                                        "read the manager's answer");
                                all.texts.emplace(key, text);
                        } else if (signature == "(uo)") {
                                std::uint32_t id = 0;
                                const char* job = nullptr;
                                eks::check(libsystemd().bus_message_read(raw, "(uo)", &id, &job),
                                        "read the manager's answer");
                                all.numbers.emplace(key, id);
                        } else if (signature == "as") {
                                all.lists.emplace(key, read_list(raw));
                        } else if (signature == "a(sbbsi)") {
                                all.checks.emplace(key, read_checks(raw));
                        } else if (signature == "a(sasbttttuii)") {
                                all.commands.emplace(key, read_commands(raw));
                        } else {
                                all.numbers.emplace(key, read_number(raw, type[0]));
                        }

                        eks::check(
                                libsystemd().bus_message_exit_container(raw), "read the manager's answer");
                }

                eks::check(libsystemd().bus_message_exit_container(raw), "read the manager's answer");
        }

        return all;
}

Manager::Unit Manager::unit(const std::string& name)
{
        sd_bus_error error{};
        sd_bus_message* raw = nullptr;
        const int result = libsystemd().bus_call_method(bus_.get(), destination, manager_path,
                manager_interface, "LoadUnit", &error, &raw, "s", name.c_str());
        libsystemd().bus_error_free(&error);
        const MessagePtr reply(raw);
        check(result, fmt::format("load '{}'", name));
        const char* path = nullptr;
        check(libsystemd().bus_message_read(raw, "o", &path), "read the manager's answer");

        return {this, path, name.ends_with(".service")};
}

bool Manager::is_loaded(const std::string& name)
{
        return libsystemd().bus_call_method(bus_.get(), destination, manager_path, manager_interface,
                       "GetUnit", nullptr, nullptr, "s", name.c_str()) >= 0;
}

std::string Manager::Unit::text(const char* name) const
{
        return text_property(manager->bus_.get(), path, unit_interface, name);
}

std::uint64_t Manager::Unit::number(const char* name) const
{
        return trivial_property<std::uint64_t>(manager->bus_.get(), path, unit_interface, name, 't');
}

bool Manager::Unit::boolean(const char* name) const
{
        return trivial_property<int>(manager->bus_.get(), path, unit_interface, name, 'b') != 0;
}

std::vector<std::string> Manager::Unit::list(const char* name) const
{
        return list_property(manager->bus_.get(), path, unit_interface, name);
}

std::vector<std::string> Manager::Unit::service_list(const char* name) const
{
        return list_property(manager->bus_.get(), path, service_interface, name);
}

std::string Manager::Unit::service_text(const char* name) const
{
        return service ? text_property(manager->bus_.get(), path, service_interface, name) : std::string();
}

int Manager::Unit::service_status(const char* name) const
{
        return service ? trivial_property<int>(manager->bus_.get(), path, service_interface, name, 'i') : 0;
}

unsigned Manager::Unit::service_count(const char* name) const
{
        return service ? trivial_property<unsigned>(manager->bus_.get(), path, service_interface, name, 'u')
                       : 0;
}

std::uint64_t Manager::Unit::timer_number(const char* name) const
{
        return trivial_property<std::uint64_t>(manager->bus_.get(), path, timer_interface, name, 't');
}

std::chrono::seconds Manager::Unit::start_timeout() const
{
        constexpr std::chrono::microseconds most = std::chrono::hours(1);
        const auto value = trivial_property<std::uint64_t>(
                manager->bus_.get(), path, service_interface, "TimeoutStartUSec", 't');
        return std::chrono::duration_cast<std::chrono::seconds>(
                std::chrono::microseconds(std::min(value, static_cast<std::uint64_t>(most.count()))));
}

bool Manager::Unit::has_job() const
{
        sd_bus_message* raw = nullptr;
        if (libsystemd().bus_get_property(manager->bus_.get(), destination, path.c_str(), unit_interface,
                    "Job", nullptr, &raw, "(uo)") < 0)
                return false;

        const MessagePtr reply(raw);
        std::uint32_t id = 0;
        const char* job = nullptr;

        return libsystemd().bus_message_read(raw, "(uo)", &id, &job) >= 0 && id != 0;
}

bool Manager::Unit::started_before(const std::string& file) const
{
        return is_before(number("InactiveExitTimestamp"), file);
}

bool Manager::Unit::changed_before(const std::string& file) const
{
        return is_before(number("StateChangeTimestamp"), file);
}

void Manager::call(const char* method)
{
        sd_bus_message* raw = nullptr;
        const int result = libsystemd().bus_call_method(
                bus_.get(), destination, manager_path, manager_interface, method, nullptr, &raw, "");
        const MessagePtr reply(raw);
        check(result, fmt::format("call {} of the service manager", method));
}

std::vector<std::string> Manager::environment()
{
        return list_property(bus_.get(), manager_path, manager_interface, "Environment");
}

void Manager::change_environment(
        const std::vector<std::string>& names, const std::vector<std::string>& assignments)
{
        sd_bus_message* raw = nullptr;
        check(libsystemd().bus_message_new_method_call(bus_.get(), &raw, destination, manager_path,
                      manager_interface, "UnsetAndSetEnvironment"),
                "make a call");
        const MessagePtr request(raw);

        for (const auto* list : {&names, &assignments}) {
                check(libsystemd().bus_message_open_container(raw, 'a', "s"), "write a call");
                for (const auto& item : *list)
                        check(libsystemd().bus_message_append(raw, "s", item.c_str()), "write a call");
                check(libsystemd().bus_message_close_container(raw), "write a call");
        }

        check(libsystemd().bus_call(bus_.get(), raw, 0, nullptr, nullptr),
                "change the manager's environment");
}

std::vector<std::string> Manager::processes(const std::string& unit)
{
        std::vector<std::string> lines;
        sd_bus_message* raw = nullptr;
        if (libsystemd().bus_call_method(bus_.get(), destination, manager_path, manager_interface,
                    "GetUnitProcesses", nullptr, &raw, "s", unit.c_str()) < 0)
                return lines; // not running

        const MessagePtr reply(raw);
        check(libsystemd().bus_message_enter_container(raw, 'a', "(sus)"), "read the manager's answer");

        const char* cgroup = nullptr;
        const char* line = nullptr;
        std::uint32_t pid = 0;
        while (libsystemd().bus_message_read(raw, "(sus)", &cgroup, &pid, &line) > 0)
                lines.emplace_back(line);

        return lines;
}

bool Manager::run_job(const char* method, const std::string& unit_name, std::chrono::milliseconds deadline,
        const char* mode)
{
        queue_job(method, unit_name, mode);
        return wait_for_job(unit_name, deadline);
}

void Manager::signal(const std::string& unit_name, int number)
{
        check(libsystemd().bus_call_method(bus_.get(), destination, manager_path, manager_interface,
                      "KillUnit", nullptr, nullptr, "ssi", unit_name.c_str(), "main", number),
                fmt::format("signal '{}'", unit_name));
}

void Manager::reset_failed(const std::string& unit_name)
{
        check(libsystemd().bus_call_method(bus_.get(), destination, manager_path, manager_interface,
                      "ResetFailedUnit", nullptr, nullptr, "s", unit_name.c_str()),
                fmt::format("forget the failure of '{}'", unit_name));
}

std::string Manager::queue_job(const char* method, const std::string& unit_name, const char* mode)
{
        sd_bus_error error{};
        sd_bus_message* raw = nullptr;
        const int result = libsystemd().bus_call_method(bus_.get(), destination, manager_path,
                manager_interface, method, &error, &raw, "ss", unit_name.c_str(), mode);
        const std::string why = error.message != nullptr ? fmt::format(" ({})", error.message) : "";
        libsystemd().bus_error_free(&error);
        const MessagePtr reply(raw);
        check(result, fmt::format("{} '{}'{}", method, unit_name, why));
        const char* job = nullptr;
        check(libsystemd().bus_message_read(raw, "o", &job), "read the manager's answer");

        return job;
}

bool Manager::run_service_job(const char* method, const std::string& unit, std::chrono::seconds limit,
        const std::function<void()>& waiting)
{
        using Clock = std::chrono::steady_clock;
        constexpr std::chrono::seconds round{5};
        constexpr std::chrono::seconds margin{10}; // the manager itself ends what takes too long
        constexpr std::chrono::hours extended{1};
        const auto loaded = this->unit(unit);
        const auto end = Clock::now() + std::max(limit, loaded.start_timeout()) + margin;
        const auto works = [&] {
                const auto state = loaded.text("ActiveState");
                return state == "activating" || state == "reloading" || state == "deactivating";
        };

        bool ended = run_job(method, unit, round);
        while (!ended && (Clock::now() < end || (works() && Clock::now() < end + extended))) {
                if (waiting)
                        waiting();
                ended = wait_for_job(unit, round);
        }

        return ended;
}

bool Manager::wait_for_job(const std::string& unit_name, std::chrono::milliseconds deadline)
{
        const auto target = unit(unit_name);
        const auto begin = std::chrono::steady_clock::now();

        while (target.has_job()) {
                const auto waited = std::chrono::steady_clock::now() - begin;
                if (waited >= deadline)
                        return false;
                std::this_thread::sleep_for(std::clamp(waited / 4, first_interval, last_interval));
        }

        return true;
}

void Manager::watch(const std::vector<std::string>& units)
{
        // The manager's own socket needs no subscription and has no such method.
        libsystemd().bus_call_method(
                bus_.get(), destination, manager_path, manager_interface, "Subscribe", nullptr, nullptr, "");
        const auto note_change = [](sd_bus_message*, void* changed, sd_bus_error*) {
                *static_cast<bool*>(changed) = true;
                return 0;
        };

        for (const auto& name : units) {
                sd_bus_slot* slot = nullptr;
                check(libsystemd().bus_match_signal(bus_.get(), &slot, nullptr, unit(name).path.c_str(),
                              "org.freedesktop.DBus.Properties", "PropertiesChanged", note_change,
                              &changed_),
                        fmt::format("watch '{}'", name));
                slots_.emplace_back(slot);
        }
}

bool Manager::wait_for_change(std::chrono::milliseconds deadline, int descriptor)
{
        const auto end = std::chrono::steady_clock::now() + deadline;
        for (;;) {
                int result = 0;
                do {
                        result = libsystemd().bus_process(bus_.get(), nullptr);
                        check(result, "subscribe to the service manager's signals");
                } while (result > 0);

                if (std::exchange(changed_, false))
                        return true;

                const auto left =
                        std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
                if (left.count() <= 0)
                        return false;

                std::array<pollfd, 2> wait{
                        pollfd{libsystemd().bus_get_fd(bus_.get()), POLLIN, 0}, {descriptor, POLLIN, 0}};
                if (::poll(wait.data(), wait.size(), static_cast<int>(left.count())) < 0 && errno != EINTR)
                        check(-errno, "wait for the service manager");
                if (wait[1].revents != 0)
                        return true;
        }
}

void Manager::watch_jobs()
{
        if (watches_jobs_)
                return;

        // On the manager's own socket every signal arrives; over the system bus, those of a client's own
        // jobs.
        const auto note_end = [](sd_bus_message* message, void* ended, sd_bus_error*) {
                std::uint32_t id = 0;
                const char* job = nullptr;
                const char* unit = nullptr;
                const char* result = nullptr;
                if (libsystemd().bus_message_read(message, "uoss", &id, &job, &unit, &result) >= 0)
                        (*static_cast<std::map<std::string, std::string>*>(ended))[job] = result;
                return 0;
        };

        sd_bus_slot* slot = nullptr;
        check(libsystemd().bus_match_signal(bus_.get(), &slot, nullptr, manager_path, manager_interface,
                      "JobRemoved", note_end, &ended_jobs_),
                "watch the jobs of the service manager");
        slots_.emplace_back(slot);
        watches_jobs_ = true;
}

std::string Manager::result_of_job(const std::string& job, std::chrono::steady_clock::time_point end)
{
        for (;;) {
                int result = 0;
                do {
                        result = libsystemd().bus_process(bus_.get(), nullptr);
                        check(result, "read the service manager's signals");
                } while (result > 0);

                if (const auto found = ended_jobs_.find(job); found != ended_jobs_.end())
                        return found->second;

                const auto left =
                        std::chrono::ceil<std::chrono::microseconds>(end - std::chrono::steady_clock::now());
                if (left.count() <= 0)
                        return {};

                const int waited =
                        libsystemd().bus_wait(bus_.get(), static_cast<std::uint64_t>(left.count()));
                if (waited < 0 && waited != -EINTR)
                        check(waited, "wait for the service manager");
        }
}

Manager::StartedMount Manager::start_unit_of(const std::string& name, const Mount& mount)
{
        sd_bus_message* raw = nullptr;
        check(libsystemd().bus_message_new_method_call(
                      bus_.get(), &raw, destination, manager_path, manager_interface, "StartTransientUnit"),
                "make a call");
        const MessagePtr request(raw);

        int result = libsystemd().bus_message_append(raw, "ss", name.c_str(), "replace");
        if (result >= 0)
                result = libsystemd().bus_message_open_container(raw, 'a', "(sv)");

        for (const auto& [key, value] : {std::pair("Description", &mount.description), {"What", &mount.what},
                     {"Type", &mount.type}, {"Options", &mount.options}})
                if (result >= 0)
                        result = libsystemd().bus_message_append(raw, "(sv)", key, "s", value->c_str());

        for (const auto& unit_name : mount.before)
                if (result >= 0)
                        result = libsystemd().bus_message_append(
                                raw, "(sv)", "Before", "as", 1, unit_name.c_str());

        // A failed mount is unloaded, because the next attempt would otherwise find it loaded.
        if (result >= 0)
                result = libsystemd().bus_message_append(
                        raw, "(sv)", "CollectMode", "s", "inactive-or-failed");

        if (result >= 0)
                result = libsystemd().bus_message_close_container(raw);
        if (result >= 0)
                result = libsystemd().bus_message_append(raw, "a(sa(sv))", 0);
        check(result, "write a call");

        sd_bus_error error{};
        sd_bus_message* raw_reply = nullptr;
        result = libsystemd().bus_call(bus_.get(), raw, 0, &error, &raw_reply);
        const MessagePtr reply(raw_reply);
        StartedMount started{.mount = mount};
        const char* job = nullptr;

        if (result < 0) {
                started.refusal = error.message != nullptr ? error.message : ::strerror(-result);
                started.is_loaded =
                        libsystemd().bus_error_has_name(&error, "org.freedesktop.systemd1.UnitExists") > 0;
        } else {
                check(libsystemd().bus_message_read(raw_reply, "o", &job), "read the manager's answer");
                started.job = job;
        }

        libsystemd().bus_error_free(&error);
        return started;
}

namespace {

constexpr std::chrono::seconds default_mount_timeout{60};

Error mount_failed(
        const Manager::Mount& mount, std::string_view why, const Failure& failure = failure::volume_failed)
{
        return {failure, fmt::format("'{}' cannot be mounted at '{}': {}", mount.what, mount.where, why),
                fmt::format("See `systemctl status {}` and `journalctl -k`", mount_unit_name(mount.where))};
}

} // namespace

std::chrono::seconds mount_timeout()
{
        return environment_seconds("EKS_MOUNT_TIMEOUT", default_mount_timeout);
}

Manager::StartedMount Manager::start_mount(const Mount& mount, std::chrono::milliseconds deadline)
{
        watch_jobs();
        const auto name = mount_unit_name(mount.where);

        auto started = start_unit_of(name, mount);
        if (started.is_loaded) {
                // An earlier process that was killed has started it. If it fails, the manager unloads it.
                if (!wait_for_job(name, deadline))
                        throw mount_failed(mount, "it did not end in time", failure::storage_timeout);

                const bool active = unit(name).text("ActiveState") == "active";
                const bool same = unit(name).text("Description") == mount.description;
                if (active && same)
                        return {.mount = mount};

                // One that was unmounted stays loaded while another unit refers to it.
                if (!active && same)
                        return {.mount = mount, .job = queue_job("StartUnit", name)};

                started = start_unit_of(name, mount);
        }

        if (!started.refusal.empty())
                throw mount_failed(mount, started.refusal);

        return started;
}

void Manager::finish_mount(const StartedMount& started, std::chrono::milliseconds deadline)
{
        if (started.job.empty())
                return;

        const auto result = result_of_job(started.job, std::chrono::steady_clock::now() + deadline);
        if (result.empty())
                throw mount_failed(started.mount, "it did not end in time", failure::storage_timeout);
        if (result != "done")
                throw mount_failed(started.mount,
                        result == "failed" ? "mount(8) refuses it"
                                           : fmt::format("the result of its job is '{}'", result));
}

void Manager::mount(const Mount& mount, std::chrono::milliseconds deadline)
{
        finish_mount(start_mount(mount, deadline), deadline);
}

} // namespace eks
