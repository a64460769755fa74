// SPDX-License-Identifier: Apache-2.0
// One signed call of an AWS API, and ECR's login by such a call. No Error contains a secret.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "base/error.hpp"
#include "net/containerd.hpp"
#include "net/endpoints.hpp"
#include "net/sigv4.hpp"

namespace eks {

struct AwsCallOptions {
        AwsCredentials credentials; // if empty: those of the environment, else of the instance's role
        EndpointKind endpoint;
        std::chrono::steady_clock::time_point deadline;
        // Called when an attempt failed and another follows, for `systemctl status`.
        std::function<void(const std::string&)> on_retry = [](const std::string&) {};
};

// The service refused; with its own text.
class AwsRefused : public Error {
public:
        AwsRefused(const std::string& what, std::string kind_, std::string role_)
                : Error(failure::aws_refused, what, "Check the policies of the instance's role"),
                  kind(std::move(kind_)), role(std::move(role_))
        {
        }

        // The role may not make the call, or the service does not know its credentials (yet). Both may pass:
        // a policy is attached after the instance has started, and takes some time to be in effect.
        bool is_denied() const;
        bool is_unknown_caller() const;
        std::string caller() const; // for a message

        std::string kind; // "AccessDeniedException"; "" if the answer names none
        std::string role; // of the instance, if its credentials were used
};

// The body of the answer. `request.host` is filled in: the service's endpoint, or that of
// AWS_ENDPOINT_URL_SERVICE or AWS_ENDPOINT_URL, which may be plain http. Proxies are taken from the
// environment. Transport errors, throttling and 5xx are tried again with jitter until the deadline. Throws
// AwsRefused, and Error (aws_unreachable, aws_throttled, endpoint_unusable, and those of aws_credentials()).
std::string aws_call(const std::string& service, const std::string& region, AwsRequest request,
        const AwsCallOptions& options);

// ECR's GetAuthorizationToken: a login for every registry of the region, good for twelve hours. `host` is
// the registry it is to be used for. Throws as above, registry_denied and aws_answer.
RegistryLogin ecr_login(const std::string& host, const std::string& region, const AwsCallOptions& options);

} // namespace eks
