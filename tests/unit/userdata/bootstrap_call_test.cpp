// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "base/text.hpp"
#include "config/bootstrap_call.hpp"
#include "support.hpp"
#include "userdata/documents.hpp"

using eks::Json;
using eks::parse_bootstrap_call;
using eks::Where;
using test::refusal;
using namespace std::string_literals;

namespace {

eks::Layer parsed(const std::string& script)
{
        return parse_bootstrap_call(script, "user data").value();
}

test::Refusal refused(const std::string& script)
{
        return refusal([&] { parse_bootstrap_call(script, "user data"); });
}

// A call with these arguments.
std::string call(const std::string& arguments)
{
        return "/etc/eks/bootstrap.sh " + arguments + "\n";
}

Json tree(const std::string& script)
{
        return parsed(script).tree;
}
Json flags(const std::string& arguments)
{
        return tree(call("c --kubelet-extra-args " + arguments)).at("kubelet").at("flags");
}

std::string notes(const eks::Layer& layer)
{
        std::string all;
        for (const auto& note : layer.notes) {
                CHECK(note.level == eks::Level::warning);
                all += note.text + "\n";
        }
        return all;
}

} // namespace

TEST_CASE("The call of a managed node group is translated", "[bootstrap-call]")
{
        const auto layer =
                parsed("#!/bin/bash\n"
                       "set -ex\n"
                       "B64_CLUSTER_CA=Y2E=\n"
                       "API_SERVER_URL=https://example.eks.amazonaws.com\n"
                       "K8S_CLUSTER_DNS_IP=10.100.0.10\n"
                       "/etc/eks/bootstrap.sh my-cluster --kubelet-extra-args "
                       "'--node-labels=eks.amazonaws.com/capacityType=ON_DEMAND,a=b --max-pods=17' "
                       "--b64-cluster-ca $B64_CLUSTER_CA --apiserver-endpoint $API_SERVER_URL "
                       "--dns-cluster-ip $K8S_CLUSTER_DNS_IP --use-max-pods false\n");
        CHECK(layer.tree ==
                Json{{"cluster", {{"name", "my-cluster"},
                                         {"apiServerEndpoint", "https://example.eks.amazonaws.com"},
                                         {"certificateAuthority", "Y2E="}}},
                        {"kubelet", {{"config", {{"clusterDNS", {"10.100.0.10"}}, {"maxPods", 17}}},
                                            {"flags", {"--node-labels=eks.amazonaws.com/"
                                                       "capacityType=ON_DEMAND,a=b",
                                                              "--max-pods=17"}}}}});
        CHECK(layer.source == "user data");
        CHECK(layer.notes.empty());
        CHECK(layer.marks.at("cluster.name") == Where{"user data", 6, 23});
        CHECK(layer.marks.at("kubelet.flags[1]").line == 6);
}

TEST_CASE("The call of Karpenter is translated, and every key knows its line", "[bootstrap-call]")
{
        const std::string script =
                "#!/bin/bash -xe\n"
                "exec > >(tee /var/log/user-data.log|logger -t user-data -s 2>/dev/console) 2>&1\n"
                "/etc/eks/bootstrap.sh 'test-cluster' --apiserver-endpoint 'https://test-cluster' "
                "--b64-cluster-ca 'Y2EtYnVuZGxl' \\\n"
                "--dns-cluster-ip '10.0.100.10' \\\n"
                "--use-max-pods false \\\n"
                "--kubelet-extra-args '--node-labels=\"test-label=test-value\" --max-pods=110'\n";
        const Json expected{
                {"cluster", {{"name", "test-cluster"}, {"apiServerEndpoint", "https://test-cluster"},
                                    {"certificateAuthority", "Y2EtYnVuZGxl"}}},
                {"kubelet", {{"config", {{"clusterDNS", {"10.0.100.10"}}, {"maxPods", 110}}},
                                    {"flags", {"--node-labels=test-label=test-value", "--max-pods=110"}}}}};
        for (const auto& text : {script, test::crlf(script)}) {
                const auto layer = parsed(text);
                CHECK(layer.tree == expected);
                CHECK(layer.marks.at("cluster.certificateAuthority").line == 3);
                CHECK(layer.marks.at("kubelet.config.clusterDNS") == Where{"user data", 4, 1});
                CHECK(layer.marks.at("kubelet.config.clusterDNS[0]").line == 4);
                CHECK(layer.marks.at("kubelet.config.maxPods").line == 5);
                CHECK(layer.marks.at("kubelet.flags").line == 6);
                CHECK(layer.marks.at("kubelet.flags[0]").line == 6);
        }
}

