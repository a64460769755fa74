// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include <catch2/catch.hpp>

#include "base/fs.hpp"
#include "base/json.hpp"
#include "steps/imds/patience.hpp"
#include "steps/imds/without_imds.hpp"
#include "support.hpp"

using namespace eks;
using test::refusal;

namespace {

constexpr auto off = "the metadata service is off: status 403";
constexpr auto instance_id = "i-0123456789abcdef0";
constexpr auto firmware = "/sys/devices/virtual/dmi/id/";
constexpr auto cluster_layer =
        "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n  cluster:\n    name: a\n"
        "    apiServerEndpoint: https://X.gr7.us-west-2.eks.amazonaws.com\n";

// A Nitro instance whose image names its cluster.
class Machine : public test::TemporaryDirectory {
public:
        Machine()
        {
                write(std::string(firmware) + "sys_vendor", "Amazon EC2\n");
                write(std::string(firmware) + "board_asset_tag", std::string(instance_id) + "\n");
                write(std::string(firmware) + "product_name", "m5.large\n");
                write("/etc/eks/node.d/50-cluster.yaml", cluster_layer);
                write("/proc/cmdline", "quiet\n");
                write("/proc/net/route",
                        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
                        "ens6\t00000000\t0100000A\t0003\t0\t0\t1024\t00000000\t0\t0\t0\n"
                        "ens5\t00000000\t0100000A\t0003\t0\t0\t512\t00000000\t0\t0\t0\n"
                        "lo\t0000007F\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0\n");
                write("/sys/class/net/ens5/address", "0e:11:22:33:44:01\n");
                write("/sys/class/net/ens5/ifindex", "2\n");
                kernel_.machine = "x86_64";
                kernel_.interfaces = {{.name = "cni0", .ipv4 = "192.168.0.1", .prefix = 24},
                        {.name = "ens6", .ipv4 = "10.0.9.9", .prefix = 20},
                        {.name = "ens5", .ipv4 = "10.0.17.2", .prefix = 20, .ipv6s = {"2600::1"}}};
        }

        std::optional<StepPlan> plan(const std::string& why = off) const
        {
                return plan_without_imds(root(), kernel_, why);
        }
        Json facts(const std::string& why = off) const
        {
                return Json::parse(plan(why)->files.at(0).content);
        }
        std::string user_data() const
        {
                const auto file = plan()->files.at(1);
                CHECK(file.path == "/run/eks/user-data");
                CHECK(file.mode == 0600);
                return file.kind == File::Kind::absent ? "(absent)" : file.content;
        }

        KernelFacts kernel_;
};

} // namespace

TEST_CASE("Without the metadata service the facts are from the machine, each with its source", "[imds]")
{
        const Machine machine;
        machine.write("/run/systemd/netif/leases/2",
                "# comment\nADDRESS=10.0.17.2\nDOMAINNAME=us-west-2.compute.internal\nHOSTNAME=ip-10-0-17-2\n");
        machine.write("/etc/eks/node.toml", "[facts]\navailabilityZone = 'us-west-2-lax-1a'\n");
        const auto plan = machine.plan();
        CHECK(plan->files.at(0).path == "/run/eks/imds.json");
        CHECK(Json::parse(plan->files.at(0).content) == Json::parse(R"json({
                "instanceId": "i-0123456789abcdef0", "instanceType": "m5.large", "region": "us-west-2",
                "availabilityZone": "us-west-2-lax-1a", "partition": "aws", "domain": "amazonaws.com",
                "architecture": "x86_64", "localHostname": "ip-10-0-17-2.us-west-2.compute.internal",
                "mac": "0e:11:22:33:44:01", "localIpv4": "10.0.17.2",
                "interfaces": [{"mac": "0e:11:22:33:44:01", "deviceNumber": 0, "networkCard": 0, "localIpv4s": ["10.0.17.2"],
                                "ipv6s": ["2600::1"], "vpcIpv4Cidrs": [], "vpcIpv6Cidrs": [], "subnetIpv4Cidr": "10.0.16.0/20"}],
                "sources": {
                    "instanceId": "the firmware (board_asset_tag)", "instanceType": "the firmware (product_name)",
                    "region": "availabilityZone", "availabilityZone": "/etc/eks/node.toml, line 2, column 1",
                    "partition": "region", "domain": "region", "architecture": "the kernel",
                    "localHostname": "the DHCP lease of ens5", "mac": "the interface ens5",
                    "localIpv4": "the interface ens5", "interfaces": "the interface ens5"
}
})json"));
        CHECK(machine.user_data() == "(absent)");

        REQUIRE(plan->notes.size() == 1);
        CHECK(plan->notes[0].level == Level::notice);
        CHECK(plan->notes[0].text.starts_with(off));
}

