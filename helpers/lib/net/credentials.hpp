// SPDX-License-Identifier: Apache-2.0
// The AWS credentials of this machine. No Error contains a secret.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "net/imds.hpp"
#include "net/sigv4.hpp"

namespace eks {

// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN; nothing if the first two are not there.
// Throws Error (credentials_missing) if only one of them is.
std::optional<AwsCredentials> credentials_from_environment();

// The credentials of the instance's role: two requests after the session token. A new instance gets its role
// some seconds late, so "not there" is retried until the client's deadline, and `on_retry` is told what is
// missing. Throws Error (role_missing) if the instance still has no role or EC2 could not assume it, and as
// ImdsClient::fetch().
AwsCredentials credentials_from_role(
        ImdsClient& imds,
        const std::function<void(const std::string&)>& on_retry = [](const std::string&) {});

// The environment's, else the role's.
AwsCredentials aws_credentials(const ImdsClient::Options& options);

} // namespace eks
