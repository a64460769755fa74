// SPDX-License-Identifier: Apache-2.0
#include "config/bootstrap_call.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "base/text.hpp"
#include "config/base64.hpp"
#include "config/bootstrap_options.hpp"
#include "config/kubelet_flags.hpp"
#include "config/network.hpp"
#include "config/problems.hpp"

namespace eks {

namespace {

constexpr int default_max_pods = 110; // kubelet's own, when it is told nothing

// As systemd split $KUBELET_EXTRA_ARGS: at blanks, quotes group and go. Nothing if a quote has no end.
std::optional<std::vector<std::string>> split_arguments(std::string_view text)
{
        std::vector<std::string> words;
        std::optional<std::string> current;
        char quote = '\0';
        const auto here = [&]() -> std::string& { return current ? *current : current.emplace(); };
        const auto finish = [&] {
                if (current)
                        words.push_back(*std::exchange(current, std::nullopt));
        };
        for (std::size_t i = 0; i < text.size(); ++i) {
                const char c = text[i];
                if (quote == '\0' && (c == ' ' || c == '\t' || c == '\n' || c == '\r')) {
                        finish();
                } else if (c == '\\' && quote != '\'' && i + 1 < text.size()) {
                        here() += text[++i];
                } else if (c == quote) {
                        quote = '\0';
                } else if (quote == '\0' && (c == '\'' || c == '"')) {
                        quote = c;
                        here();
                } else {
                        here() += c;
                }
        }
        finish();
        return quote == '\0' ? std::optional(std::move(words)) : std::nullopt;
}

// Without a table, the number is what kubelet is told, or knows of itself.
int max_pods(const Json& flags)
{
        constexpr std::string_view flag = "--max-pods=";
        int number = default_max_pods;
        for (const auto& entry : flags) {
                const std::string_view text = entry.get_ref<const std::string&>();
                if (text.starts_with(flag))
                        number = parse_int<int>(text.substr(flag.size())).value_or(number);
        }
        return number;
}

// From a call to the keys of a layer.
class Translator {
public:
        Translator(const ShellCall& call, const std::string& source)
                : options_(call, problems_, layer_.notes)
        {
                layer_.source = source;
        }
        Translator(const Translator&) = delete; // options_ points to what is here
        Translator& operator=(const Translator&) = delete;
        ~Translator() = default;

        // Nothing if the call asks for --help only.
        std::optional<Layer> translate()
        {
                if (!options_.read())
                        return std::nullopt;
                cluster();
                network();
                kubelet();
                instance();
                options_.note_obsolete();
                problems_.throw_if_any(failure::config_invalid);
                return std::move(layer_);
        }

private:
        void set(const std::vector<std::string>& path, Json value, const Where& where)
        {
                auto* node = &layer_.tree;
                std::string key;
                for (const auto& part : path) {
                        node = &(*node)[part];
                        key = key_path(key, part);
                        layer_.marks.emplace(key, where); // of the first that needs it, on the way
                }
                if (value.is_array())
                        for (std::size_t i = 0; i < value.size(); ++i)
                                layer_.marks[fmt::format("{}[{}]", key, i)] = where;
                layer_.marks[key] = where;
                *node = std::move(value);
        }

        void problem(const GivenOption& given, std::string_view wrong, std::string remedy)
        {
                options_.problem(given.value, given.name, wrong, std::move(remedy));
        }

        std::optional<bool> boolean(const GivenOption& given)
        {
                if (given.value.text == "true" || given.value.text == "false")
                        return given.value.text == "true";
                problem(given, "must be true or false", "Write true or false");
                return std::nullopt;
        }

        void cluster()
        {
                if (const auto* name = options_.cluster_name())
                        set({"cluster", "name"}, name->text, name->where);
                if (const auto* endpoint = options_.find("--apiserver-endpoint"))
                        set({"cluster", "apiServerEndpoint"}, endpoint->value.text, endpoint->value.where);
                if (const auto* ca = options_.find("--b64-cluster-ca")) {
                        if (!decode_base64(ca->value.text))
                                problem(*ca, "not base64",
                                        "Give certificateAuthority.data as DescribeCluster shows it");
                        set({"cluster", "certificateAuthority"}, ca->value.text, ca->value.where);
                }
                if (const auto* id = options_.find("--cluster-id"))
                        set({"cluster", "id"}, id->value.text, id->value.where);
                if (const auto* outpost = options_.find("--enable-local-outpost"))
                        if (const auto enabled = boolean(*outpost))
                                set({"cluster", "enableOutpost"}, *enabled, outpost->value.where);
        }

        // The range if it is one of that family.
        std::optional<Cidr> range(const GivenOption* given, bool ipv6)
        {
                if (given == nullptr)
                        return std::nullopt;
                auto cidr = parse_cidr(given->value.text);
                if (cidr && cidr->ipv6() == ipv6)
                        return cidr;
                problem(*given, fmt::format("not an address range of {}", ipv6 ? "IPv6" : "IPv4"),
                        fmt::format("Give the cluster's service CIDR, such as {}",
                                ipv6 ? "fd00:1234::/108" : "10.100.0.0/16"));
                return std::nullopt;
        }

