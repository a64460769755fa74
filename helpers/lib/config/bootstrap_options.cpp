// SPDX-License-Identifier: Apache-2.0
#include "config/bootstrap_options.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/text.hpp"
#include "config/bootstrap_call.hpp"

namespace eks {

namespace {

struct Option {
        std::string_view flag;
        std::string_view variable; // that bootstrap.sh takes it from too
        std::string_view obsolete; // why it has no meaning today
};

// All of the last AL2 release.
constexpr std::array options{
        Option{"--apiserver-endpoint", "APISERVER_ENDPOINT", ""},
        Option{"--aws-api-retry-attempts", "API_RETRY_ATTEMPTS",
                "every call retries until its unit's timeout"},
        Option{"--b64-cluster-ca", "B64_CLUSTER_CA", ""},
        Option{"--cluster-id", "CLUSTER_ID", ""},
        Option{"--container-runtime", "CONTAINER_RUNTIME", ""},
        Option{"--containerd-config-file", "CONTAINERD_CONFIG_FILE",
                "the file is not read; give its settings as containerd.config"},
        Option{"--dns-cluster-ip", "DNS_CLUSTER_IP", ""},
        Option{"--docker-config-json", "DOCKER_CONFIG_JSON", "there is no Docker on this node"},
        Option{"--enable-docker-bridge", "ENABLE_DOCKER_BRIDGE", "there is no Docker on this node"},
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
        Option{"", "PAUSE_CONTAINER_IMAGE", "the pause image is part of the machine image"},
        Option{"", "PRIVATE_DNS_NAME_ATTEMPT_INTERVAL",
                "the node's name is awaited until its unit's timeout"},
        Option{"", "PRIVATE_DNS_NAME_MAX_ATTEMPTS", "the node's name is awaited until its unit's timeout"},
};

constexpr auto all_variables = [] {
        std::array<std::string_view, options.size() + variables_only.size()> names;
        auto* name = names.begin();
        for (const auto& option : options)
                *name++ = option.variable;
        for (const auto& option : variables_only)
                *name++ = option.variable;
        return names;
}();

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
        const auto near = nearest(text.substr(0, text.find('=')), flags);
        return near ? fmt::format("unknown option; did you mean '{}'?", *near) : "unknown option";
}

// Everything we translate ends in files of plain ASCII: names, addresses, flags.
bool is_printable(std::string_view text)
{
        return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
}

std::string printable(const std::string& text)
{
        constexpr std::size_t shown = 80;
        return Json(text.substr(0, shown)).dump(-1, ' ', true, Json::error_handler_t::replace);
}

} // namespace

std::span<const std::string_view> bootstrap_variables()
{
        return all_variables;
}

BootstrapOptions::BootstrapOptions(const ShellCall& call, Problems& problems, std::vector<Note>& notes)
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

bool BootstrapOptions::read_arguments()
{
        const auto& arguments = call_->arguments;
        for (std::size_t i = 0; i < arguments.size(); ++i) {
                const auto& argument = arguments[i];
                if (argument.known() && (argument.text == "-h" || argument.text == "--help"))
                        return false;
                const auto equals = argument.text.find('=');
                const auto* option = find_option(argument.text.substr(0, equals));
                if (option != nullptr && equals != std::string::npos) {
                        auto value = argument;
                        value.text.erase(0, equals + 1);
                        give(option->flag, std::move(value));
                } else if (option != nullptr && argument.known()) {
                        if (i + 1 == arguments.size()) {
                                problem(argument, option->flag, "has no value", "Give a value after it");
                                continue;
                        }
                        auto value = arguments[++i];
                        value.where = argument.where; // it stands where its flag does
                        give(option->flag, std::move(value));
                } else if (!name_) {
                        name_ = argument;
                } else {
                        extra(argument);
                }
        }
        return true;
}

// The last one counts.
void BootstrapOptions::give(std::string_view flag, ShellValue value)
{
        given_.insert_or_assign(flag, GivenOption{std::string(flag), std::move(value)});
}

