// SPDX-License-Identifier: Apache-2.0
// AWS Signature Version 4: a request that proves who sent it, with a secret that never leaves. Pure
// functions; the time is a value. Source: IAM User Guide, "Create a signed AWS API request"; held against
// botocore by tests/sigv4_test.py.
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
        std::string role = {};     // of the instance, if they are its
};

struct AwsRequest {
        using Pairs = std::vector<std::pair<std::string, std::string>>;

        std::string method = "GET";
        std::string host;       // as the Host header has it: with a port only if that is not 443
        std::string path = "/"; // as it is sent: encoded, without "." and ".." in it
        Pairs query;            // names and values, not encoded
        Pairs headers;          // other than Host; all of them are signed
        std::string body;
};

// Where and when a signature counts.
struct SigningScope {
        std::string service; // as the service signs itself: "sts", "ecr"
        std::string region;
        std::chrono::sys_seconds time;
};

// The https URL that carries its own signature, good for `lifetime`. Whoever uses it must send the request's
// headers too. Throws Error (internal) for a header with a line break or another control character in it.
std::string presigned_url(const AwsRequest& request, const AwsCredentials& credentials,
        const SigningScope& scope, std::chrono::seconds lifetime);

// The headers to send, "Name: value": those of the request, the date, the session token, Authorization. Host
// is left to the HTTP client. Throws as above.
std::vector<std::string> signed_headers(
        const AwsRequest& request, const AwsCredentials& credentials, const SigningScope& scope);

// The part of a URL behind the host: path and encoded query.
std::string request_target(const AwsRequest& request);

// In hex digits.
std::string sha256(std::string_view data);

// "20250115T083000Z"
std::string aws_timestamp(std::chrono::sys_seconds time);

} // namespace eks
