// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <optional>

#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "environment_file.hpp"
#include "fixture.hpp"
#include "node/kubelet_gates.hpp"
#include "node/locked_gates.hpp"
#include "steps/credential-provider/credential_provider.hpp"
#include "steps/kubelet-args/kubelet_args.hpp"
#include "steps/kubelet-config/kubelet_config.hpp"

using namespace eks;
using test::file_in;
using test::parse_environment_file;
using test::ReferenceNode;
using test::split_environment_value;

namespace {

constexpr unsigned first = 0;   // from the oldest kubelet on
constexpr unsigned never = 999; // to the newest

Version minor_version(unsigned minor)
{
        return {1, minor, 0};
}

Json config_of(const NodeInputs& node)
{
        return Json::parse(file_in(plan_kubelet_config(node), std::string(kubelet_config_path)).content);
}

std::map<std::string, std::string> variables_of(const NodeInputs& node)
{
        return parse_environment_file(plan_kubelet_args(node).files.at(0).content);
}

std::optional<std::string> at(const Json& tree, const std::string& pointer)
{
        const Json::json_pointer key(pointer);
        return tree.contains(key) ? std::optional(tree.at(key).dump()) : std::nullopt;
}

std::optional<std::string> argument(const NodeInputs& node, const std::string& name)
{
        for (const auto& text : split_environment_value(variables_of(node).at("KUBELET_ARGS")))
                if (text.starts_with("--" + name + "="))
                        return text.substr(name.size() + 3);
        return std::nullopt;
}

// What the steps write for a row of the table.
std::optional<std::string> written(const NodeInputs& node, GatePlace place, const std::string& name)
{
        switch (place) {
        case GatePlace::config:
                return at(config_of(node), name);
        case GatePlace::flag:
                return argument(node, name);
        case GatePlace::variable: {
                const auto variables = variables_of(node);
                const auto found = variables.find(name);
                return found == variables.end() ? std::nullopt : std::optional(found->second);
        }
        case GatePlace::provider:
        case GatePlace::registry: {
                const auto config = Json::parse(plan_credential_provider(node).files.at(0).content);
                if (place == GatePlace::provider)
                        return at(config, name);
                const auto& images = config["providers"][0]["matchImages"];
                const auto same = [&](const Json& image) { return image == name; };
                return std::ranges::any_of(images, same) ? std::optional<std::string>("") : std::nullopt;
        }
        case GatePlace::label: {
                const auto labels = argument(node, "node-labels");
                return labels && labels->starts_with(name + "=")
                               ? std::optional(labels->substr(name.size() + 1))
                               : std::nullopt;
        }
        case GatePlace::addresses: {
                auto both = node;
                both.spec.cluster.ip_family = IpFamily::dual_stack;
                both.facts.ipv6s = {"2001:db8::1"};
                return std::to_string(split(argument(both, name).value_or(""), ',').size());
        }
        }
        return std::nullopt;
}

struct GateRow {
        GatePlace place;
        std::string name;
        std::string value;
        unsigned since;
        unsigned before;
};

const std::vector<GateRow> gate_rows{
        {GatePlace::flag, "cloud-provider", "aws", first, 26},
        {GatePlace::flag, "cloud-provider", "external", 26, never},
        {GatePlace::flag, "hostname-override", "ip-172-16-34-43.us-west-2.compute.internal", 26, never},
        {GatePlace::config, "/providerID", "\"aws:///us-west-2f/i-1234567890abcdef0\"", 26, never},
        {GatePlace::flag, "container-runtime", "remote", first, 27},
        {GatePlace::flag, "container-runtime-endpoint", "unix:///run/containerd/containerd.sock", first, 27},
        {GatePlace::config, "/containerRuntimeEndpoint", "\"unix:///run/containerd/containerd.sock\"", 27,
                never},
        {GatePlace::flag, "image-service-endpoint",
                "unix:///run/soci-snapshotter-grpc/soci-snapshotter-grpc.sock", first, 27},
        {GatePlace::flag, "pod-infra-container-image", "localhost/kubernetes/pause:latest", first, 35},
        {GatePlace::config, "/imageServiceEndpoint",
                "\"unix:///run/soci-snapshotter-grpc/soci-snapshotter-grpc.sock\"", 27, never},
        {GatePlace::config, "/kubeAPIQPS", "10", first, 27},
        {GatePlace::config, "/kubeAPIBurst", "20", first, 27},
        {GatePlace::config, "/featureGates/KubeletCredentialProviders", "true", first, 28},
        {GatePlace::provider, "/apiVersion", "\"kubelet.config.k8s.io/v1alpha1\"", first, 27},
        {GatePlace::provider, "/providers/0/apiVersion", "\"credentialprovider.kubelet.k8s.io/v1alpha1\"",
                first, 27},
        {GatePlace::registry, "public.ecr.aws", "", 27, never},
        {GatePlace::registry, "ecr-public.aws.com", "", 32, never},
        {GatePlace::flag, "config-dir", "/etc/kubernetes/kubelet/config.json.d", 28, never},
        {GatePlace::variable, "KUBELET_CONFIG_DROPIN_DIR_ALPHA", "on", 28, 30},
        {GatePlace::addresses, "node-ip", "2", 29, never},
        {GatePlace::config, "/featureGates/DynamicResourceAllocation", "true", 33, 34},
        {GatePlace::config, "/featureGates/MutableCSINodeAllocatableCount", "true", 34, 35},
        {GatePlace::config, "/shutdownGracePeriod", "\"2m30s\"", 34, never},
        {GatePlace::config, "/shutdownGracePeriodCriticalPods", "\"30s\"", 34, never},
        {GatePlace::label, "nvidia.com/gpu.present", "true", 35, never},
};

} // namespace

