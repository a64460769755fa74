// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <initializer_list>
#include <string_view>

#include <fmt/format.h>

#include "net/aws_call.hpp"
#include "net/messages.hpp"

namespace eks {

namespace {

bool begins_with_one_of(std::string_view kind, std::initializer_list<std::string_view> kinds)
{
        return std::ranges::any_of(kinds, [&](std::string_view one) { return kind.starts_with(one); });
}

bool is_denial(const AwsError& error)
{
        return begins_with_one_of(error.kind, {"AccessDenied", "NotAuthorized", "UnauthorizedOperation"});
}

// Of another region than the endpoint's, or one that the account has not enabled.
bool is_wrong_region(const AwsError& error)
{
        return error.message.find("scoped to a valid region") != std::string::npos ||
               begins_with_one_of(error.kind, {"OptInRequired", "RegionDisabled"});
}

std::string called(const std::string& role)
{
        return role.empty() ? "the credentials in the environment"
                            : fmt::format("the instance's role '{}'", role);
}

const Failure& failure_of(const AwsError& error)
{
        if (is_denial(error))
                return failure::aws_denied;
        if (is_expired(error))
                return failure::aws_credentials_expired;
        return is_wrong_region(error) ? failure::aws_wrong_region : failure::aws_refused;
}

std::string remedy_of(const AwsError& error, const std::string& role, const std::string& action)
{
        if (is_denial(error))
                return fmt::format("Allow {} to {}, and check that no permissions boundary, service control "
                                   "policy or endpoint policy denies it",
                        action.empty() ? "the call" : action, called(role));
        if (is_expired(error))
                return role.empty()
                               ? "Replace the credentials in the unit's environment, or remove them to use "
                                 "the instance's role"
                               : "EC2 renews the credentials of a role by itself: check that the role still "
                                 "exists and trusts ec2.amazonaws.com, and the machine's clock with "
                                 "`timedatectl`";
        if (is_wrong_region(error))
                return "Check AWS_ENDPOINT_URL in the unit's environment, which must be an endpoint of the "
                       "instance's own region, and that the region is enabled for the account";

        return "Check the policies of the instance's role";
}

} // namespace

bool is_expired(const AwsError& error)
{
        return begins_with_one_of(error.kind, {"ExpiredToken", "TokenRefreshRequired"}) ||
               error.message.find("security token included in the request is expired") != std::string::npos;
}

AwsRefused::AwsRefused(
        const std::string& what, const AwsError& error, const std::string& role_, const std::string& action)
        : Error(failure_of(error), what, remedy_of(error, role_, action)), kind(error.kind), role(role_)
{
}

bool AwsRefused::is_denied() const
{
        return is_denial({kind, {}});
}

bool AwsRefused::is_unknown_caller() const
{
        return begins_with_one_of(
                kind, {"AuthFailure", "UnrecognizedClient", "InvalidClientToken", "ExpiredToken",
                              "InvalidSignature", "MissingAuthenticationToken", "RequestExpired",
                              "RequestTimeTooSkewed", "SignatureDoesNotMatch"});
}

bool AwsRefused::says_why() const
{
        return &failure() != &failure::aws_refused;
}

std::string AwsRefused::caller() const
{
        return called(role);
}

} // namespace eks
