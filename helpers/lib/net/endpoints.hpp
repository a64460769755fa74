// SPDX-License-Identifier: Apache-2.0
// Names of AWS endpoints. There are no requests: the names follow from service and region. Source: AWS
// General Reference, "AWS service endpoints", and the pages of the services there; compared with botocore by
// tests/sigv4_test.py.
#pragma once

#include <string>
#include <string_view>

namespace eks {

struct Partition {
        std::string_view name;   // "aws-cn"
        std::string_view prefix; // of the names of its regions; none for "aws"
        std::string_view domain;
        std::string_view dual_stack_domain;
};

// The partition of a region; "aws" for unknown names, because it gets new regions most often.
const Partition& partition_of(std::string_view region);

struct EndpointKind {
        bool fips = false;
        bool dual_stack = false;
};

// The host of a regional endpoint: "sts.us-west-2.amazonaws.com". Exceptions are known for ec2, ecr, eks and
// sts; other services follow the usual pattern.
std::string aws_host(std::string_view service, std::string_view region, const EndpointKind& kind = {});

// Whether EKS and STS have an endpoint for FIPS in a region. Otherwise the name does not exist.
bool has_fips_endpoint(std::string_view region);

// AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT, as the AWS SDKs read them. Throws Error (usage) for
// other values than true and false.
EndpointKind endpoint_kind_from_environment();

} // namespace eks