TEST_CASE("The region follows from what is there", "[imds]")
{
        const Machine machine;
        CHECK(machine.facts()["region"] == "us-west-2");
        CHECK(machine.facts()["sources"]["region"] == "cluster.apiServerEndpoint");

        machine.write("/proc/cmdline", "eks.facts.region=cn-north-1\n");
        CHECK(machine.facts()["region"] == "cn-north-1");
        CHECK(machine.facts()["domain"] == "amazonaws.com.cn");
        CHECK(machine.facts()["sources"]["region"] == "kernel command line");

        CHECK(region_of_endpoint("https://a.eu-west-1.eks.amazonaws.com:443/x") == "eu-west-1");
        for (const auto* url : {"https://example.com", "http://a.eu-west-1.eks.amazonaws.com", "",
                     "https://.eks.amazonaws.com"})
                CHECK(region_of_endpoint(url).empty());
        CHECK(region_of_domain("ec2.internal") == "us-east-1");
        CHECK(region_of_domain("eu-west-1.compute.internal") == "eu-west-1");
        CHECK(region_of_domain("example.com").empty());
}

TEST_CASE("A Xen instance needs its id from the configuration or from cloud-init", "[imds]")
{
        const Machine machine;
        machine.write(std::string(firmware) + "sys_vendor", "Xen\n");
        machine.write(std::string(firmware) + "product_name", "HVM domU\n");
        machine.write("/sys/hypervisor/uuid", "ec2a1b2c-0000-0000-0000-000000000000\n");
        const auto unknown = refusal([&] { machine.plan(); });
        CHECK(unknown.failure == "imds-off");
        CHECK(unknown.mentions("'instanceId' is not known"));
        CHECK(unknown.remedy.find("[facts]") != std::string::npos);

        const Json data{{"v1", {{"cloud_name", "aws"}, {"instance_id", "i-0abc"}, {"region", "eu-west-1"},
                                       {"availability_zone", "eu-west-1b"}}},
                {"ds", {{"meta_data", {{"instance-type", "t2.micro"},
                                              {"local-hostname", "ip-1.eu-west-1.compute.internal"}}}}}};
        machine.write("/run/cloud-init/instance-data.json", data.dump());
        auto facts = machine.facts();
        CHECK(facts["instanceId"] == "i-0abc");
        CHECK(facts["instanceType"] == "t2.micro");
        CHECK(facts["region"] == "eu-west-1");
        CHECK(facts["availabilityZone"] == "eu-west-1b");
        CHECK(facts["localHostname"] == "ip-1.eu-west-1.compute.internal");
        CHECK(facts["sources"]["instanceId"] == "cloud-init");

        machine.write("/etc/eks/node.toml", "[facts]\ninstanceId = 'i-0fff'\ninstanceType = 't2.large'\n");
        facts = machine.facts();
        CHECK(facts["instanceId"] == "i-0fff");
        CHECK(facts["instanceType"] == "t2.large");
        CHECK_FALSE(facts.contains("availabilityZone")); // what cloud-init says is of another instance
}

TEST_CASE("User data is from the credential, a file or cloud-init's copy of this instance", "[imds]")
{
        const Machine machine;
        CHECK(machine.user_data() == "(absent)");

        machine.link("/var/lib/cloud/instance", "/var/lib/cloud/instances/i-0other");
        machine.write(
                "/var/lib/cloud/instances/i-0other/user-data.txt", "[kubelet.config]\npodsPerCore = 9\n");
        CHECK(machine.user_data() == "(absent)"); // the disk is a copy of another instance's

        machine.write(std::string("/var/lib/cloud/instances/") + instance_id + "/user-data.txt",
                "[kubelet.config]\npodsPerCore = 10\n");
        remove_if_exists(machine("/var/lib/cloud/instance"));
        machine.link("/var/lib/cloud/instance", std::string("/var/lib/cloud/instances/") + instance_id);
        CHECK(machine.user_data() == "[kubelet.config]\npodsPerCore = 10\n");
        CHECK(machine.facts()["sources"]["userData"] == "cloud-init's copy");

        for (const auto* path : {"/etc/eks/user-data", "/etc/credstore/eks.nodeconfig",
                     "/run/credstore/eks.nodeconfig", "/run/credentials/@system/eks.nodeconfig"}) {
                CAPTURE(path);
                const auto text = std::string("Content-Type: multipart/mixed; boundary=b\n\n--b\n"
                                              "Content-Type: application/vnd.eksnode+toml\n\n"
                                              "[facts]\navailabilityZone = 'us-west-2c'\n# ") +
                                  path + "\n--b--\n";
                machine.write(path, text, 0600);
                CHECK(machine.user_data() == text);
                CHECK(machine.facts()["availabilityZone"] == "us-west-2c"); // it is a layer
        }
}

