// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <set>

#include <catch2/catch.hpp>

#include <nlohmann/json.hpp>

#include "base/fs.hpp"
#include "steps/imds/imds.hpp"
#include "steps/imds/patience.hpp"
#include "support.hpp"

using namespace eks;
using Json = nlohmann::json;
using test::refusal;

namespace {

using Answers = std::map<std::string, std::string>;

constexpr auto identity = "dynamic/instance-identity/document";
constexpr auto tags = "meta-data/tags/instance/";
constexpr auto macs = "meta-data/network/interfaces/macs/";

const std::string error_page = "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>\n<html><body><h1>404 - Not "
                               "Found</h1></body></html>\n";

// The reference instance, with one interface and no tags.
Answers reference_answers()
{
        const std::string mac = macs + std::string("0e:49:61:0f:c3:11/");
        return {{identity,
                        R"({"accountId": "111122223333", "architecture": "x86_64", "availabilityZone": "us-west-2f", "imageId": "ami-1",
                               "instanceId": "i-1234567890abcdef0", "instanceType": "m4.xlarge", "region": "us-west-2", "kernelId": null})"},
                {"user-data", "apiVersion: node.eks.aws/v1alpha1\n"},
                {"meta-data/placement/availability-zone-id", "usw2-az6"},
                {"meta-data/services/partition", "aws"}, {"meta-data/services/domain", "amazonaws.com"},
                {"meta-data/instance-life-cycle", "on-demand"},
                {"meta-data/local-hostname", "ip-172-16-34-43.us-west-2.compute.internal"},
                {"meta-data/mac", "0e:49:61:0f:c3:11"}, {"meta-data/local-ipv4", "172.16.34.43"},
                {macs, "0e:49:61:0f:c3:11/"}, {mac + "device-number", "0"}, {mac + "network-card", "0"},
                {mac + "local-ipv4s", "172.16.34.43"}, {mac + "vpc-ipv4-cidr-blocks", "172.16.0.0/16"},
                {mac + "subnet-ipv4-cidr-block", "172.16.32.0/20"}};
}

// A service that answers from the map, and 404 for everything else; counts the rounds.
class Service {
public:
        explicit Service(Answers answers) : answers_(std::move(answers)) {}

        ImdsFetch fetch()
        {
                return [this](const std::vector<ImdsItem>& items) {
                        ++rounds;
                        std::vector<std::optional<std::string>> bodies;

                        for (const auto& [path, absence] : items) {
                                if (absence == Absence::not_yet)
                                        awaited.insert(path);
                                if (absence == Absence::soon_answer)
                                        awaited_soon.insert(path);
                                const auto found = answers_.find(path);
                                bodies.push_back(found != answers_.end() ? std::optional(found->second)
                                                                         : std::nullopt);
                        }

                        return bodies;
                };
        }

        int rounds = 0;
        std::set<std::string> awaited;
        std::set<std::string> awaited_soon;

private:
        Answers answers_;
};

StepPlan planned(const Answers& answers)
{
        return plan_imds(Service(answers).fetch());
}
Json facts(const Answers& answers)
{
        return Json::parse(planned(answers).files.at(0).content);
}

Answers with(const std::string& path, const std::string& body)
{
        auto answers = reference_answers();
        answers[path] = body;
        return answers;
}
Answers without(const std::string& path)
{
        auto answers = reference_answers();
        answers.erase(path);
        return answers;
}

} // namespace