TEST_CASE("Every row of the table holds from one version to another, and not beside", "[kubelet-gates]")
{
        const ReferenceNode node;
        node.write("/sys/bus/pci/devices/0000:00:1e.0/vendor", "0x10de\n");
        CHECK(kubelet_gates().size() == gate_rows.size()); // a new row wants one here

        for (const auto& row : gate_rows) {
                CAPTURE(row.name, row.value);
                for (unsigned minor = 22; minor <= 38; ++minor) {
                        CAPTURE(minor);
                        auto inputs =
                                node.inputs("  kubelet: {config: {podsPerCore: 3}}\n", minor_version(minor));
                        inputs.decided.soci = true;
                        inputs.decided.spared_image = "localhost/kubernetes/pause:latest";
                        CHECK((written(inputs, row.place, row.name) == row.value) ==
                                (minor >= row.since && minor < row.before));
                }

                // the patches before a bound are on its other side
                auto last = node.inputs("  kubelet: {config: {podsPerCore: 3}}\n");
                last.decided.soci = true;
                last.decided.spared_image = "localhost/kubernetes/pause:latest";

                for (const auto bound : {row.since, row.before}) {
                        if (bound == first || bound == never)
                                continue;
                        last.versions.kubelet = {1, bound - 1, 99};
                        CHECK((written(last, row.place, row.name) == row.value) == (bound == row.before));
                }
        }
}

TEST_CASE("No feature gate is set for ever", "[kubelet-gates]")
{
        for (const auto& gate : kubelet_gates())
                if (gate.name.starts_with("/featureGates/")) {
                        CAPTURE(gate.name);
                        CHECK(gate.before <= newest_kubelet);
                }

        const ReferenceNode node;
        CHECK_FALSE(config_of(node.inputs({}, {1, 40, 0})).contains("featureGates"));
}

TEST_CASE("Outside their range the credential provider's interfaces are v1", "[kubelet-gates]")
{
        const ReferenceNode node;
        for (unsigned minor = 27; minor <= 37; ++minor) {
                const auto inputs = node.inputs({}, minor_version(minor));
                CHECK(written(inputs, GatePlace::provider, "/apiVersion") == "\"kubelet.config.k8s.io/v1\"");
                CHECK(written(inputs, GatePlace::provider, "/providers/0/apiVersion") ==
                        "\"credentialprovider.kubelet.k8s.io/v1\"");
        }
}

