// SPDX-License-Identifier: Apache-2.0
// libeksnode-aws.so: aws_call() under a name that load_aws_call.cpp looks up.
#include "net/aws_call.hpp"

extern "C" __attribute__((visibility("default"))) void eks_aws_call(std::string& answer,
        const std::string& service, const std::string& region, const eks::AwsRequest& request,
        const eks::AwsCallOptions& options)
{
        answer = eks::aws_call(service, region, request, options);
}
