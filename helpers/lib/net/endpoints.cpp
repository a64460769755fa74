// SPDX-License-Identifier: Apache-2.0
#include "net/endpoints.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/command_line.hpp"
#include "base/environment.hpp"
#include "base/error.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

constexpr std::array partitions{
        Partition{"aws-cn", "cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"},
        Partition{"aws-us-gov", "us-gov-", "amazonaws.com", "api.aws"},
        Partition{"aws-iso", "us-iso-", "c2s.ic.gov", "api.aws.ic.gov"},
        Partition{"aws-iso-b", "us-isob-", "sc2s.sgov.gov", "api.aws.scloud"},
        Partition{"aws-iso-e", "eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"},
        Partition{"aws-iso-f", "us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"},
        Partition{"aws-eusc", "eusc-", "amazonaws.eu", "api.amazonwebservices.eu"},
        Partition{"aws", "", "amazonaws.com", "api.aws"}, // last: every name begins with ""
};

// The part before the region.
std::string service_label(std::string_view service, std::string_view partition, const EndpointKind& kind)
{
        if (service == "ecr" && !kind.fips && !kind.dual_stack)
                return "api.ecr";

        if (kind.fips && !kind.dual_stack) {
                // In GovCloud the ordinary endpoints of these are the FIPS endpoints.
                if (partition == "aws-us-gov" && service != "ecr")
                        return std::string(service);
                if (partition == "aws" && service == "eks")
                        return "fips.eks";
        }

        return fmt::format("{}{}", service, kind.fips ? "-fips" : "");
}

bool truth(const char* variable)
{
        const auto text = environment(variable);
        if (text.empty())
                return false;

        const auto parsed = parse_boolean(lower(text));
        if (!parsed)
                throw Error(failure::usage, fmt::format("{}={}: neither true nor false", variable, text),
                        "Give true or false");

        return *parsed;
}

} // namespace

const Partition& partition_of(std::string_view region)
{
        return *std::ranges::find_if(
                partitions, [&](const Partition& p) { return region.starts_with(p.prefix); });
}

std::string aws_host(std::string_view service, std::string_view region, const EndpointKind& kind)
{
        const auto& partition = partition_of(region);
        return fmt::format("{}.{}.{}", service_label(service, partition.name, kind), region,
                kind.dual_stack ? partition.dual_stack_domain : partition.domain);
}

bool has_fips_endpoint(std::string_view region)
{
        constexpr std::array<std::string_view, 4> regions{
                "us-east-1", "us-east-2", "us-west-1", "us-west-2"};
        return std::ranges::find(regions, region) != regions.end() ||
               partition_of(region).name == "aws-us-gov";
}

EndpointKind endpoint_kind_from_environment()
{
        return {.fips = truth("AWS_USE_FIPS_ENDPOINT"), .dual_stack = truth("AWS_USE_DUALSTACK_ENDPOINT")};
}

} // namespace eks
