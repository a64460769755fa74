// SPDX-License-Identifier: Apache-2.0
#include "kubelet_args.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "config/kubelet_flags.hpp"

namespace eks {

namespace {

constexpr std::string_view pci_directory = "/sys/bus/pci/devices";
constexpr std::string_view nvidia_vendor = "0x10de";

bool has_nvidia_device(const Root& root)
{
        return std::ranges::any_of(list_directory(root(pci_directory)), [&](const std::string& device) {
                const auto vendor =
                        read_file_if_exists(root(fmt::format("{}/{}/vendor", pci_directory, device)));
                return vendor && trim(*vendor) == nvidia_vendor;
        });
}

std::string node_ip(const NodeInputs& node)
{
        if (!node.spec.service_cidr || !node.spec.service_cidr->ipv6())
                return require(node.facts.local_ipv4, "localIpv4");
        return node.facts.ipv6s.empty() ? require("", "interfaces[].ipv6s") : node.facts.ipv6s.front();
}

// EC2's private DNS name of the instance; with several domains in the VPC's DHCP options, the first.
std::string node_name(const NodeInputs& node)
{
        if (node.spec.instance_id_node_name)
                return require(node.facts.instance_id, "instanceId");
        return std::string(split(require(node.facts.local_hostname, "localHostname"), ' ').front());
}

} // namespace

std::string environment_value(const std::vector<std::string>& arguments)
{
        // Two readers take the value apart. The environment file's drops one level of backslashes; the
        // splitting of $NAME then takes a backslash before a character as that character, and blanks and
        // quotes as what they are.
        std::string value;
        for (const auto& argument : arguments) {
                if (!value.empty())
                        value += ' ';
                for (const char c : argument) {
                        if (c == '\\')
                                value += "\\\\\\";
                        else if (c == ' ' || c == '\t' || c == '"' || c == '\'')
                                value += "\\\\";
                        value += c;
                }
        }
        if (value.ends_with(' ') ||
                value.ends_with('\t')) // the file's reader cuts blanks at the end; "" adds nothing
                value += "\"\"";
        return value;
}

std::vector<std::string> user_arguments(const std::vector<std::string>& flags)
{
        std::vector<std::string> arguments;
        for (const auto& argument : kubelet_arguments(flags))
                arguments.push_back(argument.text);
        return arguments;
}

StepPlan plan_kubelet_args(const NodeInputs& node)
{
        const auto& provider = node.credential_provider;
        std::vector<std::string> ours{
                "--cloud-provider=external",
                "--config=/etc/kubernetes/kubelet/config.json",
        };
        const bool has_drop_in = !node.spec.kubelet_config.empty() && !node.spec.kubelet_config_replaces;
        if (has_drop_in)
                ours.emplace_back("--config-dir=/etc/kubernetes/kubelet/config.json.d");
        ours.push_back("--hostname-override=" + node_name(node));
        ours.push_back("--image-credential-provider-bin-dir=" + provider.substr(0, provider.rfind('/')));
        ours.emplace_back(
                "--image-credential-provider-config=/etc/eks/image-credential-provider/config.json");
        ours.emplace_back("--kubeconfig=/var/lib/kubelet/kubeconfig");
        ours.push_back("--node-ip=" + node_ip(node));
        if (node.versions.kubelet >= Version{1, 35, 0} && has_nvidia_device(node.root))
                ours.emplace_back("--node-labels=nvidia.com/gpu.present=true");
        ours.emplace_back("--runtime-cgroups=/runtime.slice/containerd.service");

        // The user's come last: kubelet takes the last of two.
        const auto users = user_arguments(node.spec.kubelet_flags);
        auto all = ours;
        all.insert(all.end(), users.begin(), users.end());
        auto text = fmt::format("KUBELET_ARGS={}\nKUBELET_EXTRA_ARGS={}\nNODEADM_KUBELET_ARGS={}\n",
                environment_value(ours), environment_value(users), environment_value(all));
        if (has_drop_in && node.versions.kubelet < Version{1, 30, 0})
                text += "KUBELET_CONFIG_DROPIN_DIR_ALPHA=on\n"; // --config-dir was behind this until 1.30
        return {.files = {{.path = "/etc/eks/kubelet/environment", .content = std::move(text)}}};
}

} // namespace eks
