// SPDX-License-Identifier: Apache-2.0
#include "steps/swap/swap.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/swap.h>
#include <sys/vfs.h>
#include <thread>
#include <unistd.h>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/fs.hpp"
#include "base/swaps.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

using namespace std::chrono_literals;

using Kind = SwapSettings::Kind;

constexpr auto module_timeout = 30s;
constexpr std::string_view zram_control = "/sys/class/zram-control";
constexpr std::string_view header_magic = "SWAPSPACE2";
constexpr std::string_view label = "eks-swap"; // at most 16 bytes
constexpr std::size_t version_at = 1024;
constexpr std::size_t last_page_at = 1028;
constexpr std::size_t uuid_at = 1036;
constexpr std::size_t label_at = 1052;
constexpr auto partial_name = ".eks-swap.partial"; // nobody else's
constexpr double gibibyte = 1U << 30U;

// The kernel fills the area of the highest priority first.
int priority(Kind kind)
{
        return kind == Kind::zram ? 100 : kind == Kind::store ? 50 : 10;
}

std::size_t page_size()
{
        return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

std::string in_gibibytes(std::uint64_t bytes)
{
        return fmt::format("{:.1f} GiB", static_cast<double>(bytes) / gibibyte);
}

void put_number(std::string& page, std::size_t at, std::uint32_t value)
{
        std::memcpy(page.data() + at, &value, sizeof value); // the kernel reads its own byte order
}

std::uint32_t number_at(std::string_view page, std::size_t at)
{
        std::uint32_t value = 0;
        std::memcpy(&value, page.data() + at, sizeof value);
        return value;
}

class Swap {
public:
        Swap(Context& context, const StartUnit& start, const SwapCalls& calls)
                : context_(&context), start_(&start), calls_(&calls), record_(swap_record(context.root()))
        {
        }

        void set_up(const std::optional<SwapSettings>& settings, std::uint64_t size)
        {
                const bool stays = settings && settings->is_on() && is_as_wanted(*settings, size);
                if (!stays)
                        take_away();
                // What an earlier boot has made and no run of this one knows.
                if (!settings || settings->kind != Kind::file)
                        remove_file(std::string(swap_file_path));
                remove_file_on_store(settings);
                if (!settings) {
                        remove_if_exists(root()(swap_record_path));
                        context_->did("no swap is configured", false);
                        return;
                }
                if (stays) {
                        context_->did(fmt::format("swap is on: {}", record_.path), false);
                        return;
                }
                record({settings->name, ""});
                if (settings->kind == Kind::off)
                        return turn_all_off();
                turn_on(*settings, size);
        }

        void name_others() const
        {
                auto areas = swap_areas(root());
                std::erase_if(areas, [&](const SwapArea& area) { return area.path == record_.path; });
                if (!areas.empty() && record_.kind != "off")
                        context_->log().write(Level::warning,
                                fmt::format("swap is on that eks-swap has not turned on ({}), proceeding",
                                        names_of(areas)),
                                event::config_warning.id);
        }

private:
        const Root& root() const { return context_->root(); }

        // An area that the configuration asks for; `path` is it.
        static Error failed(const SwapSettings& settings, const std::string& why, const std::string& remedy)
        {
                return {failure::swap_failed,
                        fmt::format("{}: swap = '{}': {}", settings.source, settings.name, why), remedy};
        }

        void record(SwapRecord now)
        {
                record_ = std::move(now);
                write_atomically(
                        root()(swap_record_path), render_swap_record(record_), 0644, Durability::unsynced);
        }

        bool is_on(const std::string& path) const
        {
                const auto areas = swap_areas(root());
                return std::ranges::find(areas, path, &SwapArea::path) != areas.end();
        }

        std::string page_of(const std::string& path) const
        {
                std::string page(page_size(), '\0');
                const UniqueFd fd(::open(root()(path).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
                const bool complete = fd && ::pread(fd.get(), page.data(), page.size(), 0) ==
                                                    static_cast<ssize_t>(page.size());
                return complete ? page : "";
        }

        static std::uint64_t whole_pages(std::uint64_t size) { return size - size % page_size(); }

        bool is_as_wanted(const SwapSettings& settings, std::uint64_t size) const
        {
                return record_.kind == settings.name && !record_.path.empty() && is_on(record_.path) &&
                       size_of_our_swap(page_of(record_.path)) == whole_pages(size);
        }

        void turn_off(const std::string& path)
        {
                if (const int error = calls_->off(root()(path)); error != 0)
                        throw Error(failure::swap_failed,
                                fmt::format("cannot turn off swap on '{}': {}", path, ::strerror(error)),
                                error == ENOMEM
                                        ? "What it holds does not fit into memory. Reboot the machine"
                                        : "See `journalctl -k`");
                context_->did(fmt::format("turned off swap on {}", path), true);
        }

        // What an earlier run has turned on.
        void take_away()
        {
                const auto path = record_.path;
                if (path.empty())
                        return;
                if (is_on(path))
                        turn_off(path);
                if (path.starts_with("/dev/zram"))
                        reset(path.substr(std::string_view("/dev/").size()));
                else
                        remove_file(path);
                record({record_.kind, ""});
        }

        void remove_file(const std::string& path)
        {
                remove_if_exists(root()(partial_of(path)));
                if (!size_of_our_swap(page_of(path))) // none, or somebody else's
                        return;
                if (is_on(path))
                        turn_off(path);
                if (remove_if_exists(root()(path)))
                        context_->did(fmt::format("removed {}", path), true);
        }

        void remove_file_on_store(const std::optional<SwapSettings>& settings)
        {
                const auto path = swap_on_store(root());
                if (path.empty() ||
                        (settings && settings->kind == Kind::store && path_in(*settings) == path))
                        return;
                remove_file(path);
                remove_if_exists(root()(swap_on_store_path));
        }

        static std::string path_in(const SwapSettings& settings) { return settings.directory + "/swap"; }

        static std::string partial_of(const std::string& path)
        {
                return path.substr(0, path.rfind('/') + 1) + partial_name;
        }

        void turn_all_off()
        {
                std::vector<std::string> failures;
                for (const auto& area : swap_areas(root()))
                        if (const int error = calls_->off(root()(area.path)); error != 0)
                                failures.push_back(fmt::format("'{}': {}", area.path, ::strerror(error)));
                        else
                                context_->did(fmt::format("turned off swap on {}", area.path), true);
                if (!failures.empty())
                        throw Error(failure::swap_failed,
                                fmt::format("cannot turn off swap on {}", join(failures, ", ")),
                                "Remove it from /etc/fstab or from the image, and reboot");
                if (!context_->changed())
                        context_->did("there is no swap", false);
        }

        void turn_on(const SwapSettings& settings, std::uint64_t size)
        {
                const auto path = settings.kind == Kind::zram ? make_zram(settings, size)
                                                              : make_file(settings, whole_pages(size));
                const int flags = SWAP_FLAG_PREFER | (priority(settings.kind) & SWAP_FLAG_PRIO_MASK);
                record({settings.name,
                        path}); // before it is on: a run that is killed leaves no unknown swap
                if (const int error = is_on(path) ? 0 : calls_->on(root()(path), flags); error != 0) {
                        if (settings.kind == Kind::zram)
                                reset(path.substr(std::string_view("/dev/").size()));
                        record({settings.name, ""});
                        throw failed(settings,
                                fmt::format("the kernel refuses '{}': {}", path, ::strerror(error)),
                                "See `journalctl -k`");
                }
                context_->did(
                        fmt::format("turned on {} of swap on {}", in_gibibytes(whole_pages(size)), path),
                        true);
        }

        // ---- zram

        std::string attribute(const std::string& device, const char* name) const
        {
                const auto path = root()(fmt::format("/sys/block/{}/{}", device, name));
                return std::string(trim(read_file_if_exists(path).value_or("")));
        }

        // errno, or 0. One write() sets an attribute.
        int set(const std::string& device, const char* name, const std::string& value) const
        {
                const auto path = root()(fmt::format("/sys/block/{}/{}", device, name));
                const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
                if (!fd)
                        return errno;
                return ::write(fd.get(), value.data(), value.size()) < 0 ? errno : 0;
        }

        // udev may have it open for a moment. If it stays open, the next run takes another device.
        void reset(const std::string& device) const
        {
                constexpr int attempts = 50;
                for (int i = 0; i < attempts && set(device, "reset", "1") == EBUSY; ++i)
                        std::this_thread::sleep_for(20ms);
        }

        std::string free_zram(const SwapSettings& settings)
        {
                if (!exists(root()(zram_control))) {
                        context_->wait_until(module_timeout, "the step fails");
                        context_->awaiting("Waiting for modprobe@zram.service");
                        (*start_)("modprobe@zram.service", module_timeout);
                }
                if (!exists(root()(zram_control)))
                        throw failed(settings, "this kernel has no zram",
                                "Install the modules of this kernel, or set swap to 'file' or 'instance-store'");
                for (const auto& name : list_directory(root()("/sys/block")))
                        if (name.starts_with("zram") && attribute(name, "disksize") == "0")
                                return name;
                // Reading this file makes a device.
                const auto number =
                        read_file_if_exists(root()(fmt::format("{}/hot_add", zram_control))).value_or("");
                if (trim(number).empty())
                        throw failed(
                                settings, "the kernel makes no more zram devices", "See `journalctl -k`");
                return fmt::format("zram{}", trim(number));
        }

        std::string make_zram(const SwapSettings& settings, std::uint64_t size)
        {
                const auto device = free_zram(settings);
                const auto path = "/dev/" + device;
                // It packs better than the kernel's default. Where it is not listed, that stays.
                if (attribute(device, "comp_algorithm").find("zstd") != std::string::npos)
                        set(device, "comp_algorithm", "zstd");
                size = whole_pages(size);
                if (const int error = set(device, "disksize", std::to_string(size)); error != 0)
                        throw failed(settings,
                                fmt::format("the kernel refuses {} for '{}': {}", in_gibibytes(size), path,
                                        ::strerror(error)),
                                "Set swapSize to less");
                if (const int error = write_header_to(path, size); error != 0) {
                        reset(device);
                        throw failed(settings, fmt::format("cannot write '{}': {}", path, ::strerror(error)),
                                "See `journalctl -k`");
                }
                return path;
        }

        // errno, or 0. It is closed again: the kernel resets no device that is open.
        int write_header_to(const std::string& path, std::uint64_t size) const
        {
                const UniqueFd fd(::open(root()(path).c_str(), O_WRONLY | O_CLOEXEC));
                return fd ? write_header(fd.get(), size) : errno;
        }

        // ---- files

        // errno, or 0.
        static int write_header(int fd, std::uint64_t size)
        {
                Uuid uuid{};
                if (::getrandom(uuid.data(), uuid.size(), 0) != static_cast<ssize_t>(uuid.size()))
                        return EIO;
                const auto page = swap_header(size, page_size(), uuid);
                const auto written = ::pwrite(fd, page.data(), page.size(), 0);
                if (written < 0 || ::fsync(fd) != 0)
                        return errno;
                return written == static_cast<ssize_t>(page.size()) ? 0 : EIO;
        }

        void check_directory(const SwapSettings& settings) const
        {
                const auto& directory = settings.directory;
                if (directory.empty() ||
                        (settings.kind == Kind::store && !calls_->is_mount_point(root()(directory))))
                        throw failed(settings,
                                directory.empty()
                                        ? "instance.localStorage.strategy is not set"
                                        : fmt::format("no disk of the instance store is mounted at '{}'",
                                                  directory),
                                "Use an instance type with local disks and set instance.localStorage.strategy, or set "
                                "swap to 'zram' or 'file'");
                const auto filesystem = calls_->filesystem(root()(directory));
                if (filesystem == "btrfs")
                        throw failed(settings,
                                fmt::format("'{}' is on btrfs, whose copies on write are no place for swap",
                                        directory),
                                "Set swap to 'zram', or mount ext4 or XFS there");
                if (filesystem != "ext4" && filesystem != "xfs")
                        throw failed(settings, fmt::format("'{}' is neither on ext4 nor on XFS", directory),
                                "Set swap to 'zram', or mount ext4 or XFS there");
        }

        // kubelet evicts pods when a tenth is left.
        void check_space(const SwapSettings& settings, std::uint64_t size) const
        {
                struct statvfs status {};
                if (::statvfs(root()(settings.directory).c_str(), &status) != 0)
                        return;
                const auto free = std::uint64_t{status.f_bavail} * status.f_frsize;
                const auto kept = std::uint64_t{status.f_blocks} * status.f_frsize / 10;
                if (free < size + kept)
                        throw failed(settings,
                                fmt::format(
                                        "{} do not fit into '{}', which has {} free, of which {} stay free",
                                        in_gibibytes(size), settings.directory, in_gibibytes(free),
                                        in_gibibytes(kept)),
                                "Set swapSize to less, or use a larger disk");
        }

        std::string make_file(const SwapSettings& settings, std::uint64_t size)
        {
                check_directory(settings);
                const auto path = path_in(settings);
                if (exists(root()(path))) {
                        const auto ours = size_of_our_swap(page_of(path));
                        if (!ours)
                                throw failed(settings,
                                        fmt::format(
                                                "'{}' is there and is not a swap file of eks-swap", path),
                                        "Move it away");
                        if (*ours == size && is_complete(path, size))
                                return path;
                        remove_file(path);
                }
                check_space(settings, size);
                if (settings.kind == Kind::store)
                        write_atomically(root()(swap_on_store_path), path + "\n", 0644, Durability::synced);
                // Under its name only when it is complete.
                const auto partial = partial_of(path);
                if (const int error = write_file(partial, path, size); error != 0) {
                        remove_if_exists(root()(partial));
                        throw failed(settings,
                                fmt::format("cannot write '{}': {}", partial, ::strerror(error)),
                                "See `journalctl -k` for errors of the disk");
                }
                return path;
        }

        // A file with holes cannot be used; an image may carry it without its blocks.
        bool is_complete(const std::string& path, std::uint64_t size) const
        {
                constexpr std::uint64_t block = 512;
                struct stat status {};
                return ::lstat(root()(path).c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
                       (status.st_mode & 0777U) == 0600 &&
                       static_cast<std::uint64_t>(status.st_size) == size &&
                       static_cast<std::uint64_t>(status.st_blocks) * block >= size;
        }

        int write_file(const std::string& partial, const std::string& path, std::uint64_t size) const
        {
                remove_if_exists(root()(partial));
                const UniqueFd fd(::open(root()(partial).c_str(),
                        O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
                if (!fd || ::fallocate(fd.get(), 0, 0, static_cast<off_t>(size)) != 0)
                        return errno;
                if (const int error = write_header(fd.get(), size); error != 0)
                        return error;
                return ::rename(root()(partial).c_str(), root()(path).c_str()) == 0 ? 0 : errno;
        }

        Context* context_;
        const StartUnit* start_;
        const SwapCalls* calls_;
        SwapRecord record_;
};

} // namespace

std::string swap_header(std::uint64_t size, std::size_t page, const Uuid& uuid)
{
        std::string header(page, '\0');
        put_number(header, version_at, 1);
        put_number(header, last_page_at, static_cast<std::uint32_t>(size / page - 1));
        std::ranges::copy(uuid, header.begin() + uuid_at);
        std::ranges::copy(label, header.begin() + label_at);
        std::ranges::copy(header_magic, header.end() - static_cast<std::ptrdiff_t>(header_magic.size()));
        return header;
}

std::optional<std::uint64_t> size_of_our_swap(std::string_view page)
{
        if (page.size() < label_at + label.size() || !page.ends_with(header_magic) ||
                number_at(page, version_at) != 1 ||
                page.substr(label_at, label.size() + 1) != std::string(label) + '\0')
                return std::nullopt;
        return (std::uint64_t{number_at(page, last_page_at)} + 1) * page.size();
}

SwapCalls swap_calls_of_kernel()
{
        const auto result = [](int status) { return status == 0 ? 0 : errno; };
        return {.on = [=](const std::string& path,
                              int flags) { return result(::swapon(path.c_str(), flags)); },
                .off = [=](const std::string& path) { return result(::swapoff(path.c_str())); },
                .filesystem = [](const std::string& directory) -> std::string {
                        struct statfs status {};
                        if (::statfs(directory.c_str(), &status) != 0)
                                return "";
                        constexpr auto xfs = 0x58465342; // XFS_SUPER_MAGIC
                        switch (status.f_type) {
                        case EXT4_SUPER_MAGIC:
                                return "ext4";
                        case xfs:
                                return "xfs";
                        case BTRFS_SUPER_MAGIC:
                                return "btrfs";
                        default:
                                return "";
                        }
                },
                .is_mount_point =
                        [](const std::string& directory) {
                                struct stat here {};
                                struct stat above {};
                                return ::stat(directory.c_str(), &here) == 0 &&
                                       ::stat((directory + "/..").c_str(), &above) == 0 &&
                                       here.st_dev != above.st_dev;
                        }};
}

void set_up_swap(Context& context, const std::optional<SwapSettings>& settings, std::uint64_t memory,
        const StartUnit& start, const SwapCalls& calls)
{
        Swap swap(context, start, calls);
        swap.set_up(settings, settings ? settings->size(memory) : 0);
        if (settings)
                swap.name_others();
}

} // namespace eks