TEST_CASE("All flags of bootstrap.sh are known, with both ways to give a value", "[bootstrap-call]")
{
        const std::string spaced =
                call("--apiserver-endpoint https://a --aws-api-retry-attempts 5 --b64-cluster-ca QQ== "
                     "--cluster-id 1234 --container-runtime containerd --containerd-config-file /etc/c.toml "
                     "--dns-cluster-ip fd00::a --docker-config-json '{\"bridge\": \"none\"}' "
                     "--enable-docker-bridge true --enable-local-outpost true --ip-family IPv6 "
                     "--kubelet-extra-args '-v=3' --local-disks raid0 --mount-bpf-fs false "
                     "--pause-container-account 602401143452 --pause-container-version 3.5 "
                     "--service-ipv4-cidr 10.100.0.0/16 --service-ipv6-cidr fd00::/108 "
                     "--use-max-pods false c");
        std::string equals = spaced;
        for (auto at = equals.find(" --"); at != std::string::npos; at = equals.find(" --", at + 1))
                equals[equals.find(' ', at + 1)] = '=';
        const Json expected{{"cluster", {{"name", "c"}, {"apiServerEndpoint", "https://a"},
                                                {"certificateAuthority", "QQ=="}, {"id", "1234"},
                                                {"cidr", "fd00::/108"}, {"enableOutpost", true}}},
                {"kubelet",
                        {{"config", {{"clusterDNS", {"fd00::a"}}, {"maxPods", 110}}}, {"flags", {"-v=3"}}}},
                {"instance", {{"localStorage", {{"strategy", "RAID0"}}}}}};
        for (const auto& script : {spaced, equals}) {
                CAPTURE(script);
                const auto layer = parsed(script);
                CHECK(layer.tree == expected);
                const auto said = notes(layer);
                for (const auto* flag :
                        {"--aws-api-retry-attempts", "--containerd-config-file", "--docker-config-json",
                                "--enable-docker-bridge", "--mount-bpf-fs", "--pause-container-account",
                                "--pause-container-version", "--service-ipv4-cidr"})
                        CHECK(said.find(": "s + flag + ": ") != std::string::npos);
                CHECK(layer.notes.size() == 8);
                CHECK(said.find("user data, line 1, column ") == 0);
        }
}

TEST_CASE("Exported variables are as good as flags", "[bootstrap-call]")
{
        const std::string variables =
                "export APISERVER_ENDPOINT=https://a\n"
                "export API_RETRY_ATTEMPTS=5 B64_CLUSTER_CA=QQ==\n"
                "CLUSTER_ID=1234\n"
                "export CLUSTER_ID\n"
                "declare -x CONTAINER_RUNTIME=containerd\n"
                "export CONTAINERD_CONFIG_FILE=/etc/c.toml\n"
                "export DOCKER_CONFIG_JSON={}\n"
                "export DNS_CLUSTER_IP=fd00::a\n"
                "export ENABLE_DOCKER_BRIDGE=true ENABLE_LOCAL_OUTPOST=false\n"
                "export IP_FAMILY=ipv6\n"
                "set -a; KUBELET_EXTRA_ARGS='--a=b -v 3'; set +a\n"
                "export LOCAL_DISKS=mount\n"
                "export MOUNT_BPF_FS=true PAUSE_CONTAINER_ACCOUNT=1 PAUSE_CONTAINER_VERSION=3.5\n"
                "export PAUSE_CONTAINER_IMAGE=x PRIVATE_DNS_NAME_MAX_ATTEMPTS=1\n"
                "export SERVICE_IPV4_CIDR=\n"
                "export SERVICE_IPV6_CIDR=fd00::/108\n"
                "export USE_MAX_PODS=false\n";
        const auto layer = parsed(variables + "/etc/eks/bootstrap.sh c\n");
        CHECK(layer.tree == Json{{"cluster", {{"name", "c"}, {"apiServerEndpoint", "https://a"},
                                                     {"certificateAuthority", "QQ=="}, {"id", "1234"},
                                                     {"cidr", "fd00::/108"}, {"enableOutpost", false}}},
                                    {"kubelet", {{"config", {{"clusterDNS", {"fd00::a"}}, {"maxPods", 110}}},
                                                        {"flags", {"--a=b", "-v=3"}}}},
                                    {"instance", {{"localStorage", {{"strategy", "Mount"}}}}}});
        CHECK(layer.marks.at("cluster.id").line == 3);
        CHECK(layer.marks.at("kubelet.flags").line == 11);
        CHECK(layer.marks.at("kubelet.config.maxPods").line == 17);
        const auto said = notes(layer);
        CHECK(said.find("user data, line 2, column 8: API_RETRY_ATTEMPTS: ") != std::string::npos);
        CHECK(said.find("user data, line 14, column 8: PAUSE_CONTAINER_IMAGE: ") != std::string::npos);
        CHECK(layer.notes.size() == 9);

        // A flag wins; what is not exported is not seen; sudo lets nothing pass.
        const auto dns = [](const std::string& script) {
                const auto found = tree(script);
                return found.contains("kubelet")
                               ? found["kubelet"]["config"]["clusterDNS"][0].get<std::string>()
                               : "none";
        };
        CHECK(dns("export DNS_CLUSTER_IP=10.0.0.1\n/etc/eks/bootstrap.sh c --dns-cluster-ip 10.0.0.2\n") ==
                "10.0.0.2");
        CHECK(dns("export DNS_CLUSTER_IP=10.0.0.1\n/etc/eks/bootstrap.sh c --dns-cluster-ip ''\n") ==
                "none");
        CHECK(dns("DNS_CLUSTER_IP=10.0.0.1\n/etc/eks/bootstrap.sh c\n") == "none");
        CHECK(dns("DNS_CLUSTER_IP=10.0.0.1\n. /etc/eks/bootstrap.sh c\n") == "10.0.0.1");
        CHECK(dns("DNS_CLUSTER_IP=10.0.0.1 /etc/eks/bootstrap.sh c\n") == "10.0.0.1");
        CHECK(dns("export DNS_CLUSTER_IP=10.0.0.1\nexport -n DNS_CLUSTER_IP\n/etc/eks/bootstrap.sh c\n") ==
                "none");
        CHECK(dns("export DNS_CLUSTER_IP=10.0.0.1\nunset DNS_CLUSTER_IP\n/etc/eks/bootstrap.sh c\n") ==
                "none");
        CHECK(dns("export DNS_CLUSTER_IP=10.0.0.1\nsudo -E /etc/eks/bootstrap.sh c\n") == "10.0.0.1");
        CHECK(dns("export DNS_CLUSTER_IP=10.0.0.1\nsudo DNS_CLUSTER_IP=10.0.0.2 /etc/eks/bootstrap.sh "
                  "c\n") == "10.0.0.2");
        CHECK(dns("env -i DNS_CLUSTER_IP=10.0.0.2 bash /etc/eks/bootstrap.sh c\n") == "10.0.0.2");
        const auto lost = parsed("export DNS_CLUSTER_IP=10.0.0.1\nsudo /etc/eks/bootstrap.sh c\n");
        CHECK_FALSE(lost.tree.contains("kubelet"));
        CHECK(notes(lost).find("user data, line 1, column 8: DNS_CLUSTER_IP: the call does not see it") ==
                0);
}

