// SPDX-License-Identifier: Apache-2.0
#include "compat/bootstrap/options.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>

#include "base/text.hpp"

namespace eks {

namespace {

struct Option {
        std::string_view flag;
        std::string_view variable; // bootstrap.sh reads it from this too
        std::string_view obsolete; // why it has no meaning today
};

// All of the last AL2 release.
constexpr std::array options{
        Option{"--apiserver-endpoint", "APISERVER_ENDPOINT", ""},
        Option{"--aws-api-retry-attempts", "API_RETRY_ATTEMPTS", "eks-cluster retries for 2 minutes"},
        Option{"--b64-cluster-ca", "B64_CLUSTER_CA", ""},
        Option{"--cluster-id", "CLUSTER_ID", ""},
        Option{"--container-runtime", "CONTAINER_RUNTIME", ""},
        Option{"--containerd-config-file", "CONTAINERD_CONFIG_FILE", ""},
        Option{"--dns-cluster-ip", "DNS_CLUSTER_IP", ""},
        Option{"--docker-config-json", "DOCKER_CONFIG_JSON", "kubelet does not use Docker"},
        Option{"--enable-docker-bridge", "ENABLE_DOCKER_BRIDGE", "kubelet does not use Docker"},
        Option{"--enable-local-outpost", "ENABLE_LOCAL_OUTPOST", ""},
        Option{"--ip-family", "IP_FAMILY", ""},
        Option{"--kubelet-extra-args", "KUBELET_EXTRA_ARGS", ""},
        Option{"--local-disks", "LOCAL_DISKS", ""},
        Option{"--mount-bpf-fs", "MOUNT_BPF_FS", "systemd mounts /sys/fs/bpf on every node"},
        Option{"--pause-container-account", "PAUSE_CONTAINER_ACCOUNT",
                "the pause image is part of the machine image"},
        Option{"--pause-container-version", "PAUSE_CONTAINER_VERSION",
                "the pause image is part of the machine image"},
        Option{"--service-ipv4-cidr", "SERVICE_IPV4_CIDR", ""},
        Option{"--service-ipv6-cidr", "SERVICE_IPV6_CIDR", ""},
        Option{"--use-max-pods", "USE_MAX_PODS", ""},
};

// Variables without a flag.
constexpr std::array variables_only{
        Option{"", "IMDS_ENDPOINT", "set EKS_IMDS_ENDPOINT for eks-imds.service instead"},
        Option{"", "IMDS_RETRIES", "eks-imds retries until EKS_IMDS_TIMEOUT"},
        Option{"", "IMDS_RETRY_DELAY_SECONDS", "eks-imds retries until EKS_IMDS_TIMEOUT"},
        Option{"", "IMDS_TOKEN_TTL_SECONDS", "each step requests its own token"},
        Option{"", "MOUNT_BPF_FS_DEBUG", "systemd mounts /sys/fs/bpf on every node"},
        Option{"", "PAUSE_CONTAINER_IMAGE", "the pause image is part of the machine image"},
        Option{"", "PRIVATE_DNS_NAME_ATTEMPT_INTERVAL", "the node's name comes from the instance metadata"},
        Option{"", "PRIVATE_DNS_NAME_MAX_ATTEMPTS", "the node's name comes from the instance metadata"},
};

struct QueryVariable {
        std::string_view name;
        bool is_read; // by eks-cluster too
};

// What the AWS CLI looked at when bootstrap.sh asked EKS for the cluster.
constexpr std::array query_variables{QueryVariable{"AWS_ACCESS_KEY_ID", true},
        QueryVariable{"AWS_CA_BUNDLE", false}, QueryVariable{"AWS_CONFIG_FILE", false},
        QueryVariable{"AWS_DEFAULT_PROFILE", false}, QueryVariable{"AWS_ENDPOINT_URL", true},
        QueryVariable{"AWS_ENDPOINT_URL_EKS", true}, QueryVariable{"AWS_PROFILE", false},
        QueryVariable{"AWS_SHARED_CREDENTIALS_FILE", false},
        QueryVariable{"AWS_USE_DUALSTACK_ENDPOINT", true}, QueryVariable{"AWS_USE_FIPS_ENDPOINT", true},
        QueryVariable{"HTTPS_PROXY", true}, QueryVariable{"NO_PROXY", true},
        QueryVariable{"https_proxy", true}, QueryVariable{"no_proxy", true}};

constexpr auto all_variables = [] {
        std::array<std::string_view, options.size() + variables_only.size() + query_variables.size()> names;
        auto* name = names.begin();
        for (const auto& variable : query_variables)
                *name++ = variable.name;
        for (const auto& option : options)
                *name++ = option.variable;
        for (const auto& option : variables_only)
                *name++ = option.variable;
        return names;
}();

} // namespace

bool is_query_variable(std::string_view name)
{
        return std::ranges::find(query_variables, name, &QueryVariable::name) != query_variables.end();
}

namespace {

const Option* find_option(std::string_view flag)
{
        const auto* const option = std::ranges::find(options, flag, &Option::flag);
        return option != options.end() ? option : nullptr;
}

std::string unknown_option(const std::string& text)
{
        std::vector<std::string> flags;
        flags.reserve(options.size());
        for (const auto& option : options)
                flags.emplace_back(option.flag);
        return "unknown option" + did_you_mean(text.substr(0, text.find('=')), flags);
}

// All values are written to files of plain ASCII: names, addresses, flags.
bool is_printable(std::string_view text)
{
        return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
}

// The name of an option, without a value after "=".
std::string option_name(const std::string& text)
{
        constexpr std::size_t shown = 80;
        return Json(text.substr(0, std::min(text.find('='), shown)))
                .dump(-1, ' ', true, Json::error_handler_t::replace);
}

} // namespace

std::span<const std::string_view> bootstrap_variables()
{
        return all_variables;
}

BootstrapCall bootstrap_call(int argc, char** argv)
{
        BootstrapCall call{.arguments = {argv + std::min(argc, 1), argv + argc}, .environment = {}};
        for (const auto name : bootstrap_variables())
                if (const char* value = std::getenv(std::string(name).c_str()))
                        call.environment.emplace(name, value);
        return call;
}

BootstrapOptions::BootstrapOptions(const BootstrapCall& call, Problems& problems, std::vector<Note>& notes)
        : call_(&call), problems_(&problems), notes_(&notes)
{
}

bool BootstrapOptions::read()
{
        if (!read_arguments())
                return false;
        read_environment();
        return true;
}

// Every option of bootstrap.sh takes a value, so what follows an unknown one is its value, unless the
// cluster would be without a name.
bool BootstrapOptions::read_arguments()
{
        const auto& arguments = call_->arguments;
        std::optional<std::string> behind_unknown;
        std::size_t extra = 0;

        for (std::size_t i = 0; i < arguments.size(); ++i) {
                const auto& argument = arguments[i];
                if (argument == "-h" || argument == "--help")
                        return false;

                const auto equals = argument.find('=');
                const bool has_value = equals != std::string::npos;

                if (const auto* option = find_option(argument.substr(0, equals)); option != nullptr) {
                        const std::string flag(option->flag);
                        if (has_value)
                                given_.insert_or_assign(
                                        option->flag, GivenOption{flag, argument.substr(equals + 1)});
                        else if (i + 1 < arguments.size())
                                given_.insert_or_assign(option->flag, GivenOption{flag, arguments[++i]});
                        else
                                problem({flag, {}}, "has no value", "Give a value after it");
                } else if (argument.starts_with('-')) {
                        const bool takes_next =
                                !has_value && i + 1 < arguments.size() && !arguments[i + 1].starts_with('-');
                        warn(option_name(argument),
                                unknown_option(argument) +
                                        (takes_next ? ", ignoring it and its value" : ", ignoring"));

                        if (takes_next && !behind_unknown)
                                behind_unknown = arguments[i + 1];
                        i += takes_next ? 1 : 0;
                } else if (!name_) {
                        name_ = argument;
                } else {
                        ++extra;
                }
        }

        if (!name_)
                name_ = std::move(behind_unknown);

        // A misplaced quote can turn any text into an argument, even a password.
        if (extra > 0)
                note("arguments", fmt::format("{} extra after the cluster name", extra));

        return true;
}

void BootstrapOptions::read_environment()
{
        for (const auto& option : options)
                if (const auto variable = call_->environment.find(option.variable);
                        variable != call_->environment.end())
                        given_.emplace(
                                option.flag, GivenOption{std::string(option.variable), variable->second});

        const auto flags = given_.find("--kubelet-extra-args");
        if (flags != given_.end() && flags->second.value != call_->more_flags)
                flags->second.value += " " + call_->more_flags;
}

const std::string* BootstrapOptions::cluster_name()
{
        if (!name_ || name_->empty()) {
                problems_->add({bootstrap_name}, "the cluster's name", "", "missing",
                        "Give the cluster's name as an argument after the options");
                return nullptr;
        }
        return usable("the cluster's name", *name_) ? &*name_ : nullptr;
}

const GivenOption* BootstrapOptions::find(std::string_view flag)
{
        const auto found = given_.find(flag);
        if (found == given_.end() || found->second.value.empty())
                return nullptr;
        return usable(found->second.name, found->second.value) ? &found->second : nullptr;
}

const GivenOption* BootstrapOptions::find_in_lines(std::string_view flag)
{
        if (const auto found = given_.find(flag); found != given_.end())
                std::ranges::replace_if(
                        found->second.value, [](char c) { return c == '\n' || c == '\r' || c == '\t'; },
                        ' ');
        return find(flag);
}

bool BootstrapOptions::is_set(std::string_view variable) const
{
        const auto found = call_->environment.find(variable);
        return found != call_->environment.end() && !found->second.empty();
}

void BootstrapOptions::note_obsolete()
{
        for (const auto& option : options)
                if (const auto given = given_.find(option.flag);
                        given != given_.end() && !option.obsolete.empty())
                        note(given->second.name, option.obsolete);
        for (const auto& option : variables_only)
                if (is_set(option.variable))
                        note(option.variable, option.obsolete);
}

void BootstrapOptions::warn_of_query()
{
        for (const auto& [name, is_read] : query_variables)
                if (is_set(name) && is_read)
                        warn(name,
                                "eks-cluster.service asks EKS for the cluster and does not see it; set it in "
                                "instance.environment.default or by `systemctl edit eks-cluster`");
                else if (is_set(name))
                        note(name, "eks-cluster.service, which asks EKS for the cluster, does not read it");
}

bool BootstrapOptions::usable(std::string_view name, const std::string& value)
{
        if (is_printable(value))
                return true;
        problems_->add({bootstrap_name}, name, "", "holds a line break or a character beyond ASCII",
                "Write it on one line in plain ASCII");
        return false;
}

void BootstrapOptions::problem(const GivenOption& given, std::string_view wrong, std::string remedy)
{
        problems_->add({bootstrap_name}, given.name, given.value, wrong, std::move(remedy));
}

void BootstrapOptions::note(std::string_view what, std::string_view wrong)
{
        warn(what, fmt::format("{}, ignoring", wrong));
}

void BootstrapOptions::warn(std::string_view what, std::string_view wrong)
{
        notes_->push_back({Level::warning, fmt::format("{}: {}", what, wrong)});
}

} // namespace eks
