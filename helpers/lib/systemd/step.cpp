// SPDX-License-Identifier: Apache-2.0
#include "systemd/step.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <new>
#include <pthread.h>
#include <sys/resource.h>
#include <utility>

#include <fmt/format.h>

#include "base/environment.hpp"
#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "systemd/libsystemd.hpp"
#include "systemd/restart_daemons.hpp"
#include "version.hpp"

namespace eks {

namespace {

constexpr std::chrono::seconds usual_patience{30};

// A node's steps cannot read /etc/localtime.
std::string time_of_day(std::chrono::system_clock::time_point time)
{
        const auto seconds = std::chrono::system_clock::to_time_t(time);
        tm parts{};
        ::gmtime_r(&seconds, &parts);
        return fmt::format("{:02}:{:02}:{:02}", parts.tm_hour, parts.tm_min, parts.tm_sec);
}

struct Options {
        std::string root;
        Level threshold = Level::info;
        bool help = false;
        bool version = false;
        bool describe = false;
};

Options parse_options(int argc, char** argv)
{
        Options options;
        if (const char* root = std::getenv("EKS_ROOT"))
                options.root = root;

        if (const char* level = std::getenv("EKS_LOG_LEVEL");
                level != nullptr && std::string_view(level) == "debug")
                options.threshold = Level::debug;

        for (int i = 1; i < argc; ++i) {
                const std::string_view argument = argv[i];
                if (argument == "--root" && i + 1 < argc)
                        options.root = argv[++i];
                else if (argument.starts_with("--root="))
                        options.root = argument.substr(7);
                else if (argument == "--debug")
                        options.threshold = Level::debug;
                else if (argument == "--help")
                        options.help = true;
                else if (argument == "--version")
                        options.version = true;
                else if (argument == "--describe")
                        options.describe = true;
                else
                        throw Error(failure::usage, fmt::format("unknown argument '{}'", argument),
                                "See --help");
        }

        return options;
}

// Peak memory of this program alone: getrusage() would report that of the manager which started it, for a
// process inherits the peak across exec.
long peak_memory_kib()
{
        const auto status = read_file_if_exists("/proc/self/status").value_or("");
        const auto at = status.find("VmHWM:");
        if (at == std::string::npos)
                return 0;
        const auto line = std::string_view(status).substr(at + 6);
        return parse_int<long>(split(trim(line), ' ').front()).value_or(0);
}

std::vector<Field> result_fields(std::string_view result)
{
        rusage usage{};
        ::getrusage(RUSAGE_SELF, &usage);
        const auto microseconds = [](const timeval& t) { return t.tv_sec * 1'000'000L + t.tv_usec; };
        return {{"EKS_RESULT", std::string(result)},
                {"EKS_CPU_USEC",
                        std::to_string(microseconds(usage.ru_utime) + microseconds(usage.ru_stime))},
                {"EKS_PEAK_KIB", std::to_string(peak_memory_kib())}};
}

int fail(const Step& step, const Log& log, const Failure& kind, const std::string& cause,
        const std::string& remedy)
{
        // One record contains everything, because its text also goes to the serial console.
        const auto text = Error(kind, cause, remedy).full_text();
        auto fields = result_fields("failed");
        fields.push_back({"EKS_FAILURE", std::string(kind.name)});
        fields.push_back({"EKS_CAUSE", cause});
        fields.push_back({"EKS_REMEDY", remedy});
        fields.push_back({"EKS_EXIT_STATUS", std::to_string(static_cast<int>(kind.status))});
        log.write(Level::err, fmt::format("{} failed: {}", step.name, text), kind.id, fields);
        notify_status(fmt::format("Failed: {}", text));

        return static_cast<int>(kind.status);
}

// With NotifyAccess=main the manager gives the socket to the process of ExecStart=, but not to that of
// ExecReload=.
bool is_reload()
{
        return std::getenv("NOTIFY_SOCKET") == nullptr;
}

void print_help(const Step& step)
{
        fmt::print("{0}: {1}\n\n"
                   "usage: {0} [--root DIR] [--debug] [--help] [--version]\n\n"
                   "  --root DIR  prefix of every path that is read or written\n"
                   "  --debug     log every decision\n\n"
                   "Usually run by {0}.service; see {0}.service(8).\n",
                step.name, step.purpose);
}

// For `eksnode plan --chain`.
void print_description(const Step& step)
{
        const auto& access = step.access;
        auto rights = Json::array();
        for (const auto& [right, has] :
                {std::pair("asks the manager", access.asks_manager), {"CAP_SYS_ADMIN", access.administers},
                        {"runs programs", access.runs_programs}, {"loads libraries", access.loads_libraries},
                        {"changes attributes", access.changes_attributes},
                        {"uses the network", access.internet}, {"connects to sockets", access.connects},
                        {"makes devices", access.makes_devices}, {"turns swap on", access.swaps}})
                if (has)
                        rights.push_back(right);
        auto writes = access.writes;
        writes.insert(writes.end(), access.changes.begin(), access.changes.end());
        fmt::print("{}\n", Json{{"name", step.name}, {"purpose", step.purpose}, {"reads", access.reads},
                                   {"writes", writes}, {"devices", access.devices}, {"may", rights},
                                   {"read_by", step.read_by}}
                                   .dump());
}

} // namespace

// Writes the text once, at its time, unless it is destroyed before. In a thread, because a step may wait in
// one call; without std::thread, which would make each program 25 KiB larger.
class Context::Notice {
public:
        Notice(const Log& log, std::chrono::seconds patience) : log_(&log)
        {
                ::clock_gettime(CLOCK_MONOTONIC, &when_); // the other clock is often set during the boot
                when_.tv_sec += patience.count();
                runs_ = ::pthread_create(
                                &thread_, nullptr,
                                [](void* self) -> void* {
                                        static_cast<Notice*>(self)->wait();
                                        return nullptr;
                                },
                                this) == 0;
        }
        Notice(const Notice&) = delete;
        Notice& operator=(const Notice&) = delete;
        ~Notice()
        {
                ::pthread_mutex_lock(&mutex_);
                ended_ = true;
                ::pthread_cond_signal(&changed_);
                ::pthread_mutex_unlock(&mutex_);
                if (runs_)
                        ::pthread_join(thread_, nullptr);
        }