TEST_CASE("A call is found however it is written", "[bootstrap-call]")
{
        const std::vector<std::string> rows{
                "/etc/eks/bootstrap.sh c d=e",
                "  \t/etc/eks/bootstrap.sh c",
                "/etc/eks/bootstrap.sh c # a comment",
                "/etc/eks/bootstrap.sh c;",
                "/etc/eks/bootstrap.sh c&",
                "/etc/eks/bootstrap.sh c >/var/log/x 2>&1 </dev/null",
                "/etc/eks/bootstrap.sh c 2>&1 | tee -a /var/log/x",
                "/etc/eks/bootstrap.sh c &>> /var/log/x",
                "/etc/eks/bootstrap.sh c || exit 1",
                "true && /etc/eks/bootstrap.sh c",
                "/etc/eks/bootstrap.sh \\\n  c \\\n",
                "/etc/eks\\\n/bootstrap.sh c",
                "'/etc/eks/bootstrap.sh' \"c\"",
                "/etc/eks/\"bootstrap.sh\" 'c'",
                "\\/etc/eks/bootstrap.sh c",
                "bash /etc/eks/bootstrap.sh c",
                "/bin/bash -xe -o pipefail /etc/eks/bootstrap.sh c",
                "bash --norc +x -euo pipefail -- /etc/eks/bootstrap.sh c",
                "sh /etc/eks/bootstrap.sh c",
                "sudo /etc/eks/bootstrap.sh c",
                "sudo -u root -E -- bash -x /etc/eks/bootstrap.sh c",
                "exec /etc/eks/bootstrap.sh c",
                "exec -a name /etc/eks/bootstrap.sh c",
                "exec sudo env A=b bash /etc/eks/bootstrap.sh c",
                "nohup /etc/eks/bootstrap.sh c &",
                "time -p /etc/eks/bootstrap.sh c",
                "nice -n 5 timeout -k 5 600 /etc/eks/bootstrap.sh c",
                "command /etc/eks/bootstrap.sh c",
                "source /etc/eks/bootstrap.sh c",
                "A=b C= /etc/eks/bootstrap.sh c",
                "B=/etc/eks/bootstrap.sh\n$B c",
                "B=/etc/eks\n\"${B}/bootstrap.sh\" c",
                "C='/etc/eks/bootstrap.sh c'\n$C",
                "if [ -x /etc/eks/bootstrap.sh ]; then\n  /etc/eks/bootstrap.sh c\nfi",
                "if ! /etc/eks/bootstrap.sh c; then shutdown now; fi",
                "until /etc/eks/bootstrap.sh c\ndo sleep 5; done",
                "for i in 1 2 3; do /etc/eks/bootstrap.sh c && break; done",
                "for ((i = 0; i < 3; i++)); do /etc/eks/bootstrap.sh c; done",
                "case $(uname -m) in\n x86_64) echo ;;\n (arm64|aarch64)\n  /etc/eks/bootstrap.sh c "
                ";;\nesac",
                "main() {\n/etc/eks/bootstrap.sh c\n}\nmain",
                "function main {\n/etc/eks/bootstrap.sh c\n}\nmain",
                "function main() { /etc/eks/bootstrap.sh c; }; main",
                "{ /etc/eks/bootstrap.sh c; } 2>&1",
                "(cd /; /etc/eks/bootstrap.sh c)",
                "(( 1 << 2 ))\n/etc/eks/bootstrap.sh c",
                "[[ -n $X && 5 > 4 ]] && /etc/eks/bootstrap.sh c",
                "cat <<EOF\n/etc/eks/bootstrap.sh wrong\n'\n EOF\nEOF\n/etc/eks/bootstrap.sh c",
                "cat > /x <<-'E F' <<\\G; echo\n\t/etc/eks/bootstrap.sh wrong\n\tE "
                "F\n\"\nG\n/etc/eks/bootstrap.sh c",
                "cat <<< '/etc/eks/bootstrap.sh wrong'\n/etc/eks/bootstrap.sh c",
                "# don't\n# /etc/eks/bootstrap.sh wrong\necho a#b 'it'\\''s'\n/etc/eks/bootstrap.sh c",
                "X=(a 'b)' c)\nY=$(echo \")\" '(' `date`)\n/etc/eks/bootstrap.sh c",
                "sed -i 's/a/b/' /etc/eks/bootstrap.sh\n/etc/eks/bootstrap.sh c",
                "/etc/eks/bootstrap.sh --help\n/etc/eks/bootstrap.sh c",
                "/etc/eks/bootstrap.sh c\n/etc/eks/bootstrap.sh c",
                "/etc/eks/bootstrap.sh c\necho 'an open quotation",
                "/etc/eks/bootstrap.sh c\n)) }} fi done ;; <<",
        };
        for (const auto& row : rows)
                for (const auto& script :
                        {row, row + "\n", "#!/bin/bash\nset -euo pipefail\n" + row + "\necho done\n",
                                test::crlf("#!/usr/bin/env bash\n" + row + "\n")}) {
                        CAPTURE(script);
                        const auto layer = parse_bootstrap_call(script, "user data");
                        REQUIRE(layer);
                        CHECK(layer->tree == Json{{"cluster", {{"name", "c"}}}});
                }
}

