// SPDX-License-Identifier: Apache-2.0
#include "fixture.hpp"

#include <filesystem>

#include <catch2/catch.hpp>

#include "config/known_keys.hpp"
#include "config/node_config.hpp"

namespace test {

ReferenceNode::ReferenceNode()
{
        for (const std::string file : {"containerd/base-runtime-spec.json", "containerd/config-2.toml",
                     "containerd/config-3.toml", "containerd/soci-snapshotter.toml", "containerd/soci.toml",
                     "image-credential-provider/config.json", "ecr-registries.tsv", "instance-types.tsv",
                     "kubelet/kubeconfig.yaml", "kubelet/config.json", "runtimes.d/nvidia.toml",
                     "runtimes.d/runc.toml"})
                write("/usr/share/eks/" + file, source_file("helpers/data/share/" + file));
        write("/etc/eks/pause.tar", ""); // the image carries one
        set_cpus(2);
}

void ReferenceNode::set_cpus(unsigned count) const
{
        std::filesystem::remove_all((*this)("/sys/devices/system"));
        for (unsigned cpu = 0; cpu < count; ++cpu) {
                write("/sys/devices/system/node/node0/cpu" + std::to_string(cpu) + "/online", "1\n");
                write("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/online", "1\n");
        }
        write("/sys/devices/system/cpu/online", "0-" + std::to_string(count - 1) + "\n");
}

eks::NodeInputs ReferenceNode::inputs(
        const std::string& spec, eks::Version kubelet, eks::Version containerd) const
{
        const auto merged = merged_layers({reference_cluster + spec});
        return {.root = root(),
                .spec = eks::node_spec(merged.tree, merged.marks),
                .facts = {.instance_id = "i-1234567890abcdef0",
                        .instance_type = "m4.xlarge",
                        .region = "us-west-2",
                        .availability_zone = "us-west-2f",
                        .local_hostname = "ip-172-16-34-43.us-west-2.compute.internal",
                        .local_ipv4 = "172.16.34.43",
                        .ipv6s = {}},
                .versions = {.kubelet = kubelet, .containerd = containerd},
                .credential_provider = "/etc/eks/image-credential-provider/ecr-credential-provider"};
}

eks::Layer merged_layers(const std::vector<std::string>& specs)
{
        eks::Layer merged;
        for (const auto& spec : specs)
                eks::merge_layer(merged, eks::parse_node_config(node_config(spec), "user data"));
        return merged;
}

const eks::File& file_in(const eks::StepPlan& plan, const std::string& path)
{
        const eks::File* found = nullptr;
        for (const auto& file : plan.files)
                if (file.path == path) {
                        if (found != nullptr)
                                FAIL("planned twice: " << path);
                        found = &file;
                }

        if (found == nullptr)
                FAIL("not planned: " << path);

        return *found;
}

std::string reference(const std::string& name)
{
        return source_file("tests/unit/reference/" + name);
}

std::string ca_certificate()
{
        return reference("ca.crt");
}

// As `base64 -w0 ca.crt` prints it: the code under test has to undo what another program did.
const std::string ca_base64 =
        "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJqakNDQVRTZ0F3SUJBZ0lCQVRBS0JnZ3Foa2pPUFFRREFqQW"
        "xNU013SVFZRFZRUUREQnBsYTNOdWIyUmwKSUhSb2NtOTNMV0YzWVhrZ2RHVnpkQ0JEUVRBZ0Z3MHlOakV4TWpFeE1U"
        "RTBNemhhR0E4eU1USTJNVEF5T0RFeApNVFF6T0Zvd0pURWpNQ0VHQTFVRUF3d2FaV3R6Ym05a1pTQjBhSEp2ZHkxaG"
        "QyRjVJSFJsYzNRZ1EwRXdXVEFUCkJnY3Foa2pPUFFJQkJnZ3Foa2pPUFFNQkJ3TkNBQVJoeUtKbHlkMVpYOXluN2dU"
        "a04xU3VzQXFFOG54M0F6NjgKa0pBSmU4TEhoWGZSY3NDOFk2WHFuYnpDWFpVY1ZQcGhvWEFiSFhHOG9IazhpdlJXZn"
        "V5cW8xTXdVVEFkQmdOVgpIUTRFRmdRVWhXbzFUdnVuZXdkSFE0S0dtQnFMcUNvb3dyVXdId1lEVlIwakJCZ3dGb0FV"
        "aFdvMVR2dW5ld2RIClE0S0dtQnFMcUNvb3dyVXdEd1lEVlIwVEFRSC9CQVV3QXdFQi96QUtCZ2dxaGtqT1BRUURBZ0"
        "5JQURCRkFpRUEKN2lmVWthdDNKLzBaL3k3RVlqQzFPWmlkQzBCK1ZVemx6Qi90cXg5VGxvTUNJSDg3ZCszYTNudnZ3"
        "YXRucTU2MAppZVRBWXQwUFhjb3dkbGVELy95M3F6ZnkKLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo=";

} // namespace test
