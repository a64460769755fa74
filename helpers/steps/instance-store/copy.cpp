// SPDX-License-Identifier: Apache-2.0
#include "steps/instance-store/copy.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <deque>
#include <dirent.h>
#include <fcntl.h>
#include <filesystem>
#include <iterator>
#include <memory>
#include <mutex>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/log.hpp"
#include "storage/disks.hpp"

namespace eks {

namespace {

constexpr std::chrono::seconds copy_limit{3600}; // 36 GB at 10 MB/s, as a snapshot's blocks are first read
// For what follows: mounts, and the write of what was copied.
constexpr std::chrono::seconds time_after_copy{600};
// The volume of an instance takes 32 requests at a time without delay, see eks-readahead.service(8).
constexpr unsigned threads = 24;
constexpr std::uint64_t piece_size = 128U << 10U; // of a request
constexpr std::uint64_t part_size = 4U << 20U;    // of a file, that one thread reads

// Puts the files below a directory into memory.
class Reader {
public:
        explicit Reader(const std::string& directory)
                // What is read must still be there when it is copied.
                : left_(static_cast<std::uint64_t>(::sysconf(_SC_AVPHYS_PAGES)) *
                          static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) / 2)
        {
                struct stat status {};
                if (::stat(directory.c_str(), &status) != 0)
                        return;

                device_ = status.st_dev;
                waiting_.push_back({directory});

                try {
                        while (threads_.size() < threads)
                                threads_.emplace_back([this] { work(); });
                } catch (const std::system_error&) {
                        // Fewer do.
                }
        }
        Reader(const Reader&) = delete;
        Reader& operator=(const Reader&) = delete;
        ~Reader()
        {
                ended_ = true;
                ++changes_;
                changes_.notify_all();
                for (auto& thread : threads_)
                        thread.join();
        }

private:
        struct Part { // of a file; or a directory
                std::string path;
                std::uint64_t offset = 0;
        };

        void work()
        {
                while (!ended_) {
                        const auto seen = changes_.load();
                        std::unique_lock lock(mutex_);
                        if (waiting_.empty()) {
                                if (busy_ == 0)
                                        return;
                                lock.unlock();
                                changes_.wait(seen);
                                continue;
                        }

                        const auto part = std::move(waiting_.front());
                        waiting_.pop_front();
                        ++busy_;
                        lock.unlock();

                        auto found = read(part);
                        lock.lock();
                        // Depth first, as cp.
                        waiting_.insert(waiting_.begin(), std::make_move_iterator(found.begin()),
                                std::make_move_iterator(found.end()));
                        --busy_;
                        lock.unlock();
                        ++changes_;
                        changes_.notify_all();
                }
        }

        // Returns what there is besides: what is in a directory, or the other parts. What cannot be read is
        // cp's to complain about.
        std::vector<Part> read(const Part& part)
        {
                std::vector<Part> found;
                const UniqueFd fd(::open(
                        part.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOATIME));
                struct stat status {};
                if (!fd || ::fstat(fd.get(), &status) != 0 || status.st_dev != device_)
                        return found;

                const auto size = static_cast<std::uint64_t>(status.st_size);
                if (S_ISDIR(status.st_mode))
                        for (const auto& name : names_in(fd.get()))
                                found.push_back({fmt::format("{}/{}", part.path, name)});

                if (!S_ISREG(status.st_mode))
                        return found;

                if (part.offset == 0)
                        for (auto offset = part_size; offset < size; offset += part_size)
                                found.push_back({part.path, offset});
                read_file(fd.get(), part.offset, std::min(size, part.offset + part_size));

                return found;
        }

        static std::vector<std::string> names_in(int fd)
        {
                std::vector<std::string> names;
                const std::unique_ptr<DIR, Deleter<::closedir>> directory(
                        ::fdopendir(::fcntl(fd, F_DUPFD_CLOEXEC, 0)));
                while (const auto* entry = directory ? ::readdir(directory.get()) : nullptr) {
                        const std::string_view name = entry->d_name;
                        if (name != "." && name != ".." &&
                                (entry->d_type == DT_REG || entry->d_type == DT_DIR))
                                names.emplace_back(name);
                }

                return names;
        }

        void read_file(int fd, std::uint64_t offset, std::uint64_t end)
        {
                for (; offset < end && !ended_; offset += piece_size) {
                        const auto length = std::min(piece_size, end - offset);
                        if (left_.fetch_sub(length) < length) {
                                ended_ = true;
                                return;
                        }

                        ::posix_fadvise(fd, static_cast<off_t>(offset), static_cast<off_t>(length),
                                POSIX_FADV_WILLNEED);
                        // Until it is there: a thread asks for one piece at a time.
                        std::array<char, 1> last{};
                        if (::pread(fd, last.data(), last.size(), static_cast<off_t>(offset + length - 1)) <
                                0)
                                return;
                }
        }

        std::atomic<std::uint64_t> left_; // bytes
        std::atomic<bool> ended_ = false;
        std::atomic<unsigned> changes_ = 0; // of what follows
        dev_t device_ = 0;
        std::mutex mutex_;
        std::deque<Part> waiting_;
        unsigned busy_ = 0;
        std::vector<std::thread> threads_;
};

} // namespace

void copy_directory(const std::string& from, const std::string& to)
{
        const auto partial = to + ".partial";
        std::error_code error;
        std::filesystem::remove_all(partial, error);

        notify_extend_timeout(static_cast<unsigned>((copy_limit + time_after_copy).count()));
        {
                const Reader reader(from);
                run_disk_program({"/usr/bin/cp", "--archive", "--one-file-system", "--no-target-directory",
                                         from, partial},
                        failure::volume_failed, {}, copy_limit);
        }

        const UniqueFd fd(::open(partial.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!fd || ::syncfs(fd.get()) != 0 || ::rename(partial.c_str(), to.c_str()) != 0)
                throw Error(failure::volume_failed,
                        fmt::format("cannot finish '{}': {}", to, ::strerror(errno)),
                        "See `journalctl -k` for errors of the disk");
}

} // namespace eks