TEST_CASE("What is no call is nothing", "[bootstrap-call]")
{
        const std::vector<std::string> rows{
                "",
                "\n",
                "#!/bin/bash\n",
                "#!/bin/bash\necho hello\n",
                "# /etc/eks/bootstrap.sh c\n",
                "echo /etc/eks/bootstrap.sh c\n",
                "echo '\n/etc/eks/bootstrap.sh c\n'\n",
                "cat <<EOF\n/etc/eks/bootstrap.sh c\nEOF\n",
                "cat <<EOF\n/etc/eks/bootstrap.sh c\n",
                "chmod +x /etc/eks/bootstrap.sh\n",
                "[ -f /etc/eks/bootstrap.sh ] || exit 1\n",
                "command -v /etc/eks/bootstrap.sh\n",
                "bash -n /etc/eks/bootstrap.sh\n",
                "bash -c '/etc/eks/bootstrap.sh c'\n",
                "bash other.sh /etc/eks/bootstrap.sh c\n",
                "sudo -u root cat /etc/eks/bootstrap.sh\n",
                "sudo\nenv\nexec\nbash -x\nsource\ntimeout\nnice -n\nbootstrap.sh c\n",
                "/opt/etc/eks/bootstrap.sh c\n",
                "/etc/eks/bootstrap.sh.orig c\n",
                "$UNKNOWN/bootstrap.sh c\n",
                "sudo $UNKNOWN /etc/eks/bootstrap.sh c\n",
                "X=/etc/eks/bootstrap.sh\n",
                "/etc/eks/bootstrap.sh --help\n",
                "/etc/eks/bootstrap.sh -h c --dns-cluster-ip nonsense\n",
                "#!/usr/bin/python3\n/etc/eks/bootstrap.sh c\n",
                "#!/usr/bin/perl -w\n/etc/eks/bootstrap.sh c\n",
                "echo 'open /etc/eks/bootstrap.sh c\n",
                "\xff\xfe\0/etc/eks/bootstrap.sh c"s,
        };
        for (const auto& row : rows) {
                CAPTURE(row);
                CHECK_FALSE(parse_bootstrap_call(row, "user data"));
        }
}

TEST_CASE("Words are what the shell makes of them", "[bootstrap-call]")
{
        struct Row {
                std::string word; // the flags of kubelet
                Json flags;
        };
        const std::vector<Row> rows{
                {"--a=b", {"--a=b"}},
                {"'--a=b --c=d'", {"--a=b", "--c=d"}},
                {"\"--a=b --c=d\"", {"--a=b", "--c=d"}},
                {"--a=b\\ --c=d", {"--a=b", "--c=d"}},
                {"--a='b'\"c\"d\\e", {"--a=bcde"}},
                {"\"--a=b \\\n  --c=d\"", {"--a=b", "--c=d"}},
                {"'--a=b\n\t--c=d\n'", {"--a=b", "--c=d"}},
                {"\"--a=\\$b\\`\\n\"", {"--a=$b`n"}}, // systemd took a backslash of its own away
                {"'--a=$X'", {"--a=$X"}},
                {"\"--a=$\"", {"--a=$"}},
                {"--a=$%", {"--a=$%"}},
                {"--a=b$X", {"--a=bx"}},
                {"--a=${X}y", {"--a=xy"}},
                {"\"--a=$X$X --c=${TWO}\"", {"--a=xx", "--c=--y=1", "--z=2"}},
                {"\"$TWO\"", {"--y=1", "--z=2"}},
                {"=--a=b", "refused"},
                {"'--a=\"b c\" --d'", {"--a=b c", "--d"}},
                {"\"--a='b c'\"", {"--a=b c"}},
                {"'--a=b\\ c'", {"--a=b c"}},
                {"'--max-pods 17 -v 3'", {"--max-pods=17", "-v=3"}},
                {"'--a={\"b\":1}'", {"--a={b:1}"}},
                {"--a=b#c", {"--a=b#c"}},
                {"--a=*", {"--a=*"}},
                {"'--a=\"\"'", {"--a="}},
        };
        for (const auto& row : rows) {
                CAPTURE(row.word);
                const auto script = "X=x\nTWO='--y=1 --z=2'\n" + call("c --kubelet-extra-args " + row.word);
                if (row.flags == "refused")
                        CHECK(refused(script).failure == "config-invalid");
                else
                        CHECK(tree(script).at("kubelet").at("flags") == row.flags);
        }
        CHECK(flags("'--a' --use-max-pods true") == Json{"--a"});
        CHECK_FALSE(tree(call("c --kubelet-extra-args ''")).contains("kubelet"));
        CHECK_FALSE(tree(call("c --kubelet-extra-args ' '")).contains("kubelet"));
}

