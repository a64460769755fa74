// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <unistd.h>
#include <utility>

namespace eks {

// Owns a file descriptor; -1 is empty.
class UniqueFd {
public:
        UniqueFd() noexcept = default;
        explicit UniqueFd(int fd) noexcept : fd_(fd) {}
        UniqueFd(const UniqueFd&) = delete;
        UniqueFd& operator=(const UniqueFd&) = delete;
        UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
        UniqueFd& operator=(UniqueFd&& other) noexcept
        {
                if (this != &other)
                        reset(std::exchange(other.fd_, -1));
                return *this;
        }
        ~UniqueFd() { reset(); }

        int get() const noexcept { return fd_; }
        explicit operator bool() const noexcept { return fd_ >= 0; }
        void reset(int fd = -1) noexcept
        {
                if (fd_ >= 0)
                        ::close(fd_);
                fd_ = fd;
        }

private:
        int fd_ = -1;
};

// One deleter for every C handle: std::unique_ptr<DIR, Deleter<::closedir>>.
template <auto Fn>
struct Deleter {
        template <typename T>
        void operator()(T* p) const noexcept
        {
                Fn(p); // NOLINT: this is where C handles are freed
        }
};

} // namespace eks