        void network()
        {
                const auto* family = options_.find("--ip-family");
                const auto wanted = family != nullptr ? lower(family->value.text) : std::string();
                if (family != nullptr && wanted != "ipv4" && wanted != "ipv6")
                        problem(*family, "must be ipv4 or ipv6", "Write ipv4 or ipv6");

                const auto* ipv4 = options_.find("--service-ipv4-cidr");
                const auto* ipv6 = options_.find("--service-ipv6-cidr");
                const auto* dns = options_.find("--dns-cluster-ip");
                const auto range4 = range(ipv4, false);
                const auto range6 = range(ipv6, true);
                if (ipv6 != nullptr && wanted == "ipv4")
                        problem(*ipv6, fmt::format("contradicts {} ipv4", family->name),
                                "Give one of the two");
                if (wanted == "ipv6" && ipv6 == nullptr && dns == nullptr &&
                        !options_.given("--service-ipv6-cidr") && !options_.given("--dns-cluster-ip"))
                        problem(*family, "needs --service-ipv6-cidr or --dns-cluster-ip",
                                "Give the cluster's IPv6 service CIDR");

                if (range6)
                        set({"cluster", "cidr"}, range6->text(), ipv6->value.where);
                else if (range4 && wanted != "ipv6")
                        set({"cluster", "cidr"}, range4->text(), ipv4->value.where);
                if (range4 && (range6 || wanted == "ipv6"))
                        options_.note(ipv4->value.where, ipv4->name, "the cluster is IPv6");

                if (dns != nullptr)
                        cluster_dns(*dns);
        }

        void cluster_dns(const GivenOption& dns)
        {
                auto addresses = Json::array();
                for (const auto part : split(dns.value.text, ',')) {
                        if (!is_address(part))
                                problem(dns, "not an IP address, or several with commas between",
                                        "Give the address of the cluster's DNS service");
                        addresses.push_back(part);
                }
                set({"kubelet", "config", "clusterDNS"}, std::move(addresses), dns.value.where);
        }

        void kubelet()
        {
                auto flags = Json::array();
                if (const auto* extra = options_.find_in_lines("--kubelet-extra-args"))
                        flags = kubelet_flags(*extra);
                const auto* use_max_pods = options_.find("--use-max-pods");
                if (use_max_pods != nullptr && boolean(*use_max_pods) == false)
                        set({"kubelet", "config", "maxPods"}, max_pods(flags), use_max_pods->value.where);
        }

        Json kubelet_flags(const GivenOption& given)
        {
                constexpr auto remedy = "Write flags as --name=value, with blanks between";
                auto flags = Json::array();
                const auto words = split_arguments(given.value.text);
                if (!words) {
                        problem(given, "a quotation in it has no end", remedy);
                        return flags;
                }
                bool takes_value = false; // "--name value" is two words for kubelet, but one flag
                for (const auto& word : *words) {
                        if (word.starts_with('-')) {
                                takes_value = word.find('=') == std::string::npos;
                                flags.push_back(word);
                        } else if (takes_value) {
                                takes_value = false;
                                flags.back().get_ref<std::string&>() += "=" + word;
                        } else {
                                problems_.add(given.value.where, given.name, shown_word(word), "not a flag",
                                        remedy);
                        }
                }
                if (!flags.empty())
                        set({"kubelet", "flags"}, flags, given.value.where);
                return flags;
        }

        void instance()
        {
                if (const auto* runtime = options_.find("--container-runtime");
                        runtime != nullptr && runtime->value.text != "containerd")
                        problem(*runtime, "must be containerd",
                                "Leave it out: there is no other container runtime");
                const auto* disks = options_.find("--local-disks");
                if (disks == nullptr)
                        return;
                static const std::map<std::string, std::string, std::less<>> strategies{
                        {"mount", "Mount"}, {"raid0", "RAID0"}, {"raid10", "RAID10"}};
                if (const auto strategy = strategies.find(lower(disks->value.text));
                        strategy != strategies.end())
                        set({"instance", "localStorage", "strategy"}, strategy->second, disks->value.where);
                else
                        problem(*disks, "must be mount, raid0 or raid10", "Write mount, raid0 or raid10");
        }

        Layer layer_;
        Problems problems_;
        BootstrapOptions options_;
};

// "#!/usr/bin/env bash", "#!/bin/sh -e"; without such a line too.
bool is_shell_script(std::string_view script)
{
        if (!script.starts_with("#!"))
                return true;
        const auto line = script.substr(2, script.find('\n') - 2);
        return std::ranges::any_of(
                split(line, ' '), [](std::string_view word) { return trim(word).ends_with("sh"); });
}

} // namespace

std::optional<Layer> parse_bootstrap_call(std::string_view script, const std::string& source)
{
        if (script.find("bootstrap.sh") == std::string_view::npos || !is_shell_script(script))
                return std::nullopt;
        std::optional<Layer> result;
        for (const auto& call : find_shell_calls(script, source, bootstrap_path, bootstrap_variables())) {
                auto layer = Translator(call, source).translate();
                if (!layer)
                        continue;
                if (result && result->tree != layer->tree)
                        throw Error(failure::config_invalid,
                                fmt::format("{}: this call of {} says something else than the one before it",
                                        call.where.text(), bootstrap_path),
                                "Leave one call, or give the configuration as a NodeConfig");
                if (!result)
                        result = std::move(layer);
        }
        return result;
}

} // namespace eks
