// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <initializer_list>
#include <string_view>

#include <fmt/format.h>

#include "net/aws_call.hpp"

namespace eks {

namespace {

bool begins_with_one_of(std::string_view kind, std::initializer_list<std::string_view> kinds)
{
        return std::ranges::any_of(kinds, [&](std::string_view one) { return kind.starts_with(one); });
}

} // namespace

bool AwsRefused::is_denied() const
{
        return begins_with_one_of(kind, {"AccessDenied", "NotAuthorized", "UnauthorizedOperation"});
}

bool AwsRefused::is_unknown_caller() const
{
        return begins_with_one_of(
                kind, {"UnrecognizedClient", "InvalidClientToken", "ExpiredToken", "RequestExpired",
                              "InvalidSignature", "SignatureDoesNotMatch", "MissingAuthenticationToken"});
}

std::string AwsRefused::caller() const
{
        return role.empty() ? "the credentials in the environment"
                            : fmt::format("the instance's role '{}'", role);
}

} // namespace eks
