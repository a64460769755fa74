// SPDX-License-Identifier: Apache-2.0
#include "net/sigv4.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/error.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

constexpr auto algorithm = "AWS4-HMAC-SHA256";
constexpr std::size_t digest_size = 32;

std::string hex(std::string_view bytes)
{
        std::string text;
        for (const unsigned char byte : bytes)
                text += fmt::format("{:02x}", byte);
        return text;
}

// RFC 3986, upper-case hex digits: everything but its unreserved characters.
std::string encoded(std::string_view text, std::string_view also_kept = {})
{
        std::string result;
        for (const char c : text) {
                const auto byte = static_cast<unsigned char>(c);
                const bool unreserved = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                                        (c >= '0' && c <= '9') ||
                                        std::string_view("-_.~").find(c) != std::string_view::npos;
                if (unreserved || also_kept.find(c) != also_kept.npos)
                        result += c;
                else
                        result += fmt::format("%{:02X}", byte);
        }

        return result;
}

std::string hmac(std::string_view key, std::string_view data)
{
        std::string digest(digest_size, '\0');
        if (::HMAC(::EVP_sha256(), key.data(), static_cast<int>(key.size()),
                    reinterpret_cast<const unsigned char*>(data.data()), data.size(),
                    reinterpret_cast<unsigned char*>(digest.data()), nullptr) == nullptr)
                throw Error(failure::internal, "OpenSSL gives no HMAC with SHA-256");
        return digest;
}

// "20250115/us-west-2/sts/aws4_request"
std::string scope_text(const SigningScope& scope)
{
        return fmt::format(
                "{:.8}/{}/{}/aws4_request", aws_timestamp(scope.time), scope.region, scope.service);
}

AwsRequest::Pairs encoded(const AwsRequest::Pairs& query)
{
        AwsRequest::Pairs result;
        for (const auto& [name, value] : query)
                result.emplace_back(encoded(name), encoded(value));
        return result;
}

std::string joined(const AwsRequest::Pairs& query)
{
        std::vector<std::string> parts;
        for (const auto& [name, value] : query)
                parts.push_back(name + "=" + value);
        return join(parts, "&");
}

// Each run of blanks counts as one.
std::string canonical_value(std::string_view value)
{
        std::string result;
        for (const auto word : split(value, ' '))
                for (const auto part : split(word, '\t'))
                        if (!part.empty())
                                result += (result.empty() ? "" : " ") + std::string(part);
        return result;
}

// Names in lower case, sorted; the values of one name joined by commas.
using Headers = std::map<std::string, std::string>;

Headers canonical_headers(const AwsRequest& request)
{
        Headers headers{{"host", request.host}};
        for (const auto& [name, value] : request.headers) {
                auto visible = value;
                std::ranges::replace(visible, '\t', ' ');

                if (has_control_characters(name) || has_control_characters(visible))
                        throw Error(failure::internal, "a request header holds a control character");

                const auto [at, added] = headers.emplace(lower(name), canonical_value(value));
                if (!added)
                        at->second += "," + canonical_value(value);
        }

        return headers;
}

std::string names_of(const Headers& headers)
{
        std::vector<std::string> names;
        for (const auto& header : headers)
                names.push_back(header.first);
        return join(names, ";");
}

std::string signature(const AwsRequest& request, const Headers& headers, const AwsCredentials& credentials,
        const SigningScope& scope)
{
        // Sorted in encoded form, by name and then by value, without the "=".
        auto query = encoded(request.query);
        std::ranges::sort(query);

        std::string header_lines;
        for (const auto& [name, value] : headers)
                header_lines += fmt::format("{}:{}\n", name, value);

        // For every service except S3, the path is encoded once more than in the request.
        const auto canonical_request =
                fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request.method, encoded(request.path, "/"),
                        joined(query), header_lines, names_of(headers), sha256(request.body));
        const auto to_sign = fmt::format("{}\n{}\n{}\n{}", algorithm, aws_timestamp(scope.time),
                scope_text(scope), sha256(canonical_request));

        auto key = hmac("AWS4" + credentials.secret_access_key, aws_timestamp(scope.time).substr(0, 8));
        for (const auto& part : {scope.region, scope.service, std::string("aws4_request")})
                key = hmac(key, part);

        return hex(hmac(key, to_sign));
}

} // namespace

std::string sha256(std::string_view data)
{
        std::string digest(digest_size, '\0');
        if (::EVP_Digest(data.data(), data.size(), reinterpret_cast<unsigned char*>(digest.data()), nullptr,
                    ::EVP_sha256(), nullptr) != 1)
                throw Error(failure::internal, "OpenSSL gives no SHA-256");
        return hex(digest);
}

std::string aws_timestamp(std::chrono::sys_seconds time)
{
        const auto day = std::chrono::floor<std::chrono::days>(time);
        const std::chrono::year_month_day date(day);
        const std::chrono::hh_mm_ss clock(time - day);
        return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

std::string request_target(const AwsRequest& request)
{
        return request.query.empty() ? request.path : request.path + "?" + joined(encoded(request.query));
}

std::string presigned_url(const AwsRequest& request, const AwsCredentials& credentials,
        const SigningScope& scope, std::chrono::seconds lifetime)
{
        const auto headers = canonical_headers(request);
        auto asked = request;
        auto& query = asked.query;
        query.emplace_back("X-Amz-Algorithm", algorithm);
        query.emplace_back("X-Amz-Credential", credentials.access_key_id + "/" + scope_text(scope));
        query.emplace_back("X-Amz-Date", aws_timestamp(scope.time));
        query.emplace_back("X-Amz-Expires", std::to_string(lifetime.count()));
        query.emplace_back("X-Amz-SignedHeaders", names_of(headers));

        if (!credentials.session_token.empty())
                query.emplace_back("X-Amz-Security-Token", credentials.session_token);
        const auto proof = signature(asked, headers, credentials, scope);

        return fmt::format("https://{}{}&X-Amz-Signature={}", asked.host, request_target(asked), proof);
}

std::vector<std::string> signed_headers(
        const AwsRequest& request, const AwsCredentials& credentials, const SigningScope& scope)
{
        auto asked = request;
        asked.headers.emplace_back("X-Amz-Date", aws_timestamp(scope.time));

        if (!credentials.session_token.empty())
                asked.headers.emplace_back("X-Amz-Security-Token", credentials.session_token);
        const auto headers = canonical_headers(asked);
        std::vector<std::string> lines;
        for (const auto& [name, value] : asked.headers)
                lines.push_back(fmt::format("{}: {}", name, value));
        lines.push_back(fmt::format("Authorization: {} Credential={}/{}, SignedHeaders={}, Signature={}",
                algorithm, credentials.access_key_id, scope_text(scope), names_of(headers),
                signature(asked, headers, credentials, scope)));

        return lines;
}

} // namespace eks