TEST_CASE("A vendor's value for a gated key stays where the table has no say", "[kubelet-gates]")
{
        const ReferenceNode node;
        node.write(kubelet_config_template, R"({"shutdownGracePeriod": "1m", "kubeAPIQPS": 7})");
        const auto old = config_of(node.inputs({}, {1, 30, 0}));
        CHECK(old["shutdownGracePeriod"] == "1m");
        CHECK(old["kubeAPIQPS"] == 7);
}

TEST_CASE("No argument has a key in kubelet's configuration, version by version", "[kubelet-gates]")
{
        // What each kubelet has is in the stand-in's table: "type [key [since [removed]]]".
        const auto schema = Json::parse(test::source_file("helpers/data/share/kubelet/schema.json"));
        const auto has_key = [&](const std::string& flag, unsigned minor) {
                const auto& row = schema.at("flags").at(flag).get_ref<const std::string&>();
                const auto first_blank = row.find(' ');
                if (first_blank == std::string::npos)
                        return false;

                auto key = row.substr(first_blank + 1);
                key = key.substr(0, key.find(' '));
                const auto& fields = schema.at("structs").at("KubeletConfiguration");

                if (key == "-" || key.find('.') != std::string::npos)
                        return key != "-"; // keys of a part are as old as any of these kubelets

                const auto& field = fields.at(key).get_ref<const std::string&>();
                const auto since = field.find(" 1.");
                return since == std::string::npos ||
                       static_cast<unsigned>(std::stoul(field.substr(since + 3))) <= minor;
        };

        CHECK(has_key("max-pods", 23));
        CHECK(has_key("container-runtime-endpoint", 27));
        CHECK_FALSE(has_key("container-runtime-endpoint", 26));
        CHECK_FALSE(has_key("node-labels", 37));

        const ReferenceNode node;
        node.write("/sys/bus/pci/devices/0000:00:1e.0/vendor", "0x10de\n");

        for (unsigned minor = 23; minor <= 37; ++minor)
                for (const auto* spec : {"", "  kubelet: {config: {maxPods: 5}}\n",
                             "  featureGates: {InstanceIdNodeName: true}\n"}) {
                        const auto variables = variables_of(node.inputs(spec, minor_version(minor)));
                        const auto arguments = split_environment_value(variables.at("KUBELET_ARGS"));
                        CHECK(arguments.size() > 5);
                        for (const auto& text : arguments) {
                                CAPTURE(minor, text);
                                CHECK_FALSE(has_key(text.substr(2, text.find('=') - 2), minor));
                        }
                }
}

TEST_CASE("Before 1.28 the user's settings are merged into the file", "[kubelet-gates]")
{
        const ReferenceNode node;
        const auto inputs = node.inputs("  kubelet:\n    config: {maxPods: 5, kubeReserved: {cpu: 1m}, "
                                        "evictionHard: null, featureGates: {A: true}}\n",
                {1, 27, 16});
        CHECK_FALSE(has_kubelet_drop_in(inputs));

        const auto plan = plan_kubelet_config(inputs);
        CHECK(file_in(plan, std::string(kubelet_config_directory) + "/40-nodeadm.conf").kind ==
                File::Kind::absent);

        const auto config = config_of(inputs);
        CHECK(config["maxPods"] == 5);
        CHECK(config["kubeReserved"]["cpu"] == "1m");
        CHECK(config["kubeReserved"].contains("memory"));
        CHECK_FALSE(config.contains("evictionHard"));
        CHECK(config["featureGates"] == Json{{"A", true}, {"KubeletCredentialProviders", true}});
        CHECK(config["kind"] == "KubeletConfiguration");
        CHECK(config["hairpinMode"] == "hairpin-veth");
}