        void set(const std::string& text)
        {
                ::pthread_mutex_lock(&mutex_);
                text_ = text;
                ::pthread_mutex_unlock(&mutex_);
        }

private:
        void wait()
        {
                ::pthread_mutex_lock(&mutex_);
                while (!ended_)
                        if (::pthread_cond_clockwait(&changed_, &mutex_, CLOCK_MONOTONIC, &when_) ==
                                ETIMEDOUT) {
                                log_->write_with_console(
                                        Level::notice, "still waiting: " + text_, event::still_waiting.id);
                                break;
                        }

                ::pthread_mutex_unlock(&mutex_);
        }

        const Log* log_;
        timespec when_{};
        pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
        pthread_cond_t changed_ = PTHREAD_COND_INITIALIZER;
        bool ended_ = false;
        std::string text_;
        pthread_t thread_{};
        bool runs_ = false;
};

Context::Context(const Root& root, const Log& log) : root_(&root), log_(&log) {}
Context::~Context() = default;

void Context::awaiting(std::string_view text) const
{
        if (!notice_) {
                began_ = Clock::now();
                notice_ = std::make_unique<Notice>(
                        *log_, environment_seconds("EKS_WAIT_NOTICE", usual_patience));
        }

        auto line = fmt::format("{}; since {}", text, time_of_day(wait_ ? wait_->begin : began_));
        line += wait_ ? fmt::format(", until {} UTC, then {}", time_of_day(wait_->end), wait_->then)
                      : " UTC";

        if (std::exchange(awaited_, line) == line)
                return;

        notice_->set(line);
        notify_status(line);
}

void Context::wait_until(std::chrono::milliseconds limit, std::string then)
{
        const auto now = Clock::now();
        wait_ = {now, now + std::chrono::ceil<Clock::duration>(limit), std::move(then)};
}

void Context::say(Level level, const Event& event, const std::string& path, const std::string& text) const
{
        log_->write(level, text, event.id, {{"EKS_PATH", path}});
}

void Context::apply(const StepPlan& plan)
{
        for (const auto& note : plan.notes)
                log_->write(note.level, note.text,
                        note.level == Level::warning ? event::config_warning.id : std::string_view());

        for (const auto& decision : plan.decisions)
                log_->debug(decision);

        for (const auto& file : plan.files) {
                planned_.push_back(file.path);
                if (const auto wrong = repair_permissions(*root_, file); !wrong.empty()) {
                        say(Level::warning, event::permissions_repaired, file.path,
                                fmt::format("'{}' had {}: its permissions are repaired, proceeding",
                                        file.path, wrong));
                        changed_ = true;
                }

                const auto outcome = put_in_place(*root_, file);
                switch (outcome) {
                case Outcome::unchanged:
                        log_->debug(fmt::format("'{}' is unchanged", file.path));
                        if (file.kind != File::Kind::absent)
                                ++unchanged_;
                        continue;
                case Outcome::edit_stands:
                        if (is_trusted(file.path)) {
                                say(Level::warning, event::trusted_edit_stands, file.path,
                                        fmt::format("'{0}' was edited by hand, and says which API server "
                                                    "kubelet trusts; it stays as it is, our version is "
                                                    "'{1}{0}', proceeding",
                                                file.path, rendered_directory));
                                ++unchanged_;
                                continue;
                        }

                        say(Level::notice, event::user_edit_stands, file.path,
                                fmt::format("'{0}' was edited by hand and stays as it is; "
                                            "our version is '{1}{0}'",
                                        file.path, rendered_directory));
                        ++unchanged_;
                        continue;
                case Outcome::edit_kept_beside:
                        say(Level::warning, event::user_edit_kept_beside, file.path,
                                fmt::format(
                                        "'{0}' was changed by something else, and {1}; what was there is kept as "
                                        "'{0}.user-edited' (numbered if there was one), proceeding",
                                        file.path,
                                        file.kind == File::Kind::absent ? "is no longer needed"
                                                                        : "had to change"));
                        break;
                case Outcome::written:
                        log_->debug(fmt::format("wrote '{}'", file.path));
                        break;
                case Outcome::removed:
                        log_->info(fmt::format("removed '{}', which is no longer needed", file.path));
                        break;
                }

                changed_ = true;
                written_.push_back(file.path);
        }
}

void Context::did(std::string text, bool changed)
{
        remarks_.push_back(std::move(text));
        changed_ = changed_ || changed;
}

std::string Context::summary() const
{
        auto parts = remarks_;
        if (!written_.empty())
                parts.push_back("wrote " + join(written_, " "));

        if (unchanged_ > 0)
                parts.push_back(
                        fmt::format("{} {} unchanged", unchanged_, unchanged_ == 1 ? "file" : "files"));
        return parts.empty() ? "nothing to do" : join(parts, ", ");
}

int run_step(const Step& step, int argc, char** argv, const std::function<void(Context&)>& body)
{
        Log log(std::string(step.name), Level::info);
        try {
                const auto options = parse_options(argc, argv);
                if (options.help) {
                        print_help(step);
                        return 0;
                }
                if (options.version) {
                        fmt::print("eksnode {}\n", version);
                        return 0;
                }
                if (options.describe) {
                        print_description(step);
                        return 0;
                }
                log = Log(std::string(step.name), options.threshold);
                const Root root(options.root);
                if (step.access.asks_manager)
                        libsystemd(); // below a prefix the step connects later, when it may load nothing
                if (step.connect && root.prefix().empty())
                        step.connect();
                std::optional<DaemonRestart> daemons;
                if (!step.read_by.empty() && !is_reload())
                        daemons.emplace(root, step.read_by);
                if (const auto missing = confine(root, step.access); !missing.empty()) {
                        if (step.reports_confinement)
                                log.write(Level::notice,
                                        fmt::format("the steps are confined less: {}", missing),
                                        event::confined_less.id);
                        else
                                log.debug(missing);
                }

                Context context(root, log);
                body(context);
                if (daemons)
                        daemons->restart(context);

                auto fields = result_fields(context.changed() ? "changed" : "unchanged");
                for (const auto& path : context.written())
                        fields.push_back({"EKS_PATH", path});
                const auto summary = context.summary();
                log.write(context.changed() ? Level::notice : Level::info, summary, event::step_finished.id,
                        fields);
                notify_status(log.warnings() == 0
                                      ? summary
                                      : fmt::format("{}; {} {}, see `journalctl -b -p warning -t {}`",
                                                summary, log.warnings(),
                                                log.warnings() == 1 ? "warning" : "warnings", step.name));
                return 0;
        } catch (const Error& e) {
                return fail(step, log, e.failure(), e.what(), e.remedy());
        } catch (const std::bad_alloc&) {
                return fail(step, log, failure::internal, "out of memory", "");
        } catch (const std::exception& e) {
                return fail(step, log, failure::internal, without_input(e.what()),
                        "This is a fault in eksnode; please report it with the output of journalctl -b");
        }
}

} // namespace eks
