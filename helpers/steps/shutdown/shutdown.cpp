// SPDX-License-Identifier: Apache-2.0
#include "steps/shutdown/shutdown.hpp"

#include <csignal>
#include <cstring>
#include <thread>

#include <fmt/format.h>

#include "node/shutdown_period.hpp"
#include "systemd/libsystemd.hpp"

namespace eks {

namespace {

using namespace std::chrono_literals;

constexpr const char* logind_unit = "systemd-logind.service";
constexpr auto patience = 10s; // below TimeoutStartSec= of the step
constexpr auto interval = 10ms;

[[noreturn]] void refused(std::string_view why)
{
        throw Error(failure::daemon_refused,
                fmt::format("systemd-logind did not take over '{}': {}", logind_drop_in, why),
                "See `systemctl status systemd-logind dbus`");
}

template <typename F>
bool comes_true(const F& reached)
{
        const auto deadline = std::chrono::steady_clock::now() + patience;
        while (!reached()) {
                if (std::chrono::steady_clock::now() > deadline)
                        return false;
                std::this_thread::sleep_for(interval);
        }

        return true;
}

} // namespace

Logind::Logind()
{
        sd_bus* raw = nullptr;
        refusal_ = libsystemd().bus_open_system(&raw);
        bus_ = {raw, libsystemd().bus_flush_close_unref};
        if (refusal_ >= 0)
                libsystemd().bus_set_method_call_timeout(raw, std::chrono::microseconds(patience).count());
}

std::chrono::microseconds Logind::inhibit_delay()
{
        if (refusal_ < 0)
                refused(fmt::format("cannot connect to D-Bus: {}", ::strerror(-refusal_)));
        std::uint64_t value = 0;
        sd_bus_error error{};
        const int result = libsystemd().bus_get_property_trivial(bus_.get(), "org.freedesktop.login1",
                "/org/freedesktop/login1", "org.freedesktop.login1.Manager", "InhibitDelayMaxUSec", &error,
                't', &value);
        const std::string why = error.message != nullptr ? error.message : ::strerror(-result);
        libsystemd().bus_error_free(&error);

        if (result < 0)
                refused(why);

        return std::chrono::microseconds(value);
}

StepPlan plan_shutdown(const NodeInputs& node)
{
        File file{.path = std::string(logind_drop_in), .content = {}};
        if (const auto period = other_shutdown_period(node.spec.kubelet.config))
                file.content = fmt::format("# Made by eks-shutdown.service, from kubelet's configuration.\n"
                                           "[Login]\n"
                                           "InhibitDelayMaxSec={}s\n",
                        period->count());
        else
                file.kind = File::Kind::absent;

        return {.files = {std::move(file)}, .notes = {}};
}

void take_over_logind(Context& context, Logind& logind, std::optional<std::chrono::seconds> period)
{
        auto& manager = logind.manager();
        const auto unit = manager.unit(logind_unit);

        // It may be on its way, and have read its files before ours was there.
        comes_true([&] { return unit.text("ActiveState") != "activating"; });
        if (unit.text("ActiveState") != "active")
                return context.did("systemd-logind does not run; it reads the file when it starts", false);
        if (period && logind.inhibit_delay() == *period)
                return context.did("systemd-logind has read it", false);

        context.wait_until(patience, "the step fails");
        context.awaiting("Waiting for systemd-logind to read its configuration");

        // As kubelet does it, which does not wait for the answer.
        if (unit.service_count("MainPID") == 0)
                refused("it has ended");
        manager.signal(logind_unit, SIGHUP);

        if (period && !comes_true([&] { return logind.inhibit_delay() == *period; }))
                refused(fmt::format("its InhibitDelayMaxSec= is not {} s; a file in "
                                    "/etc/systemd/logind.conf.d may override it",
                        period->count()));
        context.did("systemd-logind has read its configuration again", true);
}

Access shutdown_access()
{
        return {.reads = {"/run/eks"}, .writes = {"/run/systemd/logind.conf.d"}};
}

} // namespace eks
