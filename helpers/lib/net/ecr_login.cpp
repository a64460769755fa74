// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "net/aws_call.hpp"

namespace eks {

namespace {

Error explain_refusal(const AwsRefused& refusal, const std::string& region)
{
        if (refusal.is_denied())
                return {failure::registry_denied,
                        fmt::format("{} may not call ecr:GetAuthorizationToken in {}: {}", refusal.caller(),
                                region, refusal.what()),
                        "Attach the policy AmazonEC2ContainerRegistryPullOnly to that role, and check that "
                        "no service control policy or endpoint policy denies the call"};
        if (refusal.is_unknown_caller() && !refusal.says_why())
                return {failure::registry_denied,
                        fmt::format("ECR in {} does not accept {}: {}", region, refusal.caller(),
                                refusal.what()),
                        "Check the machine's clock with `timedatectl`, and that the region is enabled for "
                        "the account"};

        return {refusal.failure(), refusal.what(), refusal.remedy()};
}

} // namespace

RegistryLogin ecr_login(const std::string& host, const std::string& region, const AwsCallOptions& options)
{
        std::string body;
        try {
                body = aws_call("ecr", region,
                        {.method = "POST",
                                .host = {},
                                .headers = {{"Content-Type", "application/x-amz-json-1.1"},
                                        {"X-Amz-Target",
                                                "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken"}},
                                .body = "{}"},
                        options);
        } catch (const AwsRefused& e) {
                throw explain_refusal(e, region);
        }

        // The error text does not contain the answer, because it may be a secret.
        const auto answer = try_parse_json(body);
        const Json::json_pointer place("/authorizationData/0/authorizationToken");
        if (!answer.is_object() || !answer.contains(place) || !answer[place].is_string())
                throw Error(failure::aws_answer, "the answer of ECR's GetAuthorizationToken holds no token",
                        "Check what answers for ECR: a proxy, or AWS_ENDPOINT_URL");

        return {.server = "https://" + host, .auth = answer[place].get<std::string>()};
}

} // namespace eks
