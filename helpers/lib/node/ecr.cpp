// SPDX-License-Identifier: Apache-2.0
#include "node/ecr.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>
#include <netdb.h>
#include <span>

#include <fmt/format.h>

#include "base/command_line.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

constexpr std::size_t columns = 7;
constexpr std::string_view none = "-";
constexpr std::string_view everywhere = "*";

// The domains that may get a login: AWS's own, as in the list of the image credential provider.
constexpr std::array<std::string_view, 7> domains{"amazonaws.com", "amazonaws.com.cn", "amazonaws.eu",
        "c2s.ic.gov", "cloud.adc-e.uk", "csp.hci.ic.gov", "sc2s.sgov.gov"};
constexpr std::array<std::string_view, 2> dual_stack_domains{"on.amazonwebservices.com.cn", "on.aws"};

bool is_account(std::string_view text)
{
        return text.size() == 12 &&
               std::ranges::all_of(text, [](unsigned char c) { return std::isdigit(c); });
}

// A host name is searched for a region, so a word without a dash does not count.
bool is_region(std::string_view text)
{
        return is_dns_label(text) && text.find('-') != text.npos;
}

std::string unless_none(std::string_view text)
{
        return std::string(text == none ? std::string_view() : text);
}

} // namespace

std::vector<EcrRegistry> ecr_registries(const Root& root)
{
        std::vector<EcrRegistry> registries;
        const auto table = read_file(root(ecr_registries_path));
        bool header = true;

        for (const auto row : lines(table)) {
                if (row.starts_with('#'))
                        continue;
                if (std::exchange(header, false))
                        continue;

                const auto fields = split(row, '\t');
                if (fields.size() != columns || !is_region(fields[0]) || !is_account(fields[1]) ||
                        (fields[5] != "yes" && fields[5] != "no"))
                        throw Error(failure::vendor_file,
                                fmt::format("'{}' has a malformed row: '{}'", ecr_registries_path, row),
                                "Reinstall eksnode");

                registries.push_back({.region = std::string(fields[0]),
                        .account = std::string(fields[1]),
                        .partition = std::string(fields[2]),
                        .domain = std::string(fields[3]),
                        .dual_stack_domain = unless_none(fields[4]),
                        .fips = fields[5] == "yes",
                        .fallback = unless_none(fields[6])});
        }

        return registries;
}

EcrRegistry ecr_registry(const Root& root, std::string_view region)
{
        if (!is_region(region))
                throw Error(failure::usage, fmt::format("'{}' is not the name of a region", region),
                        "Give one such as us-west-2");

        const auto registries = ecr_registries(root);
        const EcrRegistry* best = nullptr;
        std::size_t matched = 0;

        for (const auto& registry : registries) {
                if (registry.region == region)
                        return registry;

                const auto& prefix = registry.fallback;
                if (prefix == everywhere ? best == nullptr
                                         : prefix.size() > matched && region.starts_with(prefix)) {
                        best = &registry;
                        matched = prefix == everywhere ? 0 : prefix.size();
                }
        }

        if (best == nullptr)
                throw Error(failure::vendor_file,
                        fmt::format("'{}' has no row for '{}', and none with the fallback '*'",
                                ecr_registries_path, region),
                        "Reinstall eksnode");

        return *best;
}

std::optional<std::string> ecr_host(const EcrRegistry& registry, bool fips, bool dual_stack)
{
        if (!dual_stack)
                return fmt::format("{}.dkr.ecr{}.{}.{}", registry.account, fips ? "-fips" : "",
                        registry.region, registry.domain);
        if (registry.dual_stack_domain.empty())
                return std::nullopt;

        return fmt::format("{}.dkr-ecr{}.{}.{}", registry.account, fips ? "-fips" : "", registry.region,
                registry.dual_stack_domain);
}

bool resolves(const std::string& host)
{
        addrinfo* found = nullptr;
        const int result = ::getaddrinfo(host.c_str(), nullptr, nullptr, &found);
        const std::unique_ptr<addrinfo, Deleter<freeaddrinfo>> owner(found);
        return result == 0;
}

std::string ecr_host_for_kernel(const EcrRegistry& registry, bool fips_kernel, const Resolver& resolver)
{
        if (fips_kernel)
                if (auto host = *ecr_host(registry, true, false); resolver(host))
                        return host;
        return *ecr_host(registry, false, false);
}

std::string eks_pause_image(const Root& root, std::string_view region)
{
        const auto registry = ecr_registry(root, region);
        const auto is_known = [&](const std::string&) { return registry.fips; };
        return fmt::format(
                "{}/eks/pause:{}", ecr_host_for_kernel(registry, fips_kernel(root), is_known), pause_tag);
}

std::optional<EcrHost> parse_ecr_host(std::string_view host)
{
        const auto labels = split(host, '.');
        if (labels.size() < 4 || !is_account(labels[0]))
                return std::nullopt;

        const bool dual_stack = labels[1] == "dkr-ecr" || labels[1] == "dkr-ecr-fips";
        const auto& service = dual_stack ? labels[1] : labels[2];
        if (!dual_stack && (labels[1] != "dkr" || (service != "ecr" && service != "ecr-fips")))
                return std::nullopt;

        const std::size_t region = dual_stack ? 2 : 3;
        if (labels.size() < region + 2 || !is_region(labels[region]))
                return std::nullopt;

        const auto domain = host.substr(static_cast<std::size_t>(labels[region + 1].data() - host.data()));
        const std::span<const std::string_view> known =
                dual_stack ? std::span<const std::string_view>(dual_stack_domains) : domains;
        if (std::ranges::find(known, domain) == known.end())
                return std::nullopt;

        return EcrHost{.account = std::string(labels[0]),
                .region = std::string(labels[region]),
                .domain = std::string(
                        host.substr(static_cast<std::size_t>(labels[region + 1].data() - host.data()))),
                .fips = service.ends_with("-fips"),
                .dual_stack = dual_stack};
}

} // namespace eks
