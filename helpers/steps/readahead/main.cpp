// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "steps/readahead/readahead.hpp"

namespace {

constexpr unsigned most_seconds = 60; // by then the chain has read it all by itself

// For the manager, and a line for the journal. This is sd_notify(3), for which libsystemd would have to be
// read.
void say(std::string_view text)
{
        std::printf("<6>%.*s\n", static_cast<int>(text.size()), text.data());
        const char* const path = std::getenv("NOTIFY_SOCKET");

        sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
        const std::string_view place = path != nullptr ? path : "";
        if (place.empty() || place.size() >= sizeof address.sun_path)
                return;

        std::memcpy(address.sun_path, place.data(), place.size());
        if (address.sun_path[0] == '@')
                address.sun_path[0] = '\0';
        std::array<char, 256> status{};
        const int length = std::snprintf(
                status.data(), status.size(), "STATUS=%.*s", static_cast<int>(text.size()), text.data());
        const eks::UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        ::sendto(socket.get(), status.data(), static_cast<std::size_t>(length), MSG_NOSIGNAL,
                reinterpret_cast<const sockaddr*>(&address),
                static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + place.size()));
}

} // namespace

int main(int argc, char** argv)
{
        const char* root = std::getenv("EKS_ROOT");
        const std::string_view option = argc > 1 ? argv[1] : "";
        const bool help = option == "--help";

        if (option == "--root" && argc == 3)
                root = argv[2];
        else if (argc > 1) {
                std::fputs("usage: eks-readahead [--root DIR] [--help]\n"
                           "Read what the first boot of an instance is about to read, in parallel.\n",
                        help ? stdout : stderr);
                return help ? 0 : 2;
        }

        if (root == nullptr)
                root = "";

        const auto identity = eks::instance_identity(root);
        if (eks::has_read_before(root, identity)) {
                say("not the first boot of this instance");
                return 0;
        }

        struct sysinfo memory {};
        ::sysinfo(&memory);
        timespec began{};
        ::clock_gettime(CLOCK_MONOTONIC, &began);
        const auto reading =
                eks::read_ahead(root, most_seconds, std::uint64_t{memory.freeram} * memory.mem_unit / 2);
        timespec ended{};
        ::clock_gettime(CLOCK_MONOTONIC, &ended);
        eks::remember_reading(root, identity);
        std::array<char, 128> text{};
        const int length = std::snprintf(text.data(), text.size(),
                "read %u files with %llu KiB in %lld ms%s", reading.files,
                static_cast<unsigned long long>(reading.bytes / 1024),
                static_cast<long long>(
                        (ended.tv_sec - began.tv_sec) * 1000 + (ended.tv_nsec - began.tv_nsec) / 1000000),
                reading.complete ? "" : ", and not all that the lists name");
        say({text.data(), static_cast<std::size_t>(length)});

        return 0;
}
