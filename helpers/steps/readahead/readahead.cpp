// SPDX-License-Identifier: Apache-2.0
// Threads and not io_uring: an image may disable io_uring (kernel.io_uring_disabled), and a buffered read of
// a file system that cannot do it asynchronously ends in a thread of the kernel anyway. Opening a file and
// listing a directory read from the disk, too, and io_uring has no glob(). Why so many: the disk of an
// instance takes 32 requests at a time without delay, and a chain that waits for a read must find room.
// Every thread waits for its request before it makes the next one, so that the queue never grows longer.
#include "steps/readahead/readahead.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <memory>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.hpp"

namespace eks {

namespace {

constexpr unsigned most_threads = 24;
constexpr off_t piece_size = 128 * 1024; // the kernel's readahead() does not do more in one call, by default
constexpr std::size_t stack_size = 256 * 1024;
constexpr std::size_t most_files = 4096;
constexpr std::size_t most_pieces = 32768;
constexpr std::size_t longest_list = 64 * 1024;
constexpr const char* stamp = "/var/lib/eks/readahead";
constexpr const char* vendor_lists = "/usr/share/eks/readahead.d";
constexpr const char* admin_lists = "/etc/eks/readahead.d";

using Text = std::unique_ptr<char, Deleter<::free>>;

Text joined(const char* first, const char* second, const char* third = "")
{
        char* text = nullptr;
        return Text(::asprintf(&text, "%s%s%s", first, second, third) < 0 ? nullptr : text);
}

// The first bytes of a file, and how many.
std::size_t read_some(const char* path, char* into, std::size_t size)
{
        const UniqueFd file(::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
        std::size_t length = 0;
        while (file && length < size) {
                const auto count = ::read(file.get(), into + length, size - length);
                if (count < 0 && errno == EINTR)
                        continue;
                if (count <= 0)
                        break;
                length += static_cast<std::size_t>(count);
        }

        return length;
}

// substr() and copy() throw, and so need libstdc++.
std::string_view head(std::string_view text, std::size_t length)
{
        return {text.data(), length < text.size() ? length : text.size()};
}

std::string_view first_line(const char* text, std::size_t length)
{
        const std::string_view all(text, length);
        return head(all, all.find('\n'));
}

// First in, first out; never more than so many in all.
template <typename T, std::size_t N>
class Fifo {
public:
        bool push(const T& item)
        {
                if (last_ == N)
                        return false;
                items_[last_++] = item;
                return true;
        }
        bool pop(T& item)
        {
                if (first_ == last_)
                        return false;
                item = items_[first_++];
                return true;
        }

private:
        std::array<T, N> items_;
        std::size_t first_ = 0;
        std::size_t last_ = 0;
};

struct Found { // a pattern, or what it has found; a directory ends with '/'
        char* path = nullptr;
        std::uint64_t most = 0;
};

struct Piece {
        int file = -1; // stays open until the program ends
        off_t offset = 0;
        off_t end = 0;
};

struct Inode {
        dev_t device;
        ino_t number;
};

class Reader {
public:
        Reader(const char* root, unsigned seconds, std::uint64_t most_bytes)
                : root_(root), most_bytes_(most_bytes)
        {
                ::clock_gettime(CLOCK_MONOTONIC, &end_);
                end_.tv_sec += seconds;
        }

        void add_lists(const char* directory, const char* unless_in, const char* only);
        Reading run();
        void drop_rest();

private:
        void add_list(const char* path);
        void work();
        bool next(Piece& piece, Found& file, Found& pattern);
        void expand(const Found& pattern);
        void open(const Found& found);
        bool add_pieces(int file, std::uint64_t most);
        void list(const Found& directory);
        void add_file(char* path, std::uint64_t most);
        bool is_new(const struct stat& status);
        [[nodiscard]] bool late() const;

        const char* root_;
        std::uint64_t most_bytes_;
        timespec end_{};
        pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
        pthread_cond_t changed_ = PTHREAD_COND_INITIALIZER;
        unsigned busy_ = 0; // threads that may still add something
        Reading result_;
        std::size_t seen_count_ = 0;
        Fifo<Found, most_files> patterns_;
        Fifo<Found, most_files> files_;
        Fifo<Piece, most_pieces> pieces_;
        std::array<Inode, most_files> seen_;
};

class Lock {
public:
        explicit Lock(pthread_mutex_t& mutex) : mutex_(mutex) { ::pthread_mutex_lock(&mutex_); }
        ~Lock() { ::pthread_mutex_unlock(&mutex_); }
        Lock(const Lock&) = delete;
        Lock& operator=(const Lock&) = delete;

private:
        pthread_mutex_t& mutex_;
};

bool Reader::late() const
{
        timespec now{};
        ::clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec > end_.tv_sec || (now.tv_sec == end_.tv_sec && now.tv_nsec >= end_.tv_nsec);
}

int is_list(const dirent* entry)
{
        return std::string_view(entry->d_name).ends_with(".list") && entry->d_name[0] != '.' ? 1 : 0;
}

// Names are sorted; a file of the same name in `unless_in` masks one.
void Reader::add_lists(const char* directory, const char* unless_in, const char* only)
{
        const auto place = joined(root_, directory);
        dirent** names = nullptr;

        const int count = place ? ::scandir(place.get(), &names, is_list, ::alphasort) : -1;
        for (int i = 0; i < count; ++i) {
                const Text entry(reinterpret_cast<char*>(names[i]));
                if (only != nullptr && std::string_view(names[i]->d_name) != only)
                        continue;

                const auto mask = unless_in ? joined(root_, unless_in, "/") : nullptr;
                const auto masked = mask ? joined(mask.get(), names[i]->d_name) : nullptr;
                if (masked && ::faccessat(AT_FDCWD, masked.get(), F_OK, AT_SYMLINK_NOFOLLOW) == 0)
                        continue;

                if (const auto path = joined(place.get(), "/", names[i]->d_name))
                        add_list(path.get());
        }

        ::free(names);
}

void Reader::add_list(const char* path)
{
        const Text text(static_cast<char*>(::malloc(longest_list)));
        if (!text)
                return;

        std::string_view rest(text.get(), read_some(path, text.get(), longest_list));
        while (!rest.empty()) {
                const auto length = rest.find('\n');
                const auto line = parse_list_line(head(rest, length));
                rest.remove_prefix(length == rest.npos ? rest.size() : length + 1);

                if (line.pattern.empty())
                        continue;

                char* pattern = nullptr;
                if (::asprintf(&pattern, "%s%.*s", root_, static_cast<int>(line.pattern.size()),
                            line.pattern.data()) >= 0 &&
                        !patterns_.push({pattern, line.most}))
                        ::free(pattern);
        }
}

// Pieces come first and patterns last: the files of a list are read before those of the next one are looked
// for.
bool Reader::next(Piece& piece, Found& file, Found& pattern)
{
        const Lock lock(mutex_);
        --busy_;

        while (!late()) {
                if (pieces_.pop(piece) || files_.pop(file) || patterns_.pop(pattern)) {
                        ++busy_;
                        return true;
                }

                if (busy_ == 0) {
                        ::pthread_cond_broadcast(&changed_);
                        return false;
                }

                ::pthread_cond_wait(&changed_, &mutex_);
        }

        result_.complete = false;
        ::pthread_cond_broadcast(&changed_);

        return false;
}

void Reader::work()
{
        for (;;) {
                Piece piece;
                Found file;
                Found pattern;
                if (!next(piece, file, pattern))
                        return;

                if (piece.file >= 0) {
                        // Ask for the whole piece, and wait for its end: nothing is copied.
                        char last = 0;
                        ::readahead(piece.file, piece.offset,
                                static_cast<std::size_t>(piece.end - piece.offset));
                        static_cast<void>(!::pread(piece.file, &last, 1, piece.end - 1));
                } else if (pattern.path != nullptr) {
                        expand(pattern);
                } else if (std::string_view(file.path).ends_with('/')) {
                        list(file);
                } else {
                        open(file);
                }

                ::free(file.path);
                ::free(pattern.path);
        }
}

void Reader::add_file(char* path, std::uint64_t most)
{
        const Lock lock(mutex_);
        if (path == nullptr || !files_.push({path, most}))
                ::free(path);
        else
                ::pthread_cond_signal(&changed_);
}

void Reader::expand(const Found& pattern)
{
        glob_t found{};
        if (::glob(pattern.path, GLOB_BRACE | GLOB_MARK, nullptr, &found) == 0)
                for (std::size_t i = 0; i < found.gl_pathc; ++i)
                        add_file(::strdup(found.gl_pathv[i]), pattern.most);
        ::globfree(&found);
}

void Reader::list(const Found& directory)
{
        DIR* const stream = ::opendir(directory.path);
        if (stream == nullptr)
                return;

        while (const dirent* entry = ::readdir(stream)) {
                const std::string_view name(entry->d_name);
                if (name == "." || name == "..")
                        continue;
                const char* const end = entry->d_type == DT_DIR ? "/" : "";
                add_file(joined(directory.path, entry->d_name, end).release(), directory.most);
        }

        ::closedir(stream);
}

// Many names of ours are links to one program.
bool Reader::is_new(const struct stat& status)
{
        for (std::size_t i = 0; i < seen_count_; ++i)
                if (seen_[i].device == status.st_dev && seen_[i].number == status.st_ino)
                        return false;

        if (seen_count_ == seen_.size())
                return false;

        seen_[seen_count_++] = {status.st_dev, status.st_ino};
        return true;
}

bool Reader::add_pieces(int file, std::uint64_t most)
{
        struct stat status {};
        if (::fstat(file, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size == 0)
                return false;

        const auto size = static_cast<std::uint64_t>(status.st_size);
        const Lock lock(mutex_);

        if ((most != 0 && size > most) || size > most_bytes_ - result_.bytes || !is_new(status))
                return false;

        ++result_.files;
        result_.bytes += size;

        for (off_t offset = 0; offset < status.st_size; offset += piece_size) {
                const auto end = offset + piece_size;
                if (!pieces_.push({file, offset, end < status.st_size ? end : status.st_size}))
                        break;
        }

        ::pthread_cond_broadcast(&changed_);
        return true;
}

void Reader::open(const Found& found)
{
        const int file = ::open(found.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (file >= 0 && !add_pieces(file, found.most))
                ::close(file);
}

// What the deadline has left.
void Reader::drop_rest()
{
        Found left;
        while (patterns_.pop(left) || files_.pop(left))
                ::free(left.path);
}

Reading Reader::run()
{
        pthread_attr_t attributes;
        ::pthread_attr_init(&attributes);
        ::pthread_attr_setstacksize(&attributes, stack_size);
        std::array<pthread_t, most_threads> threads{};
        unsigned started = 0;
        busy_ = most_threads;

        while (started + 1 < most_threads && ::pthread_create(
                                                     &threads[started], &attributes,
                                                     [](void* reader) -> void* {
                                                             static_cast<Reader*>(reader)->work();
                                                             return nullptr;
                                                     },
                                                     this) == 0)
                ++started;
        {
                const Lock lock(mutex_);
                busy_ -= most_threads - 1 - started;
        }

        work();
        for (unsigned i = 0; i < started; ++i)
                ::pthread_join(threads[i], nullptr);
        ::pthread_attr_destroy(&attributes);

        return result_;
}

} // namespace

// Nitro has the instance's id where others have a sticker of the board's owner; elsewhere the machine has a
// UUID. An image that is made from an instance carries its machine-id along unless that is removed, so it
// comes last.
Identity instance_identity(const char* root)
{
        Identity identity{};
        for (const char* source :
                {"/sys/class/dmi/id/board_asset_tag", "/sys/class/dmi/id/product_uuid", "/etc/machine-id"}) {
                const auto path = joined(root, source);
                std::array<char, sizeof(Identity)> text{};
                const auto line =
                        path ? first_line(text.data(), read_some(path.get(), text.data(), text.size() - 1))
                             : "";
                if (line.empty() || (std::string_view(source).ends_with("tag") && !line.starts_with("i-")))
                        continue;
                std::memcpy(identity.data(), line.data(),
                        line.size()); // shorter: it was read with room for an end
                break;
        }

        return identity;
}

bool has_read_before(const char* root, const Identity& identity)
{
        const auto path = joined(root, stamp);
        std::array<char, sizeof(Identity)> text{};
        return identity[0] != '\0' && path &&
               first_line(text.data(), read_some(path.get(), text.data(), text.size())) == identity.data();
}

// Not synced: if it is lost, the files are read once more.
void remember_reading(const char* root, const Identity& identity)
{
        const auto directory = joined(root, "/var/lib/eks");
        const auto path = joined(root, stamp);
        if (identity[0] == '\0' || !directory || !path)
                return;

        ::mkdir(directory.get(), 0755);
        const UniqueFd file(::open(path.get(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644));
        if (file)
                ::dprintf(file.get(), "%s\n", identity.data());
}

ListLine parse_list_line(std::string_view line)
{
        constexpr std::string_view blanks = " \t\r";
        const auto begin = line.find_first_not_of(blanks);
        if (begin == line.npos || line[begin] != '/') // a comment, or no path
                return {};

        line.remove_prefix(begin);
        const auto length = line.find_first_of(blanks);

        ListLine result{head(line, length)};
        const auto number = length == line.npos ? line.npos : line.find_first_not_of(blanks, length);
        if (number == line.npos)
                return result;

        line.remove_prefix(number);
        line = head(line, line.find_last_not_of(blanks) + 1);
        std::uint64_t unit = 1;

        if (line.ends_with('K') || line.ends_with('M')) {
                unit = line.ends_with('K') ? 1024 : 1024 * 1024;
                line.remove_suffix(1);
        }

        constexpr std::size_t most_digits = 9;
        if (line.empty() || line.size() > most_digits || line.find_first_not_of("0123456789") != line.npos)
                return {};

        for (const char digit : line)
                result.most = result.most * 10 + static_cast<std::uint64_t>(digit - '0');
        result.most *= unit;

        return result;
}

Reading read_ahead(const char* root, unsigned seconds, std::uint64_t most_bytes, const char* only_list)
{
        rlimit files{};
        if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
                files.rlim_cur = files.rlim_max;
                ::setrlimit(RLIMIT_NOFILE, &files);
        }

        static_assert(std::is_trivially_destructible_v<Reader>);

        // Pages of it that are not used cost nothing; malloc() does not touch them.
        const std::unique_ptr<void, Deleter<::free>> memory(::malloc(sizeof(Reader)));
        if (!memory)
                return {};

        auto& reader = *new (memory.get()) Reader(root, seconds, most_bytes);
        reader.add_lists(vendor_lists, admin_lists, only_list);
        reader.add_lists(admin_lists, nullptr, only_list);
        const auto result = reader.run();
        reader.drop_rest();

        return result;
}

void read_manager_list(const char* root)
{
        constexpr unsigned most_seconds = 5; // the manager waits
        constexpr std::uint64_t most_bytes = 64 * 1024 * 1024;
        if (!has_read_before(root, instance_identity(root)))
                read_ahead(root, most_seconds, most_bytes, "00-manager.list");
}

} // namespace eks