TEST_CASE("A kubelet that the table was not made for is configured like its neighbour", "[kubelet-gates]")
{
        for (const auto& version : {Version{1, 23, 0}, Version{1, 30, 5}, Version{1, 37, 99}})
                CHECK(kubelet_version_notes(version).empty());
        struct Wrong {
                Version version;
                const char* text;
                Level level = Level::warning;
        };

        const ReferenceNode node;

        for (const auto& [version, text, level] : {
                     Wrong{{1, 22, 17},
                             "kubelet 1.22.17 is not one of 1.23 to 1.37: the rules of 1.23 are used, proceeding"},
                     Wrong{{1, 38, 0},
                             "kubelet 1.38.0 is newer than 1.37, the newest that eksnode knows: its "
                             "rules are used",
                             Level::notice},
                     Wrong{{2, 0, 1},
                             "kubelet 2.0.1 is newer than 1.37, the newest that eksnode knows: its "
                             "rules are used",
                             Level::notice},
                     Wrong{{},
                             "kubelet 0.0.0 is not one of 1.23 to 1.37: the rules of 1.23 are used, proceeding"}}) {
                const auto plan = plan_kubelet_config(node.inputs({}, version));
                REQUIRE(plan.notes.size() == 1);
                CHECK(plan.notes[0].level == level);
                CHECK(plan.notes[0].text == text);
                const auto neighbour = node.inputs({}, std::clamp(version, oldest_kubelet, newest_kubelet));
                CHECK(config_of(node.inputs({}, version)) == config_of(neighbour));
                CHECK(variables_of(node.inputs({}, version)) == variables_of(neighbour));
        }
}

TEST_CASE(
        "A kubelet with a built-in cloud provider cannot be named after the instance id", "[kubelet-gates]")
{
        const ReferenceNode node;
        const std::string spec = "  featureGates: {InstanceIdNodeName: true}\n";
        const auto old = plan_kubelet_args(node.inputs(spec, {1, 25, 16}));
        REQUIRE(old.notes.size() == 1);
        CHECK(old.notes[0].level == Level::warning);
        CHECK(old.notes[0].text.ends_with("ignoring"));
        CHECK(plan_kubelet_args(node.inputs(spec, {1, 26, 0})).notes.empty());
        CHECK(plan_kubelet_args(node.inputs({}, {1, 25, 16})).notes.empty());

        // nor does it need the name
        auto nameless = node.inputs({}, {1, 25, 16});
        nameless.facts.local_hostname = "";
        CHECK_NOTHROW(plan_kubelet_args(nameless));
}