TEST_CASE("An unquoted variable may be several words or none", "[bootstrap-call]")
{
        const Json expected{{"cluster", {{"name", "c"}, {"id", "1"}}}};
        const std::vector<std::string> rows{
                "ARGS='c --cluster-id 1'\n/etc/eks/bootstrap.sh $ARGS\n",
                "ARGS=' c\n--cluster-id\t1 '\n/etc/eks/bootstrap.sh $ARGS\n",
                "NONE=\n/etc/eks/bootstrap.sh $NONE c --cluster-id $NONE 1 $NONE\n",
                "A=' --cluster-'\n/etc/eks/bootstrap.sh c${A}id 1\n",
                "A='c '\nB=--cluster-id\n/etc/eks/bootstrap.sh $A$B 1\n",
                "A=c; A+=' --cluster-id'; A=\"$A 1\"\n/etc/eks/bootstrap.sh $A\n",
                "A=b; A=c; readonly A; /etc/eks/bootstrap.sh \"$A\" --cluster-id 1\n",
                "if true; then A=c; /etc/eks/bootstrap.sh $A --cluster-id 1; fi\n",
                "export A=c && export B=1 && /etc/eks/bootstrap.sh $A --cluster-id $B\n",
                "true && { A=c; /etc/eks/bootstrap.sh $A --cluster-id 1; }\n",
                "{ A=c; }; /etc/eks/bootstrap.sh $A --cluster-id 1\n",
                "{ { A=c; }; B=1; }; /etc/eks/bootstrap.sh $A --cluster-id $B\n",
                "if false; then A=b; fi; A=c; /etc/eks/bootstrap.sh $A --cluster-id 1\n",
                "A=b /bin/true; A=c; A=b true; /etc/eks/bootstrap.sh $A --cluster-id 1\n",
                "A=c\nprintf '%s' A\nread -r B < /x\n/etc/eks/bootstrap.sh $A --cluster-id 1\n",
                "A=c\nfor B in A C; do :; done\n/etc/eks/bootstrap.sh $A --cluster-id 1\n",
        };
        for (const auto& row : rows) {
                CAPTURE(row);
                CHECK(tree(row) == expected);
        }
        // As in the shell: the word that is not there shifts the others.
        CHECK(refused("NONE=\n/etc/eks/bootstrap.sh c --dns-cluster-ip $NONE --use-max-pods false\n")
                        .mentions("--dns-cluster-ip = \"--use-max-pods\": not an IP address"));
        CHECK(tree("NONE=\n/etc/eks/bootstrap.sh c --dns-cluster-ip \"$NONE\" --use-max-pods true\n") ==
                Json{{"cluster", {{"name", "c"}}}});
}

