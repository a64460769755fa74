// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <ctime>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/secrets.hpp"
#include "base/text.hpp"
#include "net/http.hpp"
#include "net/imds.hpp"
#include "node/node.hpp"
#include "steps/join/join.hpp"
#include "systemd/journal_record.hpp"

namespace eks {

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto turn = 2s; // the deadline is looked at so often
constexpr std::chrono::milliseconds metadata_time = 2s;

// kubelet reports the condition every 10 s, and complains of containerd every 5 s.
constexpr std::chrono::milliseconds longest_silence = 60s;

// Without a record for so long, kubelet's healthz is asked what it says.
constexpr std::chrono::milliseconds longest_quiet = 20s;
constexpr std::chrono::milliseconds health_time = 1s;
constexpr int usual_health_port = 10248;

// Of kubelet's present process; "" while none runs. systemd makes the link for journald.
std::string invocation_of_kubelet()
{
        return read_link_if_exists("/run/systemd/units/invocation:kubelet.service").value_or("");
}

// The records of one process of kubelet, from the first one.
class KubeletRecords {
public:
        explicit KubeletRecords(const std::string& invocation)
        {
                sd_journal* raw = nullptr;
                if (const int error = ::sd_journal_open(&raw, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);
                        error < 0)
                        throw Error(failure::file_io,
                                fmt::format("cannot open the journal: {}", ::strerror(-error)),
                                "See `systemctl status systemd-journald`");
                journal_.reset(raw);
                match_journal(raw, fmt::format("_SYSTEMD_INVOCATION_ID={}", invocation));
                ::sd_journal_seek_head(raw);
        }

        bool next() { return ::sd_journal_next(journal_.get()) > 0; }
        void wait(std::chrono::microseconds time)
        {
                ::sd_journal_wait(journal_.get(), static_cast<std::uint64_t>(time.count()));
        }

        std::string_view message() { return journal_field(journal_.get(), "MESSAGE"); }

private:
        JournalPtr journal_;
};

// The name of the instance's role; "" if the metadata service does not answer soon.
std::string role_of_instance()
{
        try {
                ImdsClient imds({.endpoint = imds_endpoint(), .timeout = metadata_time});
                const auto answer = imds.fetch({"meta-data/iam/security-credentials/"}).front().value_or("");
                const auto role = trim(answer);
                return has_control_characters(role) || role.find_first_of(" <") != role.npos
                               ? std::string()
                               : std::string(role);
        } catch (const Error&) {
                return {};
        }
}

std::int64_t seconds_since_boot()
{
        timespec time{};
        ::clock_gettime(CLOCK_BOOTTIME, &time);
        return time.tv_sec;
}

// When the wait began: a kubelet that ends again and again does not begin another one.
std::int64_t begin_of_wait(const Root& root)
{
        const auto earlier = try_parse_json(read_file_if_exists(root(join_status_path)).value_or(""));
        const auto since = earlier.is_object() ? earlier.value("since", std::int64_t{0}) : 0;
        return since > 0 ? since : seconds_since_boot();
}

void write_status(
        const Context& context, const JoinState& state, const NodeIdentity& identity, std::int64_t since)
{
        write_atomically(context.root()(join_status_path),
                hide_secrets(render_status(state, identity, since)), 0644, Durability::unsynced);
}

// What kubelet's own check answers, for a message; "" if its configuration turns it off.
std::string health_of_kubelet(const Root& root)
{
        const auto node = try_parse_json(read_file_if_exists(root(node_path)).value_or(""));
        const Json::json_pointer key("/spec/kubelet/config/healthzPort");
        const auto* set = node.is_object() && node.contains(key) ? &node.at(key) : nullptr;
        const int port = set != nullptr && set->is_number_integer() ? set->get<int>() : usual_health_port;
        if (port == 0)
                return {};

        constexpr std::string_view intro = "; kubelet logs nothing, and its healthz";
        try {
                const HttpOptions once{.connect_timeout = health_time,
                        .attempt_timeout = health_time,
                        .first_delay = 10s, // longer than the deadline
                        .max_delay = 10s,
                        .deadline = Clock::now() + health_time};
                HttpClient(plain_http())
                        .fetch({{.url = fmt::format("http://127.0.0.1:{}/healthz", port)}}, once);
                return fmt::format("{} answers that it is healthy", intro);
        } catch (const HttpDeadline& e) {
                return e.fault().status != 0
                               ? fmt::format("{} answers with status {}", intro, e.fault().status)
                               : fmt::format("{} does not answer", intro);
        } catch (const Error&) {
                return {};
        }
}

// Without an error there is nothing to tell the console, where every node would be heard.
void tell(const Context& context, const JoinState& state, const NodeIdentity& identity,
        const std::string& health)
{
        if (state.cause().empty())
                notify_status(state.awaited(identity) + health);
        else
                context.awaiting(state.awaited(identity) + health);
}

} // namespace

