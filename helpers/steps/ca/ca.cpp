// SPDX-License-Identifier: Apache-2.0
#include "steps/ca/ca.hpp"

#include <fmt/format.h>

#include "checks/certificate.hpp"
#include "userdata/base64.hpp"

namespace eks {

namespace {

[[noreturn]] void refuse(const Sourced& given, std::string_view wrong)
{
        throw Error(failure::ca_invalid,
                fmt::format("{}: cluster.certificateAuthority = {}: {}", given.source,
                        shown_value(given.text), wrong),
                "Give certificateAuthority.data as DescribeCluster shows it: a PEM certificate in base64");
}

} // namespace

StepPlan plan_ca(const NodeInputs& node, std::time_t now)
{
        const auto& given = node.spec.cluster.certificate_authority;
        auto bytes = decode_base64(given.text);
        if (!bytes || bytes->empty())
                refuse(given, "not base64");

        StepPlan plan;
        if (const auto check = check_ca_certificate(*bytes, now); check.fatal)
                refuse(given, check.wrong);
        else if (!check.wrong.empty())
                plan.notes.push_back(
                        {Level::warning, fmt::format("{}: cluster.certificateAuthority: {}, proceeding",
                                                 given.source, check.wrong)});
        plan.decisions.push_back(fmt::format("the CA certificate is from {}", given.source));
        plan.files.push_back({.path = "/etc/kubernetes/pki/ca.crt", .content = *std::move(bytes)});

        return plan;
}

Access ca_access()
{
        return {.reads = {"/run/eks"}, .writes = {"/etc/kubernetes/pki", "/var/lib/eks"}};
}

} // namespace eks
