// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>

#include <catch2/catch.hpp>

#include "base/datagram.hpp"
#include "base/fd.hpp"
#include "support.hpp"

using namespace eks;
using namespace std::string_literals;

namespace {

// A socket that receives what is sent to a name; '@' begins one of the abstract namespace.
class Receiver {
public:
        explicit Receiver(const std::string& name) : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0))
        {
                sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
                REQUIRE(name.size() < sizeof address.sun_path);

                std::memcpy(address.sun_path, name.data(), name.size());
                if (name.front() == '@')
                        address.sun_path[0] = '\0';
                REQUIRE(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address),
                                static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size())) == 0);
        }

        std::string received() const
        {
                std::array<char, 4096> text{};
                const auto length = ::recv(socket_.get(), text.data(), text.size(), MSG_DONTWAIT);
                return length < 0 ? "nothing" : std::string(text.data(), static_cast<std::size_t>(length));
        }

private:
        UniqueFd socket_;
};

} // namespace

TEST_CASE("The manager is notified through a socket of the file system or of the abstract namespace",
        "[datagram]")
{
        const test::TemporaryDirectory directory;
        for (const auto& name : {directory.path() + "/notify", "@eks-datagram-test"s}) {
                const Receiver manager(name);
                ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
                notify_manager("STATUS=a step");
                CHECK(manager.received() == "STATUS=a step");

                ::unsetenv("NOTIFY_SOCKET");
                notify_manager("STATUS=nobody receives this");
                CHECK(manager.received() == "nothing");
        }
}

TEST_CASE("A field of one line is written as text, one of several lines with its length", "[datagram]")
{
        std::string record;
        add_field(record, "MESSAGE", "one line");
        add_field(record, "EKS_CAUSE", "two\nlines");
        CHECK(record == "MESSAGE=one line\nEKS_CAUSE\n\x09\0\0\0\0\0\0\0two\nlines\n"s);
}