TEST_CASE("What only the running script knows is refused where it is needed", "[bootstrap-call]")
{
        struct Row {
                std::string script;
                std::string wrong;
        };
        const std::vector<Row> rows{
                {"/etc/eks/bootstrap.sh $(cat /x)\n",
                        "user data, line 1, column 23: the cluster's name = \"$(cat /x)\": cannot be "
                        "evaluated: a command substitution"},
                {"/etc/eks/bootstrap.sh `cat /x`\n",
                        "the cluster's name = \"`cat /x`\": cannot be evaluated: a command"},
                {"/etc/eks/bootstrap.sh $NAME\n",
                        "= \"$NAME\": cannot be evaluated: not set by the lines above"},
                {"/etc/eks/bootstrap.sh \"${NAME}\"\n",
                        "= \"$NAME\": cannot be evaluated: not set by the lines above"},
                {"/etc/eks/bootstrap.sh $1\n",
                        "\"$1\": cannot be evaluated: known only to the running script"},
                {"/etc/eks/bootstrap.sh \"$@\"\n", "\"$@\": cannot be evaluated"},
                {"/etc/eks/bootstrap.sh ${NAME:-c}\n",
                        "\"${NAME:-c}\": cannot be evaluated: a parameter expansion"},
                {"/etc/eks/bootstrap.sh ${NAME\n",
                        "\"${NAME\\n\": cannot be evaluated: a parameter expansion"},
                {"/etc/eks/bootstrap.sh $((1+1))\n", "\"$((1+1))\": cannot be evaluated: arithmetic"},
                {"/etc/eks/bootstrap.sh $'c'\n",
                        "\"$'c'\": cannot be evaluated: a quotation that this version"},
                {"/etc/eks/bootstrap.sh 'c\n",
                        "the cluster's name: cannot be evaluated: a quotation without an end"},
                {"/etc/eks/bootstrap.sh \"c\n", "cannot be evaluated: a quotation without an end"},
                {"/etc/eks/bootstrap.sh <(echo)\n",
                        "\"<(echo)\": cannot be evaluated: a process substitution"},
                {"NAME=$(aws x)\n/etc/eks/bootstrap.sh $NAME\n",
                        "user data, line 2, column 23: the cluster's name = \"$(aws x)\": cannot be "
                        "evaluated: a command"},
                {"A=$(aws x)\nB=x${A}\n/etc/eks/bootstrap.sh $B\n",
                        "\"$(aws x)\": cannot be evaluated: a command"},
                {"read NAME\n/etc/eks/bootstrap.sh $NAME\n",
                        "\"$NAME\": cannot be evaluated: set by the running script"},
                {"N=c\nread -p x N\n/etc/eks/bootstrap.sh $N\n",
                        "\"$N\": cannot be evaluated: set by the running script"},
                {"printf -v N c\n/etc/eks/bootstrap.sh $N\n",
                        "\"$N\": cannot be evaluated: set by the running script"},
                {"for N in a b; do /etc/eks/bootstrap.sh $N; done\n",
                        "\"$N\": cannot be evaluated: set by the running script"},
                {"if x; then N=a; else N=b; fi\n/etc/eks/bootstrap.sh $N\n",
                        "\"$N\": cannot be evaluated: set under a condition"},
                {"if x; then N=a; else /etc/eks/bootstrap.sh $N; fi\n",
                        "\"$N\": cannot be evaluated: set under a condition"},
                {"case x in a) N=a;; b) /etc/eks/bootstrap.sh $N;; esac\n",
                        "\"$N\": cannot be evaluated: set under a condition"},
                {"N=b\nx && N=a\n/etc/eks/bootstrap.sh $N\n",
                        "\"$N\": cannot be evaluated: set under a condition"},
                {"N=b || N=a\n/etc/eks/bootstrap.sh $N\n",
                        "\"$N\": cannot be evaluated: set under a condition"},
                {"x && { N=a; }\n/etc/eks/bootstrap.sh $N\n",
                        "\"$N\": cannot be evaluated: set under a condition"},
                {"(N=a)\n/etc/eks/bootstrap.sh $N\n", "\"$N\": cannot be evaluated: set under a condition"},
                {"f() { N=a; }\n/etc/eks/bootstrap.sh $N\n",
                        "\"$N\": cannot be evaluated: set under a condition"},
                {"function f { N=a; }\n/etc/eks/bootstrap.sh $N\n",
                        "\"$N\": cannot be evaluated: set under a condition"},
                {"N=(a b)\n/etc/eks/bootstrap.sh $N\n", "\"(a b)\": cannot be evaluated: an array"},
                {"N=a\nunset N\n/etc/eks/bootstrap.sh $N\n",
                        "\"$N\": cannot be evaluated: not set by the lines above"},
                {call("c --b64-cluster-ca $(aws eks describe-cluster --name c)"),
                        "user data, line 1, column 25: --b64-cluster-ca = \"$(aws eks describe-cluster "
                        "--name c)\": cannot be"},
                {call("c --apiserver-endpoint=$URL"),
                        "--apiserver-endpoint = \"$URL\": cannot be evaluated"},
                {call("c --kubelet-extra-args \"--a=b --node-ip=$(curl -s http://169.254.169.254/x)\""),
                        "--kubelet-extra-args = \"$(curl -s http://169.254.169.254/x)\": cannot be "
                        "evaluated"},
                {"export DNS_CLUSTER_IP=$(x)\n/etc/eks/bootstrap.sh c\n",
                        "user data, line 1, column 8: DNS_CLUSTER_IP = \"$(x)\""},
                {call("c $EXTRA"),
                        "an argument = \"$EXTRA\": cannot be evaluated: not set by the lines above"},
        };
        for (const auto& row : rows) {
                CAPTURE(row.script);
                const auto wrong = refused(row.script);
                CHECK(wrong.failure == "config-invalid");
                CHECK(wrong.what.find("user data, line ") == 0);
                CHECK(wrong.mentions(row.wrong));
                CHECK_FALSE(wrong.remedy.empty());
        }
        // Not needed: it was only going to be ignored, or another value is there by then.
        CHECK(parsed(call("c --aws-api-retry-attempts $N --docker-config-json \"$(cat /x)\""))
                        .notes.size() == 2);
        CHECK(tree(call("c --cluster-id $(x) --cluster-id 1"))["cluster"]["id"] == "1");
        CHECK(tree("X=$(aws x)\nexport Y=$Z\n/etc/eks/bootstrap.sh c\n") ==
                Json{{"cluster", {{"name", "c"}}}});
}

