// SPDX-License-Identifier: Apache-2.0
#include "verbs/logs/logs.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fcntl.h>
#include <malloc.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "verbs/logs/bundle.hpp"
#include "verbs/logs/index.hpp"
#include "verbs/logs/journal.hpp"
#include "version.hpp"

namespace eks {

namespace {

constexpr auto facts_file = "/run/eks/imds.json";
constexpr auto cloud_init_file = "/var/lib/cloud/data/instance-id";
constexpr mode_t owner_only = 0600;
constexpr std::uint64_t microseconds = 1'000'000;
constexpr auto elsewhere =
        "Write it to another machine, as with `eksnode logs --output - | ssh HOST 'cat > logs.tar.gz'`";

// "" if it is unknown.
std::string instance_id(const Root& root)
{
        try {
                const auto facts = try_parse_json(read_file_if_exists(root(facts_file)).value_or(""));
                if (facts.is_object() && facts.contains("instanceId") && facts["instanceId"].is_string())
                        return facts["instanceId"];
                return std::string(trim(read_file_if_exists(root(cloud_init_file)).value_or("")));
        } catch (const Error&) {
                return {};
        }
}

// What names a file holds no slash and no blank.
std::string as_name(std::string text)
{
        std::erase_if(text, [](char c) { return !is_digit(c) && !(c >= 'a' && c <= 'z') && c != '-'; });
        return text;
}

std::string utc(std::time_t now, const char* format)
{
        std::tm parts{};
        ::gmtime_r(&now, &parts);
        std::array<char, 64> text{};
        return {text.data(), std::strftime(text.data(), text.size(), format, &parts)};
}

// The file of the bundle. What is not finished is removed, unless it is a pipe or a device.
class Output {
public:
        explicit Output(std::string path) : path_(std::move(path))
        {
                struct stat status {};
                if (path_ == "-") {
                        fd_.reset(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0));
                } else if (::stat(path_.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
                        fd_.reset(::open(path_.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
                } else {
                        const auto slash = path_.rfind('/') + 1; // npos + 1 is 0
                        temporary_ = fmt::format(
                                "{}.#{}.{}", path_.substr(0, slash), path_.substr(slash), ::getpid());
                        fd_.reset(::open(temporary_.c_str(),
                                O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, owner_only));
                }

                if (!fd_)
                        throw failed("create");
        }
        Output(const Output&) = delete;
        Output& operator=(const Output&) = delete;
        ~Output()
        {
                if (!temporary_.empty())
                        ::unlink(temporary_.c_str());
        }

        void write(std::string_view bytes)
        {
                while (!bytes.empty()) {
                        const auto n = ::write(fd_.get(), bytes.data(), bytes.size());
                        if (n < 0 && errno == EINTR)
                                continue;
                        if (n < 0)
                                throw failed("write");

                        bytes.remove_prefix(static_cast<std::size_t>(n));
                        written_ += static_cast<std::size_t>(n);
                }
        }

        void finish()
        {
                if (temporary_.empty())
                        return;
                if (::rename(temporary_.c_str(), path_.c_str()) < 0)
                        throw failed("replace");
                temporary_.clear();
        }

        std::size_t written() const { return written_; }

private:
        Error failed(std::string_view verb) const
        {
                const auto error = io_error(verb, path_ == "-" ? "standard output" : path_, errno);
                return {error.failure(), error.what(), path_ == "-" ? "" : elsewhere};
        }

        std::string path_;
        std::string temporary_;
        UniqueFd fd_;
        std::size_t written_ = 0;
};

// The directory of this program, where the other verbs are.
std::string own_directory()
{
        const auto self = read_link_if_exists("/proc/self/exe").value_or("");
        return self.substr(0, self.rfind('/'));
}

void warn(const std::string& text)
{
        fmt::print(stderr, "eksnode logs: {}\n", text);
}

// One line for each part of the machine that is not there.
std::vector<std::string> missing_parts(const Surroundings& here)
{
        std::vector<std::string> missing;
        if (here.is_live() && !here.has_systemd)
                missing.emplace_back(
                        "systemd does not run here: no state of units, but files, journals and programs' output");

        if (::geteuid() != 0)
                missing.emplace_back("not root: only what every user may read");
        if (!has_journal(here.root))
                missing.emplace_back("no journal can be read: only files and programs' output");

        return missing;
}

std::string name_of_machine(const Root& root)
{
        if (!root.prefix().empty())
                return std::string(trim(read_file_if_exists(root("/etc/hostname")).value_or("")));
        utsname names{};
        ::uname(&names);
        return static_cast<const char*>(names.nodename);
}

std::string lines_of(const std::vector<std::string>& texts)
{
        std::string text;
        for (const auto& line : texts)
                text += line + "\n";
        return text;
}

} // namespace

std::chrono::seconds parse_duration(const std::string& option, const std::string& text)
{
        struct Unit {
                std::string_view name;
                long seconds;
        };
        constexpr std::array units{Unit{"", 1}, Unit{"s", 1}, Unit{"min", 60}, Unit{"m", 60},
                Unit{"h", 3600}, Unit{"d", 24L * 3600}};
        constexpr long longest = 10'000;
        const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());