void watch_join(Context& context, std::chrono::seconds limit)
{
        const auto since = begin_of_wait(context.root());
        const auto left = [&] {
                return std::max(0s, limit - std::chrono::seconds(seconds_since_boot() - since));
        };
        context.wait_until(left(), "eks-join fails, and kubelet goes on trying");

        const auto begin = Clock::now();
        const auto silence = std::min<std::chrono::milliseconds>(longest_silence, limit / 4);
        const auto quiet = std::min(longest_quiet, std::chrono::milliseconds(limit) / 8);
        auto invocation = invocation_of_kubelet();
        KubeletRecords records(invocation);
        JoinState state;
        std::optional<JoinState> told;
        std::optional<NodeIdentity> asked; // once, if the cluster does not know it
        auto heard = begin;                // of the node
        auto quiet_since = begin;          // kubelet has logged nothing since, or has been asked
        std::string health;

        do {
                const auto present = invocation_of_kubelet();
                if (!present.empty() && present != invocation) {
                        invocation = present;
                        records = KubeletRecords(invocation);
                        state = {};
                }

                bool is_outdated = false; // what it has said of kubelet's health
                while (records.next()) {
                        quiet_since = Clock::now();
                        is_outdated = is_outdated || !std::exchange(health, {}).empty();
                        if (state.read(records.message()))
                                heard = quiet_since;
                }

                if (present.empty())
                        state.end();
                else if (state.may_be_ready() && Clock::now() - heard >= silence)
                        state.take_as_ready();

                if (state.kind() == JoinState::Kind::ready) {
                        write_status(context, state, {}, 0);
                        const auto seconds =
                                std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - begin);
                        context.did(fmt::format("the node is Ready, {} s after kubelet started",
                                            seconds.count()),
                                true);
                        return;
                }

                if (state.code() == unauthorized && !asked)
                        asked = node_identity(context.root(), role_of_instance());
                if (told != state || is_outdated) {
                        const auto identity = asked.value_or(NodeIdentity());
                        if (told != state)
                                write_status(context, state, identity, since);
                        tell(context, state, identity, health);
                        told = state;
                }

                if (!present.empty() && Clock::now() - quiet_since >= quiet) {
                        const auto before = std::exchange(health, health_of_kubelet(context.root()));
                        quiet_since = Clock::now();
                        if (health != before)
                                tell(context, state, asked.value_or(NodeIdentity()), health);
                }

                records.wait(turn);
        } while (left() > 0s);

        state.end(); // without another cause, its last error
        const auto identity = asked.value_or(NodeIdentity());
        write_status(context, state, identity, 0);
        throw Error(failure::node_not_joined,
                fmt::format("{} for {} s", state.awaited(identity), limit.count()),
                "`eksnode diagnose` tries the way to the cluster; `journalctl -b -u kubelet` has kubelet's words");
}

} // namespace eks