TEST_CASE("Values become what they mean", "[bootstrap-call]")
{
        struct Row {
                std::string arguments;
                Json tree; // but for the name
        };
        const std::vector<Row> rows{
                {"--dns-cluster-ip 192.168.0.1",
                        {{"kubelet", {{"config", {{"clusterDNS", {"192.168.0.1"}}}}}}}},
                {"--dns-cluster-ip 10.0.0.1,fd00::a",
                        {{"kubelet", {{"config", {{"clusterDNS", {"10.0.0.1", "fd00::a"}}}}}}}},
                {"--ip-family ipv4 --service-ipv4-cidr 192.168.0.0/16",
                        {{"cluster", {{"cidr", "192.168.0.0/16"}}}}},
                {"--service-ipv4-cidr 192.168.0.0/16", {{"cluster", {{"cidr", "192.168.0.0/16"}}}}},
                {"--service-ipv6-cidr fd00::/108", {{"cluster", {{"cidr", "fd00::/108"}}}}},
                {"--ip-family IPV6 --service-ipv6-cidr fd00::/108", {{"cluster", {{"cidr", "fd00::/108"}}}}},
                {"--ip-family ipv6 --dns-cluster-ip fe80::2a",
                        {{"kubelet", {{"config", {{"clusterDNS", {"fe80::2a"}}}}}}}},
                {"--ip-family ipv6 --dns-cluster-ip fe80::2a --service-ipv4-cidr 10.0.0.0/8",
                        {{"kubelet", {{"config", {{"clusterDNS", {"fe80::2a"}}}}}}}},
                {"--use-max-pods true", Json::object()},
                {"--use-max-pods false", {{"kubelet", {{"config", {{"maxPods", 110}}}}}}},
                {"--use-max-pods ''", Json::object()},
                {"--local-disks raid10", {{"instance", {{"localStorage", {{"strategy", "RAID10"}}}}}}},
                {"--local-disks RAID0", {{"instance", {{"localStorage", {{"strategy", "RAID0"}}}}}}},
                {"--enable-local-outpost false", {{"cluster", {{"enableOutpost", false}}}}},
                {"--container-runtime containerd", Json::object()},
                {"--b64-cluster-ca 'QU JD'", {{"cluster", {{"certificateAuthority", "QU JD"}}}}},
        };
        for (const auto& row : rows) {
                CAPTURE(row.arguments);
                auto expected = row.tree;
                expected["cluster"]["name"] = "c";
                CHECK(tree(call("c " + row.arguments)) == expected);
                CHECK(tree(call(row.arguments + " c")) == expected);
        }
}

TEST_CASE("What makes no sense is refused with flag, value and line", "[bootstrap-call]")
{
        struct Row {
                std::string arguments;
                std::string wrong;
        };
        const std::vector<Row> rows{
                {"", "line 2, column 1: /etc/eks/bootstrap.sh: no cluster name"},
                {"''", "the cluster name is empty"},
                {"--dns-cluster-ip 10.0.0.1", "no cluster name"},
                {"--api-server-endpoint https://a c", "line 2, column 23: --api-server-endpoint: unknown "
                                                      "option; did you mean '--apiserver-endpoint'?"},
                {"-x c", "-x: unknown option"},
                {"c --dns-cluster-ip", "line 2, column 25: --dns-cluster-ip: has no value"},
                {"c --dns-cluster-ip nonsense", "--dns-cluster-ip = \"nonsense\": not an IP address"},
                {"c --dns-cluster-ip 10.0.0.1,", "not an IP address"},
                {"c --dns-cluster-ip 10.0.0.1/16", "not an IP address"},
                {"c --dns-cluster-ip '10.0.0.1 10.0.0.2'", "not an IP address"},
                {"c --ip-family ipv5", "--ip-family = \"ipv5\": must be ipv4 or ipv6"},
                {"c --ip-family ipv6",
                        "--ip-family = \"ipv6\": needs --service-ipv6-cidr or --dns-cluster-ip"},
                {"c --ip-family ipv6 --service-ipv4-cidr 10.0.0.0/8", "needs --service-ipv6-cidr"},
                {"c --ip-family ipv4 --service-ipv6-cidr fd00::/108",
                        "--service-ipv6-cidr = \"fd00::/108\": contradicts --ip-family ipv4"},
                {"c --service-ipv6-cidr fe80::1",
                        "--service-ipv6-cidr = \"fe80::1\": not an address range of IPv6"},
                {"c --service-ipv6-cidr 10.0.0.0/8", "not an address range of IPv6"},
                {"c --service-ipv4-cidr fd00::/108", "not an address range of IPv4"},
                {"c --service-ipv4-cidr 10.0.0.0/33", "not an address range of IPv4"},
                {"c --use-max-pods no", "--use-max-pods = \"no\": must be true or false"},
                {"c --enable-local-outpost maybe",
                        "--enable-local-outpost = \"maybe\": must be true or false"},
                {"c --container-runtime dockerd", "--container-runtime = \"dockerd\": must be containerd"},
                {"c --local-disks raid5", "--local-disks = \"raid5\": must be mount, raid0 or raid10"},
                {"c --b64-cluster-ca '-----BEGIN CERTIFICATE-----'",
                        "--b64-cluster-ca = \"-----BEGIN CERTIFICATE-----\": not base64"},
                {"c --kubelet-extra-args 'node-labels=a'",
                        "--kubelet-extra-args = \"node-labels=a\": not a flag"},
                {"c --kubelet-extra-args '--a=b c'", "--kubelet-extra-args: not a flag"},
                {"c --kubelet-extra-args '--a \"b'", "a quotation in it has no end"},
                {"c --kubelet-extra-args $(printf '\\x01')", "cannot be evaluated"},
                {"c --kubelet-extra-args '--a=\x01'", "holds a line break or a character beyond ASCII"},
                {"c --kubelet-extra-args '--a=\xc3\xa4'", "holds a line break or a character beyond ASCII"},
                {"c --kubelet-extra-args '--a=\xff'", "holds a line break or a character beyond ASCII"},
                {"'c\nd'", "the cluster's name: holds a line break"},
                {"c --apiserver-endpoint 'https://a\nb'", "--apiserver-endpoint: holds a line break"},
                {"c --cluster-id \"\xff\"", "holds a line break or a character beyond ASCII"},
        };
        for (const auto& row : rows) {
                CAPTURE(row.arguments);
                const auto wrong = refused("#!/bin/sh\n" + call(row.arguments));
                CHECK(wrong.failure == "config-invalid");
                CHECK(wrong.mentions("user data, line 2, column "));
                CHECK(wrong.mentions(row.wrong));
                CHECK_FALSE(wrong.remedy.empty());
        }
}

