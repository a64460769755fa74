// SPDX-License-Identifier: Apache-2.0
#include "steps/hosts/hosts.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <sys/stat.h>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "net/dns.hpp"

namespace eks {

namespace {

using namespace std::chrono_literals;

constexpr std::string_view begin_mark = hosts_block_begin;
constexpr std::string_view end_mark = hosts_block_end;

constexpr std::array waits{200ms, 400ms, 800ms, 1600ms, 3200ms};
constexpr int jitter = 100;   // ms
constexpr auto give_up = 40s; // TimeoutStartSec= of the unit is longer

std::string without_first_line(const std::string& text)
{
        const auto end = text.find('\n');
        return end == std::string::npos ? std::string() : text.substr(end + 1);
}

std::vector<std::string> resolve(Context& context, const std::string& host, const HostsWorld& world)
{
        std::random_device random;
        std::uniform_int_distribution<int> extra(0, jitter);
        const auto deadline = std::chrono::steady_clock::now() + give_up;
        context.wait_until(give_up,
                fmt::format(
                        "the step uses the addresses in '{}', or fails and eks-retry.timer tries it again",
                        hosts_path));

        for (std::size_t attempt = 0;; ++attempt) {
                try {
                        return world.lookup(host);
                } catch (const Error& e) {
                        if (attempt == waits.size() ||
                                std::chrono::steady_clock::now() + waits.at(attempt) > deadline)
                                throw;
                        context.awaiting(fmt::format("Waiting for DNS: {}", e.what()));
                        context.log().debug(e.what());
                }
                world.sleep(waits.at(attempt) + std::chrono::milliseconds(extra(random)));
        }
}

// A hosts(5) file without our blocks, and the position of the first one.
struct Parts {
        std::string kept;
        std::size_t place = std::string::npos;
};
Parts parts(std::string_view text)
{
        Parts result;
        auto& [kept, place] = result;
        std::string inside; // lines of a block, kept if its end is missing

        while (!text.empty()) {
                const auto end = std::min(text.find('\n'), text.size() - 1) + 1;
                const auto line = text.substr(0, end);
                text.remove_prefix(end);

                if (trim(line) == begin_mark) {
                        kept += without_first_line(inside);
                        inside = line;
                        place = std::min(place, kept.size());
                } else if (inside.empty()) {
                        kept += line;
                } else if (inside += line; trim(line) == end_mark) {
                        inside.clear();
                }
        }

        if (!inside.empty())
                kept += without_first_line(inside);

        return result;
}

void replace_hosts(const std::string& path, const std::string& text)
{
        struct stat st {};
        // Nobody but root decides what a name means.
        const mode_t mode = ::stat(path.c_str(), &st) == 0 ? st.st_mode & 0775 : 0644;
        write_atomically(path, text, mode, Durability::synced);
}

} // namespace

std::string with_block(
        std::string_view text, std::string_view host, const std::vector<std::string>& addresses)
{
        auto block = fmt::format("{}\n", begin_mark);
        for (const auto& address : addresses)
                block += fmt::format("{}\t{}\n", address, host);
        block += fmt::format("{}\n", end_mark);

        auto [kept, place] = parts(text);

        if (place == std::string::npos) {
                if (!kept.empty() && !kept.ends_with('\n'))
                        kept += '\n';
                place = kept.size();
        }

        return kept.insert(place, block);
}

std::string without_block(std::string_view text)
{
        return parts(text).kept;
}

void update_hosts(Context& context, const std::string& endpoint, const HostsWorld& world)
{
        const auto host = endpoint_host(endpoint);
        if (host.empty())
                return context.did("the endpoint is an address", false);

        const auto path = context.root()(hosts_path);
        std::vector<std::string> addresses;

        try {
                addresses = resolve(context, host, world);
        } catch (const Error& e) {
                if (!names_host(read_file_if_exists(path).value_or(""), host))
                        throw Error(e.failure(), e.what(),
                                fmt::format("{}, or write the API server's addresses into '{}' by hand",
                                        dns_remedy, hosts_path));

                context.apply({.files = {},
                        .notes = {{Level::warning, fmt::format("{}: using the addresses in '{}', proceeding",
                                                           e.what(), hosts_path)}}});
                return context.did(fmt::format("kept the addresses of {}", host), false);
        }

        // Read after the wait, because other programs write this file too.
        const auto present = read_file_if_exists(path);
        const auto wanted = with_block(present.value_or(""), host, addresses);
        const auto text = fmt::format("{} is {}", host, join(addresses, " "));
        if (present == wanted)
                return context.did(text, false);

        replace_hosts(path, wanted);
        context.did(text, true);
}

void remove_hosts(Context& context)
{
        const auto path = context.root()(hosts_path);
        const auto present = read_file_if_exists(path).value_or("");
        const auto wanted = without_block(present);
        if (present == wanted)
                return context.did("this node does not belong to a local cluster", false);

        replace_hosts(path, wanted);
        context.did("removed the API server of a local cluster, which this node no longer belongs to", true);
}

} // namespace eks