TEST_CASE("All facts come in the shape that is pinned, in two rounds", "[imds]")
{
        Service service(reference_answers());
        const auto plan = plan_imds(service.fetch());
        CHECK(service.rounds == 2);
        REQUIRE(plan.files.size() == 2);
        CHECK(plan.files[0].path == "/run/eks/imds.json");
        CHECK(plan.files[0].mode == 0644);
        CHECK(Json::parse(plan.files[0].content) == Json::parse(R"({
                "instanceId": "i-1234567890abcdef0", "instanceType": "m4.xlarge", "region": "us-west-2", "availabilityZone": "us-west-2f",
                "availabilityZoneId": "usw2-az6", "partition": "aws", "domain": "amazonaws.com", "accountId": "111122223333", "amiId": "ami-1",
                "architecture": "x86_64", "lifecycle": "on-demand", "localHostname": "ip-172-16-34-43.us-west-2.compute.internal",
                "mac": "0e:49:61:0f:c3:11", "localIpv4": "172.16.34.43",
                "interfaces": [{"mac": "0e:49:61:0f:c3:11", "deviceNumber": 0, "networkCard": 0, "localIpv4s": ["172.16.34.43"], "ipv6s": [],
                                "vpcIpv4Cidrs": ["172.16.0.0/16"], "vpcIpv6Cidrs": [], "subnetIpv4Cidr": "172.16.32.0/20"}]})"));
        CHECK(plan.files[1].path == "/run/eks/user-data");
        CHECK(plan.files[1].mode == 0600);
        CHECK(plan.files[1].kind == File::Kind::regular);
        CHECK(plan.files[1].content == "apiVersion: node.eks.aws/v1alpha1\n");
        CHECK(planned(reference_answers()).files[0].content == plan.files[0].content);
}

TEST_CASE("What every instance has is waited for; what some lack, only where the rest implies it", "[imds]")
{
        const std::string mac = macs + std::string("0e:49:61:0f:c3:11/");
        const auto awaited = [](const Answers& answers, Absence absence = Absence::not_yet) {
                Service service(answers);
                plan_imds(service.fetch());
                return absence == Absence::not_yet ? service.awaited : service.awaited_soon;
        };

        const std::set<std::string> always{identity, macs, "meta-data/local-hostname", "meta-data/mac",
                "meta-data/services/domain", "meta-data/services/partition", mac + "device-number"};
        CHECK(awaited(reference_answers()) == always);

        for (const auto& path : {std::string("meta-data/local-ipv4"), mac + "local-ipv4s",
                     mac + "vpc-ipv4-cidr-blocks", mac + "subnet-ipv4-cidr-block"}) {
                CAPTURE(path);
                auto with_it = always;
                with_it.insert(path);
                CHECK(awaited(without(path)) == with_it);
        }

        for (const auto& path : {std::string("user-data"), std::string("meta-data/instance-life-cycle"),
                     mac + "network-card", mac + "ipv6s", mac + "vpc-ipv6-cidr-blocks"}) {
                CAPTURE(path);
                CHECK(awaited(without(path)) == always);
        }

        // These are waited for too, but not for long.
        const std::set<std::string> soon{
                "user-data", "meta-data/instance-life-cycle", "meta-data/placement/availability-zone-id"};
        CHECK(awaited(reference_answers(), Absence::soon_answer) == soon);

        // In a subnet with IPv6 only there is no IPv4 address to wait for; without any address there is.
        auto ipv6 = reference_answers();
        for (const auto& path : {std::string("meta-data/local-ipv4"), mac + "local-ipv4s",
                     mac + "vpc-ipv4-cidr-blocks", mac + "subnet-ipv4-cidr-block"})
                ipv6.erase(path);
        auto neither = always;
        neither.insert({"meta-data/local-ipv4", mac + "local-ipv4s"});
        CHECK(awaited(ipv6) == neither);

        ipv6[mac + "ipv6s"] = "fd00::1";
        CHECK(awaited(ipv6) == always);
}

TEST_CASE("User data is kept byte for byte; without it there is no file", "[imds]")
{
        const std::string bytes("\x1f\x8b\0\xff<html>\r\n ", 14);
        CHECK(planned(with("user-data", bytes)).files.at(1).content == bytes);
        const auto empty = planned(with("user-data", "")).files.at(1);
        CHECK(empty.kind == File::Kind::regular);
        CHECK(empty.content.empty());
        CHECK(planned(without("user-data")).files.at(1).kind == File::Kind::absent);
}

