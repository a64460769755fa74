// SPDX-License-Identifier: Apache-2.0
#include "config/labels.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.hpp"

namespace eks {

namespace {

// Limits and alphabets: k8s.io/apimachinery/pkg/util/validation.
constexpr std::size_t name_limit = 63;
constexpr std::size_t domain_limit = 253;

// What kubelets may set although it is in a namespace of Kubernetes:
// k8s.io/kubelet/pkg/apis/well_known_labels.go.
constexpr std::array<std::string_view, 2> open_namespaces{"kubelet.kubernetes.io", "node.kubernetes.io"};
constexpr std::array<std::string_view, 11> open_keys{
        "beta.kubernetes.io/arch",
        "beta.kubernetes.io/instance-type",
        "beta.kubernetes.io/os",
        "failure-domain.beta.kubernetes.io/region",
        "failure-domain.beta.kubernetes.io/zone",
        "kubernetes.io/arch",
        "kubernetes.io/hostname",
        "kubernetes.io/os",
        "node.kubernetes.io/instance-type",
        "topology.kubernetes.io/region",
        "topology.kubernetes.io/zone",
};

constexpr std::array<std::string_view, 3> effects{"NoExecute", "NoSchedule", "PreferNoSchedule"};

bool is_lower_alnum(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool is_alnum(char c)
{
        return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

std::string wrong_name(std::string_view name, std::string_view what)
{
        if (name.size() > name_limit)
                return fmt::format(
                        "the {} has {} characters, {} are allowed", what, name.size(), name_limit);
        if (!std::ranges::all_of(
                    name, [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; }))
                return fmt::format("the {} may hold only letters, digits, '-', '_' and '.'", what);
        if (!is_alnum(name.front()) || !is_alnum(name.back()))
                return fmt::format("the {} must begin and end with a letter or digit", what);

        return {};
}

std::string wrong_domain(std::string_view domain)
{
        if (domain.empty())
                return "nothing precedes the '/'";
        if (domain.size() > domain_limit)
                return fmt::format("the part before the '/' has {} characters, {} are allowed",
                        domain.size(), domain_limit);

        // A DNS-1123 subdomain: words around dots, each beginning and ending with a letter or digit.
        char before = '.';
        for (const char c : domain) {
                const bool boundary = c == '.' || c == '-';
                if (!is_lower_alnum(c) && (!boundary || before == '.' || (c == '.' && before == '-')))
                        return "the part before the '/' is not a DNS name in lower case";
                before = c;
        }

        return is_lower_alnum(before) ? "" : "the part before the '/' is not a DNS name in lower case";
}

bool is_in(std::string_view name, std::string_view zone)
{
        return name == zone || (name.ends_with(zone) && name[name.size() - zone.size() - 1] == '.');
}

} // namespace

std::string wrong_label_key(std::string_view key)
{
        if (key.empty())
                return "the key is empty";

        const auto slash = key.find('/');
        const auto name = slash == std::string_view::npos ? key : key.substr(slash + 1);
        if (name.find('/') != std::string_view::npos)
                return "the key has more than one '/'";
        if (slash != std::string_view::npos)
                if (auto wrong = wrong_domain(key.substr(0, slash)); !wrong.empty())
                        return wrong;
        if (name.empty())
                return "nothing follows the '/'";

        return wrong_name(name, slash == std::string_view::npos ? "key" : "part after the '/'");
}

std::string wrong_label_value(std::string_view value)
{
        return value.empty() ? "" : wrong_name(value, "value");
}

std::string refused_to_kubelets(std::string_view key)
{
        const auto slash = key.find('/');
        if (slash == std::string_view::npos)
                return {};

        const auto domain = key.substr(0, slash);
        if (!is_in(domain, "kubernetes.io") && !is_in(domain, "k8s.io"))
                return {};
        if (std::ranges::binary_search(open_keys, key) ||
                std::ranges::any_of(
                        open_namespaces, [&](std::string_view open) { return is_in(domain, open); }))
                return {};

        return fmt::format(
                "kubelet refuses it, since no node may label itself in '{}' (NodeRestriction)", domain);
}

std::string wrong_node_name(std::string_view name)
{
        if (name.empty())
                return "the name is empty";
        if (name.size() > name_limit)
                return fmt::format("the name has {} characters, {} are allowed", name.size(), name_limit);
        if (!wrong_domain(lower(name)).empty())
                return "the name is not a DNS name";

        return {};
}

std::string wrong_taint(const Taint& taint)
{
        if (auto wrong = wrong_label_key(taint.key); !wrong.empty())
                return wrong;
        if (auto wrong = wrong_label_value(taint.value); !wrong.empty())
                return wrong;
        if (taint.effect.empty())
                return "it has no effect";
        if (std::ranges::find(effects, taint.effect) == effects.end())
                return "its effect is not NoSchedule, PreferNoSchedule or NoExecute";

        return {};
}

ParsedTaint parse_taint(std::string_view text)
{
        const auto colon = text.find(':');
        const auto pair = text.substr(0, colon);
        const auto effect = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
        const auto equals = pair.find('=');

        const auto value = equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
        ParsedTaint parsed{
                .taint = {std::string(pair.substr(0, equals)), std::string(value), std::string(effect)},
                .wrong = {}};
        if (text.empty())
                parsed.wrong = "it is empty";
        else if (effect.find(':') != std::string_view::npos)
                parsed.wrong = "it has more than one ':'";
        else if (value.find('=') != std::string_view::npos)
                parsed.wrong = "it has more than one '='";
        else
                parsed.wrong = wrong_taint(parsed.taint);

        return parsed;
}

} // namespace eks
