// SPDX-License-Identifier: Apache-2.0
#include <ostream>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "config/kubelet_flags.hpp"
#include "support.hpp"

using namespace eks;

namespace eks {

std::ostream& operator<<(std::ostream& out, const KubeletFlag& flag)
{
        return out << flag.index << ":" << flag.name << "=" << flag.value.value_or("(none)");
}

} // namespace eks

TEST_CASE("The table of flags with a key is sorted, and no flag is there twice", "[kubelet-flags]")
{
        const auto keys = kubelet_flag_keys();
        CHECK(keys.size() >= 100);

        for (std::size_t i = 1; i < keys.size(); ++i) {
                CAPTURE(keys[i].flag);
                CHECK(keys[i - 1].flag < keys[i].flag);
        }

        for (const auto& entry : keys) {
                CAPTURE(entry.flag);
                CHECK_FALSE(entry.key.empty());
                CHECK(find_kubelet_flag_key(entry.flag) == &entry);
                CHECK(is_kubelet_switch(entry.flag) == entry.is_switch);
        }
}

TEST_CASE("The table says what the stand-in kubelet of the boot tests believes", "[kubelet-flags]")
{
        // name -> "type [field [since [removed]]]"
        const auto schema =
                nlohmann::json::parse(test::source_file("helpers/data/share/kubelet/schema.json"));
        std::size_t with_field = 0;

        for (const auto& [name, row] : schema.at("flags").items()) {
                const auto text = row.get<std::string>();
                const auto blank = text.find(' ');
                const auto rest = blank == std::string::npos ? "-" : text.substr(blank + 1);

                const auto field = rest.substr(0, rest.find(' '));
                if (field == "-")
                        continue;

                ++with_field;
                CAPTURE(name);
                const auto* entry = find_kubelet_flag_key(name);
                REQUIRE(entry != nullptr);
                CHECK(entry->key == field);
                CHECK(entry->is_switch == (text.substr(0, blank) == "bool"));
        }

        // kubelet joins --seccomp-default and its key by "or", which the stand-in does not do
        CHECK(kubelet_flag_keys().size() == with_field + 1);
}

TEST_CASE("Flags lead to their keys, also where the names differ", "[kubelet-flags]")
{
        struct Row {
                std::string flag;
                std::string key;
        };
        const std::vector<Row> rows{
                {"max-pods", "maxPods"},
                {"registry-qps", "registryPullQPS"},
                {"event-qps", "eventRecordQPS"},
                {"register-with-taints", "registerWithTaints"},
                {"kube-api-content-type", "contentType"},
                {"manifest-url", "staticPodURL"},
                {"pod-manifest-path", "staticPodPath"},
                {"pod-max-pids", "podPidsLimit"},
                {"reserved-cpus", "reservedSystemCPUs"},
                {"rotate-server-certificates", "serverTLSBootstrap"},
                {"minimum-image-ttl-duration", "imageMinimumGCAge"},
                {"image-gc-high-threshold", "imageGCHighThresholdPercent"},
                {"anonymous-auth", "authentication.anonymous.enabled"},
                {"client-ca-file", "authentication.x509.clientCAFile"},
                {"logging-format", "logging.format"},
                {"v", "logging.verbosity"},
                {"contention-profiling", "enableContentionProfiling"},
                {"seccomp-default", "seccompDefault"},
                {"cluster-dns", "clusterDNS"},
        };

        for (const auto& row : rows) {
                CAPTURE(row.flag);
                const auto* entry = find_kubelet_flag_key(row.flag);
                REQUIRE(entry != nullptr);
                CHECK(entry->key == row.key);
        }

        for (const auto* none :
                {"node-labels", "node-ip", "hostname-override", "root-dir", "kubeconfig", "config",
                        "cloud-provider", "runtime-cgroups", "", "max", "max-pods-", "zzz", "MAX-PODS"})
                CHECK(find_kubelet_flag_key(none) == nullptr);
}

