// SPDX-License-Identifier: Apache-2.0
// Where EKS keeps its images: Amazon ECR, one registry a region, under an account that differs between
// regions.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/root.hpp"

namespace eks {

inline constexpr std::string_view ecr_registries_path = "/usr/share/eks/ecr-registries.tsv";
inline constexpr std::string_view pause_tag = "3.10"; // of eks/pause: what the EKS AMIs are built with

struct EcrRegistry {
        std::string region;            // "us-west-2"; that of the registry, after any fallback
        std::string account;           // twelve digits
        std::string partition;         // "aws"
        std::string domain;            // "amazonaws.com"
        std::string dual_stack_domain; // "on.aws"; "" where AWS documents none
        bool fips = false;             // the region is known to have FIPS names
        std::string fallback; // serves unlisted regions of this prefix; "*" serves all others, "" none
};

// Every row of the table, in its order. Throws Error (vendor_file) if a row is malformed, (file_io) if the
// table is absent.
std::vector<EcrRegistry> ecr_registries(const Root& root);

// The registry that serves a region: its own, else the one of the longest fallback prefix, else us-west-2's,
// as the EKS AMI does it. Throws as above, and Error (usage) for text that is not a region name.
EcrRegistry ecr_registry(const Root& root, std::string_view region);

// The name of a registry. nullopt: this kind of name does not exist in its partition.
std::optional<std::string> ecr_host(const EcrRegistry& registry, bool fips, bool dual_stack);

// Whether a host name can be resolved.
using Resolver = std::function<bool(const std::string& host)>;
bool resolves(const std::string& host); // the system's

// The FIPS name if the kernel is in FIPS mode and that name resolves, else the normal one.
std::string ecr_host_for_kernel(const EcrRegistry& registry, bool fips_kernel, const Resolver& resolver);

// The pause image that EKS keeps for a region: under the FIPS name where one is known and the kernel is in
// FIPS mode. Does not use DNS, so the same facts give the same name.
std::string eks_pause_image(const Root& root, std::string_view region);

// The parts of the name of a registry; nullopt if it is not a private registry of ECR in one of AWS's
// domains.
struct EcrHost {
        std::string account;
        std::string region;
        std::string domain; // the part after the region
        bool fips = false;
        bool dual_stack = false;
};
std::optional<EcrHost> parse_ecr_host(std::string_view host);

} // namespace eks
