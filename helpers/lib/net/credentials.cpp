// SPDX-License-Identifier: Apache-2.0
#include "net/credentials.hpp"

#include <algorithm>
#include <thread>

#include <fmt/format.h>

#include "base/environment.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "net/messages.hpp"

namespace eks {

namespace {

using namespace std::chrono_literals;

constexpr auto listing = "meta-data/iam/security-credentials/";
constexpr auto pause_between = 200ms;
constexpr auto give_a_role =
        "Attach an instance profile with the node's IAM role to the instance, which needs no reboot";

bool is_one_word(std::string_view text)
{
        return !text.empty() && !has_control_characters(text) &&
               text.find_first_of(" /?#<") == std::string_view::npos;
}

// The document of a role. It is secret, so no message contains its text.
AwsCredentials parse_document(const std::string& role, const std::string& text)
{
        const auto document = try_parse_json(text);
        const auto field = [&](const char* name) {
                const auto found = document.is_object() ? document.find(name) : document.end();
                return found != document.end() && found->is_string() ? found->get<std::string>()
                                                                     : std::string();
        };

        const auto code = field("Code");
        if (is_one_word(code) && code != "Success")
                throw Error(failure::role_missing,
                        fmt::format("EC2 cannot assume the instance's role '{}': {}", role, code),
                        "The role must trust ec2.amazonaws.com, and must still exist under that name");

        AwsCredentials credentials{field("AccessKeyId"), field("SecretAccessKey"), field("Token"), role};
        for (const auto* part :
                {&credentials.access_key_id, &credentials.secret_access_key, &credentials.session_token})
                if (part->empty() || has_control_characters(*part))
                        throw Error(failure::imds_answer,
                                fmt::format(
                                        "the instance metadata service returned invalid credentials for the role '{}'",
                                        role),
                                "Check what answers at the metadata address");

        return credentials;
}

} // namespace

std::optional<AwsCredentials> credentials_from_environment()
{
        AwsCredentials credentials{environment("AWS_ACCESS_KEY_ID"), environment("AWS_SECRET_ACCESS_KEY"),
                environment("AWS_SESSION_TOKEN")};

        const bool id = !credentials.access_key_id.empty();
        const bool secret = !credentials.secret_access_key.empty();
        if (!id && !secret)
                return std::nullopt;
        if (!id || !secret)
                throw Error(failure::credentials_missing,
                        fmt::format("the environment has {} without {}",
                                id ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                                id ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID"),
                        "Set both, or neither to use the instance's role");

        return credentials;
}

AwsCredentials credentials_from_role(
        ImdsClient& imds, const std::function<void(const std::string&)>& on_retry)
{
        for (;;) {
                const auto roles = imds.fetch({listing}).front();
                const auto names = lines(roles ? *roles : std::string_view());
                const std::string role(names.empty() ? "" : trim(names.front()));
                if (!role.empty() && !is_one_word(role))
                        throw Error(failure::imds_answer,
                                "the instance metadata service returned an invalid role name",
                                "Check what answers at the metadata address");
                if (!role.empty())
                        if (const auto document = imds.fetch({listing + role}).front())
                                return parse_document(role, *document);

                const auto lack = role.empty()
                                          ? std::string("the instance has no IAM role")
                                          : fmt::format("the instance's role '{}' has no credentials", role);
                if (imds.time_left() <= pause_between)
                        throw Error(failure::role_missing, lack, give_a_role);
                on_retry(lack);
                std::this_thread::sleep_for(pause_between);
        }
}

AwsCredentials aws_credentials(const ImdsClient::Options& options)
{
        if (const auto credentials = credentials_from_environment())
                return *credentials;
        ImdsClient imds(options);
        return credentials_from_role(imds, options.on_retry);
}

} // namespace eks
