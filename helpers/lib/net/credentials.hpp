// SPDX-License-Identifier: Apache-2.0
// Who this machine is to AWS. No text of an Error here holds a secret.
#pragma once

#include <optional>

#include "net/imds.hpp"
#include "net/sigv4.hpp"

namespace eks {

// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN; nothing if the first two are not there.
// Throws Error (credentials_missing) if only one of them is.
std::optional<AwsCredentials> credentials_from_environment();

// Those of the instance's role: two requests behind the session token. A launched instance gets its role
// some seconds late, so that "not there" is asked again until the client's deadline. Throws Error
// (credentials_missing) if the instance has no role or EC2 could not assume it, and as ImdsClient::fetch().
AwsCredentials credentials_from_role(ImdsClient& imds);

// The environment's, else the role's.
AwsCredentials aws_credentials(const ImdsClient::Options& options);

} // namespace eks