        const auto number = parse_int<long>(std::string_view(text).substr(0, digits));
        const auto unit = std::ranges::find(units, std::string_view(text).substr(digits), &Unit::name);
        if (!number || *number > longest || unit == units.end())
                throw Error(failure::usage, fmt::format("{} '{}' is not a duration", option, text),
                        "Give one such as 30s, 15min, 2h or 10d");

        return std::chrono::seconds(*number * unit->seconds);
}

std::string default_output(const std::string& instance, std::time_t now)
{
        return fmt::format(
                "/var/log/eks_{}_{}_{}.tar.gz", as_name(instance), utc(now, "%Y-%m-%d_%H%M-UTC"), version);
}

std::string list_sources()
{
        std::string text;
        for (const auto& source : log_sources())
                text += fmt::format("{}\t{}\t{}\n", source.name, kind_name(source.kind), source.from);
        return text;
}

int write_bundle(const LogOptions& options)
{
        if (!options.root.prefix().empty() && !exists(options.root("/.")))
                throw Error(failure::usage,
                        fmt::format("--root '{}' is not a directory", options.root.prefix()),
                        "Give the directory where the volume is mounted");
        if (options.output == "-" && ::isatty(STDOUT_FILENO) == 1)
                throw Error(
                        failure::usage, "standard output is a terminal", "Redirect it to a file or a pipe");

        const auto now = std::time(nullptr);
        const auto instance = options.is_on_ec2 ? instance_id(options.root) : std::string();
        const auto path = options.output.value_or(default_output(instance, now));

        // Programs get no input and no pager, and say the same in every language.
        const UniqueFd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        ::dup2(nothing.get(), STDIN_FILENO);
        ::setenv("LC_ALL", "C.UTF-8", 1);       // NOLINT: before any thread
        ::setenv("SYSTEMD_PAGER", "", 1);       // NOLINT
        ::setenv("SYSTEMD_COLORS", "0", 1);     // NOLINT
        ::mallopt(M_ARENA_MAX, 2);              // memory that one thread has freed is of use to others
        ::mallopt(M_MMAP_THRESHOLD, 128 << 10); // and the large pieces go back to the kernel

        const Surroundings here{.root = options.root,
                .verbs = own_directory(),
                .has_systemd = exists("/run/systemd/system"),
                .since = static_cast<std::uint64_t>(std::max<std::time_t>(0, now - options.since.count())) *
                         microseconds};

        const auto missing = missing_parts(here);
        for (const auto& text : missing)
                warn(text);

        std::vector<Source> sources;
        std::ranges::copy_if(log_sources(), std::back_inserter(sources), [&](const Source& source) {
                return std::ranges::none_of(
                        options.without, [&](const auto& name) { return source.name.starts_with(name); });
        });

        Output output(path);
        Archive archive([&](std::string_view bytes) { output.write(bytes); });
        auto contents = write_sources(sources, here, {.timeout = options.timeout}, archive);

        auto problems = missing;
        problems.insert(problems.end(), contents.problems.begin(), contents.problems.end());
        contents.problems = problems;

        if (!problems.empty()) {
                const auto text = lines_of(problems);
                archive.add("./errors.txt", text, now);
                contents.files.push_back({"errors.txt", text.size()});
        }

        const auto title = fmt::format("{} {}", name_of_machine(options.root), instance);
        std::vector<std::string> facts{
                fmt::format("Collected at {} by eksnode {}", utc(now, "%Y-%m-%d %H:%M:%S UTC"), version),
                fmt::format("Journals: the last {} hours at most", options.since.count() / 3600),
                "Secrets that are recognized are replaced by …; look it over before you send it"};
        if (!here.is_live())
                facts.emplace_back("No diagnosis: this is a volume of another machine");
        else if (contents.diagnosis.empty())
                facts.emplace_back("No diagnosis: it was left out, or did not end in time");

        archive.add("./index.html", index_page(title, facts, contents), now);
        archive.finish();
        output.finish();

        if (problems.size() > missing.size())
                warn(fmt::format("{} sources are missing or incomplete, see errors.txt in the bundle",
                        problems.size() - missing.size()));

        if (path != "-")
                fmt::print("{}\n", path);

        if (contents.left_behind) {
                std::fflush(stdout);
                ::_exit(0); // threads that hang in the kernel cannot be waited for
        }

        return 0;
}

} // namespace eks