TEST_CASE("Nothing starts half configured", "[imds]")
{
        const Machine machine;
        remove_if_exists(machine("/etc/eks/node.d/50-cluster.yaml"));
        machine.write("/proc/cmdline", "eks.facts.region=us-west-2\n");
        const auto result = refusal([&] { machine.plan(); });
        CHECK(result.failure == "imds-off");
        CHECK(result.mentions(off));
        CHECK(result.mentions("no cluster is configured in:"));
        for (const auto* way : {"[facts]", "eks.nodeconfig", "/etc/eks/user-data"})
                CHECK(result.remedy.find(way) != std::string::npos);

        // A script may name it.
        machine.write("/etc/eks/user-data", "#!/bin/sh\n/etc/eks/bootstrap.sh my-cluster\n");
        CHECK(machine.facts()["sources"]["userData"] == "'/etc/eks/user-data'");

        machine.write("/etc/eks/user-data", cluster_layer);
        CHECK(machine.facts()["instanceId"] == instance_id);

        machine.write("/proc/cmdline", "");
        machine.write("/etc/eks/node.toml", "[facts]\nregion = 'nowhere'\n");
        const auto bad = refusal([&] { machine.plan(); });
        CHECK(bad.failure == "config-invalid");
        CHECK(bad.mentions("facts.region = \"nowhere\": not a region"));
}

TEST_CASE("What is not known and a node can do without for now is told", "[imds]")
{
        const Machine machine;
        const auto notes = machine.plan()->notes;
        REQUIRE(notes.size() == 2);
        CHECK(notes[1].level == Level::warning);
        CHECK(notes[1].text.find("'availabilityZone' is not known") == 0);
}

TEST_CASE("The configuration can say that the service is off", "[imds]")
{
        const Machine machine;
        CHECK_FALSE(is_service_configured(machine.root()));
        CHECK_FALSE(machine.plan(""));

        machine.write("/etc/eks/node.toml", "[facts]\nmetadataService = 'on'\n");
        CHECK(is_service_configured(machine.root()));
        CHECK_FALSE(machine.plan(""));

        machine.write("/etc/eks/node.toml", "[facts]\nmetadataService = 'off'\n");
        CHECK(machine.facts("")["instanceId"] == instance_id);
        CHECK(machine.plan("")->notes.at(0).text.starts_with("the configuration says"));

        remove_if_exists(machine("/etc/eks/node.toml"));
        machine.write("/proc/cmdline", "eks.facts.metadataService=off\n");
        CHECK(is_service_configured(machine.root()));
        CHECK(machine.plan(""));
}

TEST_CASE("A machine without a default route has the address of its hardware", "[imds]")
{
        Machine machine;
        machine.write("/proc/net/route", "Iface\tDestination\n");
        CHECK_FALSE(machine.facts().contains("localIpv4"));

        machine.write("/sys/class/net/ens5/device/vendor", "0x1d0f\n");
        CHECK(machine.facts()["localIpv4"] == "10.0.17.2");

        machine.write("/proc/net/ipv6_route",
                "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
                "fe800000000000000000000000000001 00000400 00000001 00000000 00000003     ens6\n"
                "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
                "00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n");
        machine.write("/sys/class/net/ens6/address", "0e:11:22:33:44:06\n");
        CHECK(machine.facts()["mac"] == "0e:11:22:33:44:06");

        machine.kernel_.machine = "aarch64";
        CHECK(machine.facts()["architecture"] == "arm64");
}