TEST_CASE("Switches need no value, other flags do, of unknown ones we cannot say", "[kubelet-flags]")
{
        for (const auto* flag :
                {"register-node", "fail-swap-on", "seccomp-default", "version", "help", "anonymous-auth"})
                CHECK(is_kubelet_switch(flag) == true);

        for (const auto* flag : {"max-pods", "node-labels", "v", "node-ip", "config", "root-dir"})
                CHECK(is_kubelet_switch(flag) == false);
        for (const auto* flag : {"no-such-flag", "", "max_pods"})
                CHECK_FALSE(is_kubelet_switch(flag).has_value());
}

TEST_CASE("Lists and maps add up, taints and single values do not", "[kubelet-flags]")
{
        for (const auto* flag :
                {"node-labels", "feature-gates", "kube-reserved", "cluster-dns", "reserved-memory"})
                CHECK(adds_up(flag));
        for (const auto* flag : {"register-with-taints", "max-pods", "v", "no-such-flag", ""})
                CHECK_FALSE(adds_up(flag));
}

TEST_CASE("Flags are read as kubelet reads them", "[kubelet-flags]")
{
        struct Row {
                std::vector<std::string> arguments;
                std::vector<KubeletFlag> flags;
        };
        const std::vector<Row> rows{
                {{}, {}},
                {{"--max-pods=20"}, {{"max-pods", "20", 0}}},
                {{"--max-pods="}, {{"max-pods", "", 0}}},
                {{"--max-pods", "20"}, {{"max-pods", "20", 0}}},
                {{"--max-pods 20"}, {{"max-pods 20", std::nullopt, 0}}},
                {{"--node-labels", "", "--v=2"}, {{"node-labels", "", 0}, {"v", "2", 2}}},
                {{""}, {{"", "", 0}}},
                {{"--max_pods=20"}, {{"max-pods", "20", 0}}},
                {{"--node_labels=a_b=c_d"}, {{"node-labels", "a_b=c_d", 0}}},
                {{"--node-labels=a=b,c=d"}, {{"node-labels", "a=b,c=d", 0}}},
                {{"--node-labels=a=b", "--node-labels", "c=d"},
                        {{"node-labels", "a=b", 0}, {"node-labels", "c=d", 1}}},
                {{"--cert-dir=/a b --v=2"}, {{"cert-dir", "/a b --v=2", 0}}},
                // switches do not look at what follows
                {{"--register-node"}, {{"register-node", std::nullopt, 0}}},
                {{"--register-node=false"}, {{"register-node", "false", 0}}},
                {{"--register-node", "--v=2"}, {{"register-node", std::nullopt, 0}, {"v", "2", 1}}},
                {{"--register-node", "false"}, {{"register-node", std::nullopt, 0}, {"", "false", 1}}},
                // other flags take whatever follows
                {{"--max-pods", "--v=2"}, {{"max-pods", "--v=2", 0}}},
                {{"--max-pods"}, {{"max-pods", std::nullopt, 0}}},
                {{"--v=2", "--node-ip", "::"}, {{"v", "2", 0}, {"node-ip", "::", 1}}},
                // flags that we do not know take a word
                {{"--new-flag", "word"}, {{"new-flag", "word", 0}}},
                {{"--new-flag", "--v=2"}, {{"new-flag", std::nullopt, 0}, {"v", "2", 1}}},
                {{"--new-flag"}, {{"new-flag", std::nullopt, 0}}},
                // one dash
                {{"-v=4"}, {{"v", "4", 0}}},
                {{"-v4"}, {{"v", "4", 0}}},
                {{"-v", "4"}, {{"v", "4", 0}}},
                {{"-h"}, {{"help", std::nullopt, 0}}},
                {{"-max-pods=20"}, {{"", "-max-pods=20", 0}}},
                {{"-version"}, {{"", "-version", 0}}},
                // no flags
                {{"word"}, {{"", "word", 0}}},
                {{"--"}, {{"", "--", 0}}},
                {{"-"}, {{"", "-", 0}}},
                {{"---v=2"}, {{"", "---v=2", 0}}},
                {{"--=2"}, {{"", "--=2", 0}}},
        };

        for (const auto& row : rows) {
                CAPTURE(row.arguments);
                CHECK(parse_kubelet_flags(row.arguments).parsed == row.flags);
        }
}