TEST_CASE("All that is wrong with a call is said at once", "[bootstrap-call]")
{
        const auto wrong =
                refused(call("$NAME --ip-family ipv5 \\\n --local-disks raid5 --use-max-pods no"));
        for (const auto* text : {"line 1, column 23: the cluster's name", "line 1, column 29: --ip-family",
                     "line 2, column 2: --local-disks", "line 2, column 22: --use-max-pods"})
                CHECK(wrong.mentions(text));
}

TEST_CASE("What bootstrap.sh reads over becomes a warning", "[bootstrap-call]")
{
        const auto layer = parsed(call("c d --apiserver-endpont x \"--\xff\""));
        CHECK(layer.tree == Json{{"cluster", {{"name", "c"}}}});
        const auto said = notes(layer);
        CHECK(said.find("user data, line 1, column 25: an argument: a second cluster name, ignoring") !=
                std::string::npos);
        CHECK(said.find("\"--apiserver-endpont\": unknown option; did you mean '--apiserver-endpoint'?, "
                        "ignoring") != std::string::npos);
        CHECK(layer.notes.size() == 4);
}

TEST_CASE("Two calls must say the same", "[bootstrap-call]")
{
        CHECK(tree("/etc/eks/bootstrap.sh c || /etc/eks/bootstrap.sh  'c'\n") ==
                Json{{"cluster", {{"name", "c"}}}});
        const auto wrong = refused("if x; then /etc/eks/bootstrap.sh c\nelse /etc/eks/bootstrap.sh d\nfi\n");
        CHECK(wrong.failure == "config-invalid");
        CHECK(wrong.mentions(
                "user data, line 2, column 6: this call of /etc/eks/bootstrap.sh says something else"));
}

TEST_CASE("A script that grows without end is refused", "[bootstrap-call]")
{
        std::string doubling = "A=aaaaaaaaaaaaaaaa\n";
        for (int i = 0; i < 60; ++i)
                doubling += "A=$A$A\n";
        const auto variables = refused(doubling + call("c"));
        CHECK(variables.failure == "config-invalid");
        CHECK(variables.mentions("expand to more than 4194304 bytes"));

        std::string words = "A=" + std::string(60'000, 'a') + "\n/etc/eks/bootstrap.sh c";
        for (int i = 0; i < 1000; ++i)
                words += " $A";
        CHECK(refused(words).mentions("expand to more than 4194304 bytes"));

        std::string calls = "export KUBELET_EXTRA_ARGS=--a=" + std::string(60'000, 'a') + "\n";
        for (int i = 0; i < 1000; ++i)
                calls += call("c");
        CHECK(refused(calls).mentions("expand to more than 4194304 bytes"));
}

TEST_CASE("Depth and length cost no more than their size", "[bootstrap-call]")
{
        constexpr std::size_t size = 200'000;
        const auto repeated = [](const std::string& text) {
                std::string all;
                while (all.size() < size)
                        all += text;
                return all;
        };
        for (const auto* text : {"$(", "`", "${", "\"$(", "(", "{ ", "{ a=1; b=2;", "((", "<(", "if ",
                     "case a in ", "'", "\"", "\\", "<<a ", "<<a\n", "a=1;", "x && a=1 && ", "f() { ", "$A",
                     "&&", "1", "a", ">", "&>", "a=(", "#"}) {
                CAPTURE(text);
                const auto wrong = refused(call("c") + repeated(text) + "\n" + call("c"));
                CHECK((wrong.failure == "nothing" || wrong.failure == "config-invalid"));
                CHECK(refused("B=bootstrap.sh /etc/eks/bootstrap.sh " + repeated(text)).failure !=
                        "foreign");
        }
}
