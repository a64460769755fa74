// SPDX-License-Identifier: Apache-2.0
// libeksnode-aws.so: aws_call() and fetch_https() under names that load_aws_call.cpp looks up.
#include "net/aws_call.hpp"
#include "net/http.hpp"

extern "C" __attribute__((visibility("default"))) void eks_aws_call(std::string& answer,
        const std::string& service, const std::string& region, const eks::AwsRequest& request,
        const eks::AwsCallOptions& options)
{
        answer = eks::aws_call(service, region, request, options);
}

extern "C" __attribute__((visibility("default"))) void eks_fetch_https(
        std::vector<eks::HttpResponse>& answers, const std::vector<eks::HttpRequest>& requests,
        const eks::HttpOptions& options)
{
        answers = eks::HttpClient(eks::curl_http()).fetch(requests, options);
}
