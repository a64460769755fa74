// SPDX-License-Identifier: Apache-2.0
#include "base/datagram.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fd.hpp"

namespace eks {

namespace {

constexpr std::string_view journal_socket = "/run/systemd/journal/socket";
constexpr int journal_buffer = 8 << 20; // as libsystemd asks for: the default may be below one record

// A name that begins with '@' is one of the abstract namespace.
void send_to(std::string_view name, std::string_view text, int buffer) noexcept
{
        sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
        if (name.empty() || name.size() >= sizeof address.sun_path)
                return;

        std::memcpy(address.sun_path, name.data(), name.size());
        if (address.sun_path[0] == '@')
                address.sun_path[0] = '\0';

        const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        if (buffer > 0)
                ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
        ::sendto(socket.get(), text.data(), text.size(), MSG_NOSIGNAL,
                reinterpret_cast<const sockaddr*>(&address),
                static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size()));
}

} // namespace

void add_field(std::string& record, std::string_view key, std::string_view value)
{
        record += key;
        if (value.find('\n') == value.npos) {
                record += '=';
        } else {
                // The length as 64 bits, little endian, so that the value may contain anything.
                record += '\n';
                for (unsigned shift = 0; shift < 64; shift += 8)
                        record += static_cast<char>((std::uint64_t{value.size()} >> shift) & 0xffU);
        }

        record += value;
        record += '\n';
}

void send_record(std::string_view record) noexcept
{
        send_to(journal_socket, record, journal_buffer);
}

void notify_manager(std::string_view state) noexcept
{
        const char* const name = std::getenv("NOTIFY_SOCKET");
        send_to(name != nullptr ? name : "", state, 0);
}

} // namespace eks
