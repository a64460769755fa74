// SPDX-License-Identifier: Apache-2.0
#include "steps/interface/networkd.hpp"

#include <cstring>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "document/layer.hpp"
#include "systemd/manager.hpp"

namespace eks {

namespace {

using MessagePtr = std::unique_ptr<sd_bus_message, Deleter<sd_bus_message_unref>>;

constexpr const char* destination = "org.freedesktop.network1";
constexpr const char* manager_path = "/org/freedesktop/network1";
constexpr const char* manager_interface = "org.freedesktop.network1.Manager";
constexpr const char* link_interface = "org.freedesktop.network1.Link";
constexpr std::uint64_t timeout_usec = 10'000'000; // of a call

[[noreturn]] void fail(std::string_view doing, const char* why)
{
        throw Error(failure::daemon_refused, fmt::format("cannot {}: {}", doing, why),
                "See `systemctl status systemd-networkd dbus`; `systemctl restart 'eks-interface@*'` tries "
                "again");
}

struct BusError {
        BusError() = default;
        BusError(const BusError&) = delete;
        BusError& operator=(const BusError&) = delete;
        ~BusError() { ::sd_bus_error_free(&error); }

        const char* why(int result) const
        {
                return error.message != nullptr ? error.message : ::strerror(-result);
        }
        sd_bus_error error{};
};

} // namespace

Networkd::Networkd() : runs_(Manager().unit("systemd-networkd.service").text("ActiveState") == "active")
{
        if (!runs_)
                return;

        sd_bus* bus = nullptr;
        refusal_ = ::sd_bus_open_system(&bus);
        bus_.reset(bus);

        if (refusal_ >= 0)
                ::sd_bus_set_method_call_timeout(bus, timeout_usec);
}

sd_bus* Networkd::bus() const
{
        if (refusal_ < 0)
                fail("connect to D-Bus, to ask systemd-networkd", ::strerror(-refusal_));
        return bus_.get();
}

std::string Networkd::network_file(const std::string& interface)
{
        BusError error;
        sd_bus_message* raw = nullptr;
        if (::sd_bus_call_method(bus(), destination, manager_path, manager_interface, "GetLinkByName",
                    &error.error, &raw, "s", interface.c_str()) < 0)
                return {}; // it does not know the interface yet

        const MessagePtr found(raw);
        int index = 0;
        const char* path = nullptr;
        if (const int result = ::sd_bus_message_read(found.get(), "io", &index, &path); result < 0)
                fail("read systemd-networkd's answer", ::strerror(-result));

        raw = nullptr;
        BusError of_link;
        if (const int result = ::sd_bus_call_method(
                    bus(), destination, path, link_interface, "Describe", &of_link.error, &raw, "");
                result < 0)
                fail(fmt::format("ask systemd-networkd about '{}'", interface), of_link.why(result));

        const MessagePtr described(raw);
        const char* text = nullptr;
        if (const int result = ::sd_bus_message_read(described.get(), "s", &text); result < 0)
                fail("read systemd-networkd's answer", ::strerror(-result));

        const auto document = try_parse_json(text);
        const auto file = document.is_object() ? document.find("NetworkFile") : document.end();

        return file != document.end() && file->is_string() ? file->get<std::string>() : std::string();
}

void Networkd::reload()
{
        BusError error;
        if (const int result = ::sd_bus_call_method(bus(), destination, manager_path, manager_interface,
                    "Reload", &error.error, nullptr, "");
                result < 0)
                fail("make systemd-networkd read its files", error.why(result));
}

} // namespace eks
