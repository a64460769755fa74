// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include <catch2/catch.hpp>

#include "net/endpoints.hpp"
#include "support.hpp"

using namespace eks;

TEST_CASE("An endpoint's name follows from service, region and kind", "[endpoints]")
{
        const EndpointKind fips{.fips = true};
        const EndpointKind dual{.dual_stack = true};
        const EndpointKind both{.fips = true, .dual_stack = true};
        CHECK(aws_host("sts", "us-west-2") == "sts.us-west-2.amazonaws.com");
        CHECK(aws_host("sts", "us-west-2", fips) == "sts-fips.us-west-2.amazonaws.com");
        CHECK(aws_host("sts", "us-west-2", dual) == "sts.us-west-2.api.aws");
        CHECK(aws_host("sts", "us-west-2", both) == "sts-fips.us-west-2.api.aws");
        CHECK(aws_host("sts", "us-gov-west-1", fips) == "sts.us-gov-west-1.amazonaws.com");
        CHECK(aws_host("ecr", "eu-west-1") == "api.ecr.eu-west-1.amazonaws.com");
        CHECK(aws_host("ecr", "us-east-2", fips) == "ecr-fips.us-east-2.amazonaws.com");
        CHECK(aws_host("ecr", "us-gov-east-1", fips) == "ecr-fips.us-gov-east-1.amazonaws.com");
        CHECK(aws_host("ecr", "us-east-2", dual) == "ecr.us-east-2.api.aws");
        CHECK(aws_host("eks", "us-east-2", fips) == "fips.eks.us-east-2.amazonaws.com");
        CHECK(aws_host("eks", "us-east-2", both) == "eks-fips.us-east-2.api.aws");
        CHECK(aws_host("autoscaling", "ap-south-1") == "autoscaling.ap-south-1.amazonaws.com");
}

TEST_CASE("Every partition has its own domain", "[endpoints]")
{
        struct Case {
                const char* region;
                const char* partition;
                const char* host;
        };

        const auto [region, partition, host] = GENERATE(values<Case>({
                {"mx-central-1", "aws", "sts.mx-central-1.amazonaws.com"},
                {"cn-north-1", "aws-cn", "sts.cn-north-1.amazonaws.com.cn"},
                {"us-gov-east-1", "aws-us-gov", "sts.us-gov-east-1.amazonaws.com"},
                {"us-iso-east-1", "aws-iso", "sts.us-iso-east-1.c2s.ic.gov"},
                {"us-isob-east-1", "aws-iso-b", "sts.us-isob-east-1.sc2s.sgov.gov"},
                {"eu-isoe-west-1", "aws-iso-e", "sts.eu-isoe-west-1.cloud.adc-e.uk"},
                {"us-isof-south-1", "aws-iso-f", "sts.us-isof-south-1.csp.hci.ic.gov"},
                {"eusc-de-east-1", "aws-eusc", "sts.eusc-de-east-1.amazonaws.eu"},
        }));

        CHECK(partition_of(region).name == partition);
        CHECK(aws_host("sts", region) == host);
}

TEST_CASE("STS has FIPS endpoints in the United States only", "[endpoints]")
{
        CHECK(has_fips_endpoint("us-west-1"));
        CHECK(has_fips_endpoint("us-gov-east-1"));
        CHECK_FALSE(has_fips_endpoint("eu-west-1"));
        CHECK_FALSE(has_fips_endpoint("us-iso-east-1"));
}

TEST_CASE("The environment chooses the kind of endpoint as it does for the AWS SDKs", "[endpoints]")
{
        const auto with = [](const char* fips, const char* dual) {
                return test::captured_child([=] {
                        ::setenv("AWS_USE_FIPS_ENDPOINT", fips, 1);
                        ::setenv("AWS_USE_DUALSTACK_ENDPOINT", dual, 1);
                        const auto kind = endpoint_kind_from_environment();
                        return (kind.fips ? 1 : 0) + (kind.dual_stack ? 2 : 0);
                }).status;
        };

        CHECK(with("", "") == 0);
        CHECK(with("true", "false") == 1);
        CHECK(with("False", "TRUE") == 2);
        CHECK(with("maybe", "") == 99);
}