// bootstrap.sh reads over what follows the name.
void BootstrapOptions::extra(const ShellValue& argument)
{
        if (!argument.known()) {
                usable(argument, "an argument");
                return;
        }
        constexpr std::size_t noted = 20; // who has more than that has another problem
        if (notes_->size() >= noted)
                return;
        const auto wrong =
                argument.text.starts_with('-') ? unknown_option(argument.text) : "a second cluster name";
        // What a quote in the wrong place has made an argument may be anything, a password as well.
        note(argument.where, argument.text.starts_with('-') ? printable(argument.text) : "an argument",
                wrong);
}

void BootstrapOptions::read_environment()
{
        for (const auto& option : options) {
                const auto lost = call_->lost_to_sudo.find(option.variable);
                const auto variable = call_->environment.find(option.variable);
                if (given(option.flag))
                        continue;
                if (variable != call_->environment.end())
                        given_.emplace(
                                option.flag, GivenOption{std::string(option.variable), variable->second});
                else if (lost != call_->lost_to_sudo.end())
                        note(lost->second.where, option.variable,
                                "the call does not see it, because of sudo or env");
        }
}

const ShellValue* BootstrapOptions::cluster_name()
{
        constexpr auto remedy = "Give the cluster's name as the first argument that is no option";
        if (!name_) {
                problems_->add(call_->where, bootstrap_path, "", "no cluster name", remedy);
                return nullptr;
        }
        if (name_->known() && name_->text.starts_with('-')) {
                problem(*name_, name_->text, unknown_option(name_->text), "Use an option of bootstrap.sh");
                return nullptr;
        }
        if (!usable(*name_, "the cluster's name"))
                return nullptr;
        if (name_->text.empty())
                problems_->add(name_->where, bootstrap_path, "", "the cluster name is empty", remedy);
        return &*name_;
}

const GivenOption* BootstrapOptions::find(std::string_view flag)
{
        const auto found = given_.find(flag);
        if (found == given_.end())
                return nullptr;
        const auto& option = found->second;
        if (option.value.known() && option.value.text.empty())
                return nullptr;
        return usable(option.value, option.name) ? &option : nullptr;
}

const GivenOption* BootstrapOptions::find_in_lines(std::string_view flag)
{
        if (const auto found = given_.find(flag); found != given_.end())
                std::ranges::replace_if(
                        found->second.value.text, [](char c) { return c == '\n' || c == '\r' || c == '\t'; },
                        ' ');
        return find(flag);
}

void BootstrapOptions::note_obsolete()
{
        for (const auto& option : options)
                if (const auto given = given_.find(option.flag);
                        given != given_.end() && !option.obsolete.empty())
                        note(given->second.value.where, given->second.name, option.obsolete);
        for (const auto& option : variables_only)
                if (const auto variable = call_->environment.find(option.variable);
                        variable != call_->environment.end())
                        note(variable->second.where, option.variable, option.obsolete);
}

bool BootstrapOptions::usable(const ShellValue& value, std::string_view name)
{
        if (!value.known()) {
                const bool runs_on = value.wrong.find("without an end") != value.wrong.npos;
                problems_->add(value.where, name, runs_on ? "" : value.shown,
                        fmt::format("cannot be evaluated: {}", value.wrong),
                        "Write the value itself, or give the configuration as a NodeConfig");
                return false;
        }
        if (!is_printable(value.text)) {
                problems_->add(value.where, name, "", "holds a line break or a character beyond ASCII",
                        "Write it on one line in plain ASCII");
                return false;
        }
        return true;
}

void BootstrapOptions::problem(
        const ShellValue& value, std::string_view name, std::string_view wrong, std::string remedy)
{
        problems_->add(value.where, name, value.text == name ? "" : value.text, wrong, std::move(remedy));
}

void BootstrapOptions::note(const Where& where, std::string_view what, std::string_view wrong)
{
        notes_->push_back({Level::warning, fmt::format("{}: {}: {}, ignoring", where.text(), what, wrong)});
}

} // namespace eks
