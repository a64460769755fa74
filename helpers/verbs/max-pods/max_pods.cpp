// SPDX-License-Identifier: Apache-2.0
#include "verbs/max-pods/max_pods.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"
#include "net/imds.hpp"
#include "node/max_pods.hpp"

namespace eks {

namespace {

[[noreturn]] void misused(const std::string& what, const std::string& remedy = "See --help")
{
        throw Error(failure::usage, what, remedy);
}

CniMode cni_mode(const Arguments& arguments)
{
        CniMode mode{.prefix_delegation = arguments.has("cni-prefix-delegation-enabled"),
                .custom_networking = arguments.has("cni-custom-networking-enabled")};

        if (const auto text = arguments.last("cni-version")) {
                const auto version = find_version(*text);
                if (!version)
                        misused(fmt::format("--cni-version {}: not a version", *text),
                                "Give one such as 1.19.2");
                if (*version < Version{1, 9, 0}) // before that the CNI had no prefixes
                        mode.prefix_delegation = false;
        }

        if (const auto text = arguments.last("cni-max-eni")) {
                const auto enis = parse_int<unsigned>(*text);
                if (!enis || *enis < 1)
                        misused(fmt::format("--cni-max-eni {}: not a whole number from 1", *text));
                mode.max_enis = *enis;
        }

        return mode;
}

std::string instance_type_name(
        const Arguments& arguments, const Root& root, const std::function<std::string()>& ask_imds)
{
        if (arguments.has("instance-type-from-imds"))
                return exists(root(imds_path))
                               ? require(instance_facts(load_imds(root)).instance_type, "instanceType")
                               : ask_imds();

        const auto name = arguments.last("instance-type");
        if (!name)
                misused("one of --instance-type, --instance-type-from-imds and --table is needed");

        return *name;
}

std::string calculate(const Arguments& arguments, const Root& root, const std::string& name)
{
        const auto type = find_instance_type(root, name);
        if (!type)
                misused(fmt::format("instance type '{}' is not in '{}'", name, instance_types_path),
                        "Check the name: `eksnode max-pods --table` lists every type");
        const auto mode = cni_mode(arguments);
        const auto expression = arguments.last("expression");
        auto pods = cni_max_pods(*type, mode);

        // Without an expression as AWS's calculator does it, with one as on a node.
        if (!arguments.has("show-max-allowed") && (!expression || assigns_prefixes(*type, mode)))
                pods = std::min(pods, recommended_max_pods(type->vcpus));

        if (expression)
                pods = in_context("--expression", failure::config_invalid,
                        [&] { return evaluate_max_pods(*expression, *type, pods); });

        return fmt::format("{}\n", pods);
}

std::string table(const Root& root, const std::vector<std::string>& families)
{
        constexpr std::string_view row = "{:<20}{:>6}{:>10}{:>7}{:>10}{:>10}{:>10}{:>14}{:>7}\n";
        auto text = fmt::format(row, "TYPE", "ENIS", "IPV4/ENI", "VCPUS", "STANDARD", "CUSTOM", "PREFIXES",
                "PREFIXES+CUST", "LIMIT");
        std::vector<std::string> known;
        std::vector<std::string> found;

        for (const auto& [name, type] : instance_types(root)) {
                const auto family = name.substr(0, name.find('.'));
                known.push_back(family);

                if (!families.empty() && std::ranges::find(families, family) == families.end())
                        continue;

                found.push_back(family);
                const auto prefixes = [&type = type](
                                              bool custom) { // clang 14 captures no structured binding
                        const CniMode mode{.prefix_delegation = true, .custom_networking = custom};
                        return type.nitro ? fmt::format("{}", cni_max_pods(type, mode)) : std::string("-");
                };

                text += fmt::format(row, name, type.max_enis, type.ipv4_per_eni,
                        type.vcpus > 0 ? fmt::format("{}", type.vcpus) : std::string("-"),
                        standard_max_pods(type), cni_max_pods(type, {.custom_networking = true}),
                        prefixes(false), prefixes(true), recommended_max_pods(type.vcpus));
        }

        for (const auto& family : families)
                if (std::ranges::find(found, family) == found.end())
                        misused(fmt::format("no instance type of family '{}' is in '{}'{}", family,
                                        instance_types_path, did_you_mean(family, known)),
                                "Give families such as m5 or c8g");

        return text;
}

} // namespace

Arguments parse_max_pods_arguments(int argc, char** argv)
{
        return Arguments::parse(argc, argv,
                {"instance-type=", "instance-type-from-imds",
                        "cni-version=", "cni-custom-networking-enabled", "cni-prefix-delegation-enabled",
                        "cni-max-eni=", "show-max-allowed", "expression=", "table", "root="});
}

std::string max_pods_output(const Arguments& arguments, const std::function<std::string()>& ask_imds)
{
        const auto root = arguments.root();
        if (arguments.has("table"))
                return table(root, arguments.positional());
        if (!arguments.positional().empty())
                misused(fmt::format("unknown argument '{}'", arguments.positional().front()));
        return calculate(arguments, root, instance_type_name(arguments, root, ask_imds));
}

std::string instance_type_from_imds()
{
        ImdsClient imds({.endpoint = imds_endpoint(), .timeout = std::chrono::seconds(5)});
        const auto answer = imds.fetch({"meta-data/instance-type"}).front();
        if (!answer)
                throw Error(failure::imds_answer, "the instance metadata service knows no instance type",
                        "Give --instance-type");
        return std::string(trim(*answer));
}

} // namespace eks
