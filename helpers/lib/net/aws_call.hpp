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
        // Later than `deadline`: used while the service answers, and says that it throttles.
        std::chrono::steady_clock::time_point throttled_deadline = {};
        std::function<void()> on_throttled = [] {}; // before each wait for that
        std::string action = {};                    // of IAM: "eks:DescribeCluster"
        // What the administrator should know of a call that may succeed all the same.
        std::function<void(const std::string&)> on_warning = [](const std::string&) {};
        // The error in an answer that is not JSON, for services that answer in XML.
        std::function<struct AwsError(const std::string& body)> parse_error = {};
};

// The error in an answer.
struct AwsError {
        std::string kind;    // "AccessDeniedException"; "" if the answer names none
        std::string message; // "User … is not authorized"
};

// The service refused; with its own text.
class AwsRefused : public Error {
public:
        // The failure and the remedy follow from the error: aws_denied, aws_credentials_expired,
        // aws_wrong_region, else aws_refused.
        AwsRefused(const std::string& what, const AwsError& error, const std::string& role_,
                const std::string& action);

        // The role may not make the call, or the service does not know its credentials (yet). Both may pass:
        // a policy is attached after the instance has started, and takes some time to be in effect.
        bool is_denied() const;
        bool is_unknown_caller() const;
        // Whether its failure has a cause and a remedy of its own: expired, or of another region.
        bool says_why() const;
        std::string caller() const; // for a message

        std::string kind; // "AccessDeniedException"; "" if the answer names none
        std::string role; // of the instance, if its credentials were used
};

// The credentials have expired, as those of a role do when EC2 renews them late.
bool is_expired(const AwsError& error);

// The body of the answer. `request.host` is filled in: the service's endpoint, or that of
// AWS_ENDPOINT_URL_SERVICE or AWS_ENDPOINT_URL, which may be plain http. Proxies are taken from the
// environment, certificate authorities from AWS_CA_BUNDLE. Transport errors, throttling and 5xx are tried
// again as aws_retry.hpp has it, until the deadline or for AWS_MAX_ATTEMPTS. If the machine's clock is off,
// the signature has the time of AWS. Expired credentials of the role are fetched again. Throws AwsRefused,
// and Error (aws_unreachable, aws_no_route, aws_throttled, endpoint_unusable, usage, and those of
// aws_credentials()).
std::string aws_call(const std::string& service, const std::string& region, AwsRequest request,
        const AwsCallOptions& options);

// ECR's GetAuthorizationToken: a login for every registry of the region, good for twelve hours. `host` is
// the registry it is to be used for. Throws as above, registry_denied and aws_answer.
RegistryLogin ecr_login(const std::string& host, const std::string& region, const AwsCallOptions& options);

} // namespace eks
