// SPDX-License-Identifier: Apache-2.0
// eksnode token: the credential that kubelet shows the API server. The cluster's authenticator opens the
// signed URL, and STS tells it whose credentials signed it. Pure functions; the time is a parameter.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "net/endpoints.hpp"
#include "net/sigv4.hpp"

namespace eks {

struct TokenRequest {
        std::string cluster; // name of the cluster; its id on Outposts
        std::string region;
        EndpointKind endpoint;
};

// The authenticator takes a token for 15 minutes from its date, regardless of the lifetime of the URL
// (aws-iam-authenticator, pkg/token). One minute less allows for clocks that differ.
inline constexpr std::chrono::minutes token_lifetime{14};

// "k8s-aws-v1." and the URL in base64url without padding. Throws Error (usage) for an invalid cluster or
// region.
std::string eks_token(
        const TokenRequest& request, const AwsCredentials& credentials, std::chrono::sys_seconds now);

// The version of ExecCredential to answer with: that of KUBERNETES_EXEC_INFO, v1beta1 if that is empty.
// Throws Error (usage) if it is malformed or has an unsupported version.
std::string exec_api_version(std::string_view exec_info);

// The answer, one line.
std::string render_exec_credential(
        std::string_view api_version, std::string_view token, std::chrono::sys_seconds now);

} // namespace eks
