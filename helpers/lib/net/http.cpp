// SPDX-License-Identifier: Apache-2.0
#include "net/http.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/secrets.hpp"
#include "base/text.hpp"
#include "net/jitter.hpp"

namespace eks {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

namespace {

// A request on its way to an answer, through as many attempts as it takes.
struct Transfer {
        HttpAttempt attempt;
        Clock::time_point start_at; // of the next attempt
        milliseconds delay{0};
        unsigned attempts = 0;
        bool running = false;
        bool answered = false;
        HttpFault last;

        std::string name() const
        {
                return fmt::format("{} {}", attempt.request->method, hide_secrets(attempt.request->url));
        }
};

// Attempts must be removed from the transport before they are destroyed, also if fetch() throws.
struct Transfers : std::vector<Transfer> {
        Transfers(HttpTransport& transport, const std::vector<HttpRequest>& requests,
                const HttpOptions& options)
                : vector(requests.size()), transport_(&transport)
        {
                for (std::size_t i = 0; i < requests.size(); ++i) {
                        (*this)[i].attempt.request = &requests[i];
                        (*this)[i].delay = options.first_delay;
                }
        }
        Transfers(const Transfers&) = delete;
        Transfers& operator=(const Transfers&) = delete;
        Transfers(Transfers&&) = delete;
        Transfers& operator=(Transfers&&) = delete;
        ~Transfers()
        {
                for (auto& transfer : *this)
                        if (transfer.running && !transfer.attempt.ended)
                                transport_->cancel(transfer.attempt);
        }

private:
        HttpTransport* transport_;
};

bool worth_another_try(long status, const HttpOptions& options)
{
        return (status == 429 && options.retry_429) || status >= 500;
}

// The text at the deadline.
std::string failures(const Transfers& transfers)
{
        std::vector<std::string> texts;
        for (const auto& transfer : transfers)
                if (!transfer.answered)
                        texts.push_back(fmt::format("{}: tried {} {}, {}", transfer.name(),
                                transfer.attempts, transfer.attempts == 1 ? "time" : "times",
                                transfer.last.text.empty() ? "no answer" : "last " + transfer.last.text));
        return join(texts, "; ");
}

HttpFault first_fault(const Transfers& transfers)
{
        const auto first = std::ranges::find_if(transfers,
                [](const Transfer& transfer) { return !transfer.answered && !transfer.last.text.empty(); });
        return first == transfers.end() ? HttpFault{} : first->last;
}

// An attempt has ended without a usable answer: another one follows.
void try_again(Transfer& transfer, const HttpOptions& options)
{
        const auto& attempt = transfer.attempt;
        if (attempt.failure.empty())
                transfer.last = {.text = fmt::format("status {}", attempt.response.status),
                        .unresolved = {},
                        .status = attempt.response.status};
        else
                transfer.last = {
                        .text = attempt.failure, .unresolved = attempt.unresolved, .error = attempt.error};

        if (attempt.is_final)
                throw HttpUnusable(fmt::format("{}: {}", transfer.name(), transfer.last.text));

        transfer.start_at = Clock::now() + (options.jitter ? jittered(transfer.delay) : transfer.delay);
        transfer.delay = std::min(transfer.delay * 2, options.max_delay);
        options.on_retry(
                fmt::format("{}: {} (attempt {})", transfer.name(), transfer.last.text, transfer.attempts));
}

// Look at an attempt that has ended: it is the answer, or another one follows.
void finish(Transfer& transfer, const HttpOptions& options)
{
        const auto& attempt = transfer.attempt;
        transfer.running = false;

        if (attempt.failure.empty() && !worth_another_try(attempt.response.status, options)) {
                transfer.answered = true;
                return;
        }

        try_again(transfer, options);
}

// Start the attempts that are due, and return the time until the next one.
milliseconds start_due(Transfers& transfers, HttpTransport& transport, const HttpOptions& options)
{
        const auto now = Clock::now();
        const auto left = std::chrono::ceil<milliseconds>(options.deadline - now);
        if (left <= milliseconds(0))
                throw HttpDeadline(failures(transfers), first_fault(transfers));

        auto wait = left;

        for (auto& transfer : transfers) {
                if (transfer.answered || transfer.running)
                        continue;

                if (transfer.start_at > now) {
                        wait = std::min(wait, std::chrono::ceil<milliseconds>(transfer.start_at - now));
                        continue;
                }

                transfer.attempt = {.request = transfer.attempt.request};
                transfer.running = true;
                ++transfer.attempts;
                transport.start(
                        transfer.attempt, options.connect_timeout, std::min(options.attempt_timeout, left));
        }

        return wait;
}

} // namespace

std::vector<HttpResponse> HttpClient::fetch(
        const std::vector<HttpRequest>& requests, const HttpOptions& options)
{
        Transfers transfers(*transport_, requests, options);
        while (!std::ranges::all_of(transfers, &Transfer::answered)) {
                transport_->wait(start_due(transfers, *transport_, options));
                for (auto& transfer : transfers)
                        if (transfer.running && transfer.attempt.ended)
                                finish(transfer, options);
        }

        std::vector<HttpResponse> responses;
        responses.reserve(transfers.size());

        for (auto& transfer : transfers)
                responses.push_back(std::move(transfer.attempt.response));

        return responses;
}

HttpWinner HttpClient::race(
        const std::vector<HttpRequest>& requests, const HttpOptions& options, const HttpRace& rules)
{
        Transfers transfers(*transport_, requests, options);
        for (std::size_t i = 0; i < transfers.size(); ++i)
                transfers[i].start_at = Clock::now() + rules.head_start * i;

        for (;;) {
                transport_->wait(start_due(transfers, *transport_, options));

                for (std::size_t i = 0; i < transfers.size(); ++i) {
                        auto& transfer = transfers[i];
                        if (!transfer.running || !transfer.attempt.ended)
                                continue;

                        finish(transfer, options);
                        if (transfer.answered && rules.wins(i, transfer.attempt.response))
                                return {i, std::move(transfer.attempt.response)};
                        if (std::exchange(transfer.answered, false))
                                try_again(transfer, options);

                        if (rules.is_hopeless(i, transfer.last))
                                throw HttpDeadline(failures(transfers), transfer.last);
                        for (auto& other : transfers)
                                if (other.attempts == 0)
                                        other.start_at = Clock::now();
                }
        }
}

} // namespace eks
