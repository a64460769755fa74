// SPDX-License-Identifier: Apache-2.0
#include "kubeconfig.hpp"

#include <map>

#include <fmt/format.h>

#include "base/fs.hpp"

namespace eks {

namespace {

// A JSON string is a YAML string too: nothing in a value can end it early.
std::string quoted(const std::string& value)
{
        return Json(value).dump();
}

std::string fill(std::string_view text, const std::map<std::string, std::string, std::less<>>& values)
{
        std::string filled;
        for (;;) {
                const auto begin = text.find("${");
                filled += text.substr(0, begin);
                if (begin == text.npos)
                        return filled;
                const auto end = text.find('}', begin);
                const auto name = text.substr(begin + 2, end == text.npos ? end : end - begin - 2);
                const auto value = values.find(name);
                if (end == text.npos || value == values.end())
                        throw Error(failure::vendor_file,
                                fmt::format(
                                        "'{}': nothing is known as '${{{}}}'", kubeconfig_template, name),
                                "Use ${server}, ${cluster} and ${region} only");
                filled += quoted(value->second);
                text.remove_prefix(end + 1);
        }
}

} // namespace

StepPlan plan_kubeconfig(const NodeInputs& node)
{
        const auto text = fill(in_vendor_file(kubeconfig_template,
                                       [&] { return read_file(node.root(kubeconfig_template)); }),
                {{"server", node.spec.endpoint},
                        {"cluster", node.spec.outpost ? node.spec.cluster_id : node.spec.cluster_name},
                        {"region", require(node.facts.region, "region")}});
        // On an Outpost kubelet bootstraps with it and then has a kubeconfig of its own, with a certificate
        // that is good without the Region. Ours is taken away there, kubelet's is not ours to touch.
        File kubeconfig{.path = "/var/lib/kubelet/kubeconfig", .content = {}};
        File bootstrap{.path = "/var/lib/kubelet/bootstrap-kubeconfig", .content = {}};
        (node.spec.outpost ? bootstrap : kubeconfig).content = text;
        (node.spec.outpost ? kubeconfig : bootstrap).kind = File::Kind::absent;
        return {.files = {std::move(kubeconfig), std::move(bootstrap)}};
}

} // namespace eks
