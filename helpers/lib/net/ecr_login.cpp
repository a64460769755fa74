// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/json_text.hpp"
#include "net/aws_call.hpp"

namespace eks {

using Json = nlohmann::json;

RegistryLogin ecr_login(const std::string& host, const std::string& region, const AwsCallOptions& options)
{
        const auto body = aws_call("ecr", region,
                {.method = "POST",
                        .host = {},
                        .headers = {{"Content-Type", "application/x-amz-json-1.1"},
                                {"X-Amz-Target",
                                        "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken"}},
                        .body = "{}"},
                options);
        // The error text does not contain the answer, because it may be a secret.
        const auto answer = try_parse_json(body);
        const Json::json_pointer place("/authorizationData/0/authorizationToken");
        if (!answer.is_object() || !answer.contains(place) || !answer[place].is_string())
                throw Error(failure::aws_answer, "the answer of ECR's GetAuthorizationToken holds no token",
                        "Check what answers for ECR: a proxy, or AWS_ENDPOINT_URL");
        return {.server = "https://" + host, .auth = answer[place].get<std::string>()};
}

} // namespace eks
