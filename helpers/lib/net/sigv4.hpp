// SPDX-License-Identifier: Apache-2.0
// AWS Signature Version 4: signs a request, so that the secret key is not sent. Pure functions; the time is
// a parameter. Source: IAM User Guide, "Create a signed AWS API request"; held against botocore by
// tests/sigv4_test.py.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eks {

struct AwsCredentials {
        std::string access_key_id;
        std::string secret_access_key;
        std::string session_token; // of temporary credentials, else empty
        std::string role = {};     // the instance's role, if they are its credentials
};

struct AwsRequest {
        using Pairs = std::vector<std::pair<std::string, std::string>>;

        std::string method = "GET";
        std::string host;       // as in the Host header: with a port only if it is not 443
        std::string path = "/"; // as it is sent: encoded, without "." and ".." in it
        Pairs query;            // names and values, not encoded
        Pairs headers;          // other than Host; all of them are signed
        std::string body;
};

// The scope and time of a signature.
struct SigningScope {
        std::string service; // as the service signs itself: "sts", "ecr"
        std::string region;
        std::chrono::sys_seconds time;
};

// The https URL with its signature, valid for `lifetime`. A request with this URL must also have the headers
// of `request`. Throws Error (internal) for a header with a line break or another control character in it.
std::string presigned_url(const AwsRequest& request, const AwsCredentials& credentials,
        const SigningScope& scope, std::chrono::seconds lifetime);

// The headers to send, "Name: value": those of the request, the date, the session token, Authorization. The
// HTTP client adds Host. Throws as above.
std::vector<std::string> signed_headers(
        const AwsRequest& request, const AwsCredentials& credentials, const SigningScope& scope);

// The part of a URL after the host: path and encoded query.
std::string request_target(const AwsRequest& request);

// In hex digits.
std::string sha256(std::string_view data);

// "20250115T083000Z"
std::string aws_timestamp(std::chrono::sys_seconds time);

} // namespace eks