TEST_CASE("What the service does not have is absent", "[imds]")
{
        struct Row {
                const char* path;
                const char* key;
        };

        for (const auto& row : {Row{"meta-data/placement/availability-zone-id", "availabilityZoneId"},
                     Row{"meta-data/services/partition", "partition"},
                     Row{"meta-data/services/domain", "domain"},
                     Row{"meta-data/instance-life-cycle", "lifecycle"},
                     Row{"meta-data/local-hostname", "localHostname"},
                     Row{"meta-data/local-ipv4", "localIpv4"}, Row{"meta-data/mac", "mac"}}) {
                CAPTURE(row.path);
                CHECK(facts(reference_answers()).contains(row.key));
                CHECK_FALSE(facts(without(row.path)).contains(row.key));
                CHECK_FALSE(facts(with(row.path, " \n")).contains(row.key));
                CHECK(facts(with(row.path, " x\n"))[row.key] == "x");
        }

        CHECK(facts(without(macs))["interfaces"] == Json::array());
        CHECK_FALSE(facts(reference_answers()).contains("tags"));
}

TEST_CASE("An error page never becomes a fact", "[imds]")
{
        const std::string mac = macs + std::string("0e:49:61:0f:c3:11/");
        for (const std::string& path : {std::string(identity),
                     std::string("meta-data/placement/availability-zone-id"),
                     std::string("meta-data/services/partition"),
                     std::string("meta-data/instance-life-cycle"), std::string("meta-data/local-hostname"),
                     std::string("meta-data/mac"), std::string("meta-data/local-ipv4"), std::string(macs),
                     std::string(tags), mac + "device-number", mac + "network-card", mac + "local-ipv4s",
                     mac + "ipv6s", mac + "vpc-ipv4-cidr-blocks", mac + "vpc-ipv6-cidr-blocks",
                     mac + "subnet-ipv4-cidr-block"}) {
                CAPTURE(path);
                const auto result = refusal([&] { planned(with(path, error_page)); });
                CHECK(result.failure == "imds-answer");
                CHECK(result.mentions("'" + path + "'"));
                CHECK_FALSE(result.remedy.empty());
        }

        for (const auto* body : {"two\nlines", "a\x1b[1m", "a\tb"}) {
                CAPTURE(body);
                CHECK(refusal([&] { planned(with("meta-data/local-hostname", body)); }).failure ==
                        "imds-answer");
        }
}

TEST_CASE("Without an identity there is nothing to go on", "[imds]")
{
        const auto missing = refusal([] { planned(without(identity)); });
        CHECK(missing.failure == "imds-answer");
        CHECK(missing.mentions("404"));

        const auto all = Json::parse(reference_answers().at(identity));

        for (const auto* key : {"instanceId", "instanceType", "region", "availabilityZone"}) {
                CAPTURE(key);
                for (const auto& value : {Json(), Json(5), Json("two\nlines"), Json(""), Json("<x>")}) {
                        CAPTURE(value);
                        auto document = all;
                        document[key] = value;
                        const auto result = refusal([&] { planned(with(identity, document.dump())); });
                        CHECK(result.failure == "imds-answer");
                        CHECK(result.mentions(identity));
                }

                auto document = all;
                document.erase(key);
                CHECK(refusal([&] {
                        planned(with(identity, document.dump()));
                }).mentions("without '" + std::string(key) + "'"));
        }

        for (const auto* body : {"", "[]", "null", "5", "{", "\"x\"", "{\"x\": 1e999}", "\xff"}) {
                CAPTURE(body);
                CHECK(refusal([&] { planned(with(identity, body)); }).failure == "imds-answer");
        }

        for (const auto* key : {"accountId", "imageId", "architecture"}) {
                auto document = all;
                document.erase(key);
                CHECK(refusal([&] { planned(with(identity, document.dump())); }).failure == "nothing");
        }
}

