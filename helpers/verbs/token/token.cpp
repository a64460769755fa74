// SPDX-License-Identifier: Apache-2.0
#include "verbs/token/token.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <openssl/evp.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

constexpr std::chrono::seconds url_lifetime{60}; // as the AWS CLI signs it
constexpr std::size_t cluster_limit = 100;       // characters of a cluster's name (EKS CreateCluster)
constexpr std::string_view api_group = "client.authentication.k8s.io/";

std::string base64url(const std::string& bytes)
{
        std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0'); // OpenSSL ends it with NUL
        const auto length = ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
        text.resize(static_cast<std::size_t>(length));
        text.resize(text.find_last_not_of('=') + 1);
        std::ranges::replace(text, '+', '-');
        std::ranges::replace(text, '/', '_');

        return text;
}

std::string rfc3339(std::chrono::sys_seconds time)
{
        const auto compact = aws_timestamp(time);
        const auto part = [&](std::size_t at, std::size_t size) { return compact.substr(at, size); };
        return fmt::format("{}-{}-{}T{}:{}:{}Z", part(0, 4), part(4, 2), part(6, 2), part(9, 2), part(11, 2),
                part(13, 2));
}

} // namespace

std::string eks_token(
        const TokenRequest& request, const AwsCredentials& credentials, std::chrono::sys_seconds now)
{
        const auto& cluster = request.cluster;
        if (cluster.empty() || cluster.size() > cluster_limit ||
                std::ranges::any_of(cluster, [](char c) { return c <= ' ' || c > '~'; }))
                throw Error(failure::usage, fmt::format("'{}' is not a valid cluster name", cluster),
                        "Give --cluster-name the name that EKS shows, without blanks");
        if (!is_dns_label(request.region))
                throw Error(failure::usage, fmt::format("'{}' is not a valid region name", request.region),
                        "Give --region a name such as us-west-2");

        const AwsRequest caller{.host = aws_host("sts", request.region, request.endpoint),
                .query = {{"Action", "GetCallerIdentity"}, {"Version", "2011-06-15"}},
                .headers = {{"x-k8s-aws-id", cluster}}};

        return "k8s-aws-v1." +
               base64url(presigned_url(caller, credentials, {"sts", request.region, now}, url_lifetime));
}

std::string exec_api_version(std::string_view exec_info)
{
        if (exec_info.empty())
                return fmt::format("{}v1beta1", api_group);

        const auto info = try_parse_json(exec_info);
        const auto asked = info.is_object() ? info.value("apiVersion", Json()) : Json();
        constexpr std::array versions{"v1", "v1beta1", "v1alpha1"};
        for (const auto* version : versions)
                if (asked == fmt::format("{}{}", api_group, version))
                        return asked;

        throw Error(failure::usage,
                asked.is_string()
                        ? fmt::format("KUBERNETES_EXEC_INFO asks for '{}'", asked.get<std::string>())
                        : std::string("KUBERNETES_EXEC_INFO is not an ExecCredential"),
                fmt::format("Use {}v1 or v1beta1 as the apiVersion of exec in the kubeconfig", api_group));
}

std::string render_exec_credential(
        std::string_view api_version, std::string_view token, std::chrono::sys_seconds now)
{
        const Json credential{{"kind", "ExecCredential"}, {"apiVersion", api_version},
                {"spec", Json::object()},
                {"status", {{"token", token}, {"expirationTimestamp", rfc3339(now + token_lifetime)}}}};
        return credential.dump() + "\n";
}

} // namespace eks
