// SPDX-License-Identifier: Apache-2.0
// Signs requests for sigv4_test.py: one JSON object a line on stdin, one answer a line on stdout.
#include <cstdio>
#include <iostream>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "net/endpoints.hpp"
#include "net/sigv4.hpp"

namespace {

using Json = nlohmann::json;
using namespace eks;

Json answer(const Json& asked)
{
        if (asked.at("do") == "host")
                return aws_host(asked.at("service").get<std::string>(),
                        asked.at("region").get<std::string>(),
                        {.fips = asked.at("fips"), .dual_stack = asked.at("dualStack")});

        const AwsRequest request{.method = asked.at("method"),
                .host = asked.at("host"),
                .path = asked.at("path"),
                .query = asked.at("query"),
                .headers = asked.at("headers"),
                .body = asked.at("body")};
        const AwsCredentials credentials{asked.at("id"), asked.at("secret"), asked.at("token")};
        const SigningScope scope{asked.at("service"), asked.at("region"),
                std::chrono::sys_seconds(std::chrono::seconds(asked.at("time").get<long>()))};
        if (asked.at("do") == "presign")
                return presigned_url(
                        request, credentials, scope, std::chrono::seconds(asked.at("lifetime").get<long>()));

        return signed_headers(request, credentials, scope);
}

} // namespace

int main()
{
        for (std::string line; std::getline(std::cin, line);)
                fmt::print("{}\n", answer(Json::parse(line)).dump());
}