TEST_CASE("Interfaces are sorted by network card and device, whatever order they were listed in", "[imds]")
{
        auto answers = reference_answers();
        const auto add = [&](const std::string& mac, const std::string& card, const std::string& device) {
                answers[macs + mac + "/device-number"] = device;
                if (!card.empty())
                        answers[macs + mac + "/network-card"] = card;
        };

        answers[macs] = "0e:ff/\n0e:49:61:0f:c3:11/\n0e:01/\n0e:0a/\n";
        add("0e:ff", "0", "1");
        add("0e:01", "1", "1");
        add("0e:0a", "", "10");
        answers[macs + std::string("0e:0a/ipv6s")] = "fd00::1\nfd00::2\n";

        const auto interfaces = facts(answers)["interfaces"];
        std::vector<std::string> order;
        for (const auto& interface : interfaces)
                order.push_back(interface["mac"]);
        CHECK(order == std::vector<std::string>{"0e:49:61:0f:c3:11", "0e:ff", "0e:0a", "0e:01"});
        CHECK(interfaces[2]["networkCard"] == 0); // 404: the first card
        CHECK(interfaces[2]["deviceNumber"] == 10);
        CHECK(interfaces[2]["ipv6s"] == Json{"fd00::1", "fd00::2"});
        CHECK_FALSE(interfaces[2].contains("subnetIpv4Cidr"));
}

TEST_CASE("An invalid number is an error", "[imds]")
{
        const std::string mac = macs + std::string("0e:49:61:0f:c3:11/");
        for (const auto* path : {"device-number", "network-card"})
                for (const auto* body : {"x", "-1", "1.5", "", "0x1", "1 2"}) {
                        CAPTURE(path, body);
                        const auto result = refusal([&] { planned(with(mac + path, body)); });
                        CHECK(result.failure == "imds-answer");
                        CHECK(result.mentions(mac + path));
                }

        CHECK(facts(with(mac + "device-number", "3\n"))["interfaces"][0]["deviceNumber"] == 3);
}

TEST_CASE("Tags are there if the instance shows them", "[imds]")
{
        auto answers = reference_answers();
        answers[tags] = "Name\nteam\nempty\ngone\n";
        answers[tags + std::string("Name")] = "node one";
        answers[tags + std::string("team")] = "a<b>\"c\"";
        answers[tags + std::string("empty")] = "";
        CHECK(facts(answers)["tags"] == Json{{"Name", "node one"}, {"team", "a<b>\"c\""}, {"empty", ""}});

        answers[tags] = "";
        CHECK(facts(answers)["tags"] == Json::object());

        answers[tags] = "bad";
        answers[tags + std::string("bad")] = "\xff\n\x01";
        CHECK(facts(answers)["tags"].contains("bad")); // any bytes, still JSON
}

TEST_CASE("Where a cluster is named without user data, it is not waited for", "[imds]")
{
        for (const auto* text : {"[cluster]\nname = 'a'\n", "cluster.name = 'a'\n",
                     "  cluster:\n    name: a\n", "cluster = {}", "  \"cluster\": {\n",
                     "{\"spec\":{\"cluster\" : {}}}", "\"cluster\".name = 1"}) {
                CAPTURE(text);
                CHECK(seems_to_name_cluster(text));
        }

        for (const auto* text : {"", "cluster", "# cluster: a\n", "clusterDNS = ['10.0.0.10']\n",
                     "clusterDomain = \"cluster.local\"\n", "clusters:\n", "other-cluster: a\n",
                     "kubelet = 'cluster'\n"}) {
                CAPTURE(text);
                CHECK_FALSE(seems_to_name_cluster(text));
        }

        const test::TemporaryDirectory machine;
        machine.write("/proc/cmdline", "quiet eks.clusterDomain=a\n");
        machine.write("/etc/eks/node.d/50-image.toml", "[kubelet.config]\npodsPerCore = 20\n");
        machine.write("/etc/eks/node.d/off.toml/50-cluster.toml", "[cluster]\n");
        CHECK_FALSE(is_cluster_named(machine.root()));

        for (const auto* path : {"/etc/eks/node.toml", "/etc/eks/nodeadm.d/a.yaml",
                     "/var/lib/eks/commands.d/nodeadm.toml"}) {
                CAPTURE(path);
                machine.write(path, "cluster:\n");
                CHECK(is_cluster_named(machine.root()));
                remove_if_exists(machine(path));
        }

        machine.write("/proc/cmdline", "quiet eks.cluster.name=a\n");
        CHECK(is_cluster_named(machine.root()));
}