TEST_CASE("A feature gate that kubelet has locked keeps it from starting with another value",
        "[kubelet-gates]")
{
        CHECK(std::ranges::is_sorted(locked_gates(), {}, &LockedGate::name));

        const ReferenceNode node;
        const auto config = [](const std::string& gates) {
                return "  kubelet:\n    config: {featureGates: {" + gates + "}}\n";
        };

        const auto refused = [&](const std::string& spec, unsigned minor) {
                return test::refusal([&] { plan_kubelet_config(node.inputs(spec, minor_version(minor))); });
        };

        // 1.32 and 1.36 were seen to refuse what the table says of them.
        CHECK(refused(config("RetryGenerateName: false"), 31).failure == "nothing");
        CHECK(refused(config("RetryGenerateName: false"), 32)
                        .mentions(
                                "kubelet.config.featureGates.RetryGenerateName = false: kubelet 1.32.0 does "
                                "not start with it: the gate is locked to true"));
        CHECK(refused(config("RetryGenerateName: false"), 99).failure == "config-invalid");
        CHECK(refused(config("RetryGenerateName: true, Unknown: false"), 36).failure == "nothing");
        CHECK(refused(config("GitRepoVolumeDriver: true"), 36).failure == "config-invalid");
        CHECK(refused(config("GitRepoVolumeDriver: true"), 35).failure == "nothing");

        // In between it is likely.
        const auto notes =
                plan_kubelet_config(node.inputs(config("NodeSwap: false"), minor_version(34))).notes;
        REQUIRE(notes.size() == 1);
        CHECK(notes[0].strict);
        CHECK(notes[0].text.ends_with(
                ", column 29: kubelet.config.featureGates.NodeSwap = false: kubelet 1.34.0 does not start with "
                "it: the gate is locked to true, proceeding"));
        CHECK(plan_kubelet_config(node.inputs(config("NodeSwap: false"), minor_version(33))).notes.empty());
        CHECK(refused(config("NodeSwap: false"), 36).failure == "config-invalid");

        // What is new in 1.37 is known from its release notes.
        for (const auto* gate : {"NodeDeclaredFeatures: false", "DeclarativeValidationTakeover: true"}) {
                CAPTURE(gate);
                CHECK(plan_kubelet_config(node.inputs(config(gate), minor_version(36))).notes.empty());
                const auto locked = plan_kubelet_config(node.inputs(config(gate), minor_version(37))).notes;
                REQUIRE(locked.size() == 1);
                CHECK(locked[0].strict);
                CHECK(locked[0].text.find("kubelet 1.37.0 does not start with it") != std::string::npos);
        }

        // A flag wins over the file.
        const std::string flags = "  kubelet:\n    config: {featureGates: {NodeSwap: false}}\n    flags:\n";
        CHECK(refused(flags + "      - --feature-gates=Other=true,NodeSwap=true\n", 36).failure ==
                "nothing");
        CHECK(refused("  kubelet:\n    flags: ['--feature-gates=NodeSwap=false']\n", 36)
                        .mentions("kubelet.flags: --feature-gates=NodeSwap = false"));

        for (const auto* value : {"1", "T", "True"})
                CHECK(refused(flags + "      - --feature-gates=NodeSwap=" + value + "\n", 36).failure ==
                        "nothing");

        // Where kubelet's version is not known.
        const auto any = gate_conflicts(node.inputs(config("NodeSwap: false")).spec, {});
        REQUIRE(any.size() == 1);
        CHECK(any[0].text.find("kubelet 1.34 and later does not start") != std::string::npos);
        CHECK_FALSE(any[0].certain);
}

TEST_CASE("A feature gate that kubelet has removed keeps it from starting", "[kubelet-gates]")
{
        CHECK(std::ranges::is_sorted(removed_gates(), {}, &RemovedGate::name));

        std::map<std::string, unsigned> ours;
        for (const auto& [name, minor] : removed_gates())
                ours.emplace(name, minor);

        std::map<std::string, unsigned> known; // "1.33G! 1.37x"
        const auto schema =
                nlohmann::json::parse(test::source_file("helpers/data/share/kubelet/schema.json"));
        for (const auto& [name, row] : schema.at("gates").items())
                for (const auto stage : split(row.get_ref<const std::string&>(), ' '))
                        if (stage.ends_with('x'))
                                known.emplace(name, *parse_int<unsigned>(stage.substr(2, stage.size() - 3)));
        CHECK(ours == known);

        const ReferenceNode node;
        const std::string gate = "  kubelet:\n    config: {featureGates: {AnyVolumeDataSource: true}}\n";
        const auto refused = [&](const std::string& spec, unsigned minor) {
                return test::refusal([&] { plan_kubelet_config(node.inputs(spec, minor_version(minor))); });
        };

        CHECK(refused(gate, 36).failure == "nothing");

        const auto result = refused(gate, 37);
        CHECK(result.failure == "config-invalid");
        CHECK(result.mentions(
                ", column 29: kubelet.config.featureGates.AnyVolumeDataSource = true: kubelet 1.37.0 "
                "does not start with it: the gate was removed in 1.37"));
        CHECK(refused("  kubelet:\n    flags: ['--feature-gates=AppArmor=true']\n", 33)
                        .mentions(
                                ", column 13: kubelet.flags: --feature-gates=AppArmor = true: kubelet 1.33.0 does"));

        const auto any = gate_conflicts(node.inputs(gate).spec, {});
        REQUIRE(any.size() == 1);
        CHECK(any[0].text.find("kubelet 1.37 and later does not start with it") != std::string::npos);
}
