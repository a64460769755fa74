// SPDX-License-Identifier: Apache-2.0
// What the commands of compat/commands.hpp decide, as functions of their arguments.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/root.hpp"
#include "net/http.hpp"
#include "node/ecr.hpp"

namespace eks {

// A variable of the environment; "" if it is not set.
using Variables = std::function<std::string(const char* name)>;

// vercmp: whether `left` OPERATOR `right`, by the order of `sort -V`; a leading "v" does not count. Nothing
// for any other operator than lt, lteq, eq, gteq and gt.
std::optional<bool> compare_versions(
        std::string_view left, std::string_view operation, std::string_view right);

// The order of `sort -V`: below 0, 0 or above 0.
int version_order(std::string_view left, std::string_view right);

// get-ecr-uri.sh REGION DOMAIN [ACCOUNT]: the registry that EKS keeps images in for that region; with an
// account, that of the account in exactly that region. Throws Error (vendor_file).
std::string ecr_uri(const Root& root, const std::string& region, const std::string& domain,
        const std::string& account, bool fips_kernel, const Resolver& resolver);

// max-pods-calculator.sh: its options and their environment variables, as options of `eksnode max-pods`.
// Unknown options go to `ignored`. Throws Error (usage).
std::vector<std::string> max_pods_arguments(const std::vector<std::string>& given,
        const Variables& variables, std::vector<std::string>& ignored);

// imds: its settings, from environment variables.
struct ImdsQuestions {
        std::string endpoint;
        std::string token;                     // "" to ask for one
        std::string token_lifetime = "900";    // seconds
        unsigned retries = 10;                 // after the first attempt
        std::chrono::milliseconds delay{1000}; // before each
        bool debug = false;
};
// Throws Error (usage) for a value that is not a number.
ImdsQuestions imds_questions(const Variables& variables, const std::string& default_endpoint);

} // namespace eks
