// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <catch2/catch.hpp>

#include "base/text.hpp"
#include "fixture.hpp"
#include "node/max_pods.hpp"
#include "node/reservations.hpp"
#include "steps/kubelet-config/kubelet_config.hpp"

using namespace eks;
using test::refusal;

TEST_CASE("Pods on an instance type are as many as the VPC CNI has addresses for", "[max-pods]")
{
        struct Row {
                const char* type;
                unsigned enis;
                unsigned addresses;
                unsigned pods;
        };

        const test::ReferenceNode node;

        for (const auto& row : {Row{"t3.medium", 3, 6, 17}, Row{"m5.large", 3, 10, 29},
                     Row{"m4.xlarge", 4, 15, 58}, Row{"c6a.2xlarge", 4, 15, 58}, Row{"g5.xlarge", 4, 15, 58},
                     Row{"p5.48xlarge", 2, 50, 100}, Row{"m7i.48xlarge", 15, 50, 737},
                     Row{"c8a.48xlarge", 24, 64, 1514}}) {
                CAPTURE(row.type);
                const auto type = find_instance_type(node.root(), row.type);
                REQUIRE(type);
                CHECK(type->max_enis == row.enis);
                CHECK(type->ipv4_per_eni == row.addresses);
                CHECK(standard_max_pods(*type) == row.pods);
        }

        CHECK(standard_max_pods({6, 12}) == 68);
        CHECK(standard_max_pods({1, 1}) == 2);
}

TEST_CASE("A type is found by its whole name or not at all", "[max-pods]")
{
        const test::ReferenceNode node;
        for (const auto* type :
                {"m5", "m5.larg", "m5.large2", "5.large", "M5.large", "", "#", "nosuch.large"}) {
                CAPTURE(type);
                CHECK_FALSE(find_instance_type(node.root(), type));
        }
}

TEST_CASE("Memory that is kept from pods grows with their number", "[max-pods]")
{
        struct Row {
                unsigned pods;
                unsigned mebibytes;
        };
        for (const auto& row :
                {Row{17, 442}, Row{44, 739}, Row{58, 893}, Row{60, 915}, Row{110, 1465}, Row{737, 8362}}) {
                CAPTURE(row.pods);
                CHECK(eks_reserved_mib(row.pods) == row.mebibytes);
        }
}

TEST_CASE("A malformed row of the table is reported as a fault of the package", "[max-pods]")
{
        const test::TemporaryDirectory node;
        for (const auto* row : {"m5.large\t3", "m5.large\t", "m5.large\tx\t10\tx", "m5.large\t3\tx",
                     "m5.large\t0\t10", "m5.large\t3\t0", "m5.large\t3\t10\tx", "m5.large\t-1\t10",
                     "m5.large\t\t10\t2", "m5.large\t3 \t10"}) {
                CAPTURE(row);
                node.write(instance_types_path,
                        "# source\ninstance_type\tmax_enis\tipv4_per_eni\n" + std::string(row) + "\n");
                const auto result = refusal([&] { find_instance_type(node.root(), "m5.large"); });
                CHECK(result.failure == "vendor-file");
                CHECK(result.mentions("/usr/share/eks/instance-types.tsv"));
                CHECK_FALSE(find_instance_type(node.root(), "m5.xlarge"));
        }

        node.write(instance_types_path, "m5.large\t3\t10"); // no line end
        CHECK(find_instance_type(node.root(), "m5.large")->max_enis == 3);

        const test::TemporaryDirectory empty;
        CHECK(refusal([&] { find_instance_type(empty.root(), "m5.large"); }).failure == "file-io");
}

TEST_CASE("The table of instance types is sorted, unique, and parses row by row", "[max-pods]")
{
        const test::ReferenceNode node;
        const auto text = test::source_file("helpers/data/share/instance-types.tsv");
        const auto rows = lines(text);
        REQUIRE(rows.size() > 1000);
        REQUIRE(rows[0].starts_with("# "));
        CHECK(rows[0].find("20") != std::string_view::npos); // source and date

        const auto header = split(rows[1], '\t');
        REQUIRE(header.size() == 7);
        CHECK(header[0] == "instance_type");
        CHECK(header[1] == "max_enis");
        CHECK(header[2] == "ipv4_per_eni");
        CHECK(text.ends_with('\n'));

        std::string_view previous;

        for (const auto row : std::span(rows).subspan(2)) {
                INFO(row);
                const auto columns = split(row, '\t');
                REQUIRE(columns.size() == header.size());

                if (columns[0] <= previous)
                        FAIL("not sorted, or twice: " << columns[0]);
                previous = columns[0];
                const auto type = find_instance_type(node.root(), columns[0]);
                REQUIRE(type);
                REQUIRE(type->max_enis == parse_int<unsigned>(columns[1]));
                REQUIRE(type->ipv4_per_eni == parse_int<unsigned>(columns[2]));
                REQUIRE(type->max_enis <= 64);
                REQUIRE(type->ipv4_per_eni <= 128);
                REQUIRE((columns[3].empty() || type->vcpus == parse_int<unsigned>(columns[3])));
                REQUIRE((columns[3].empty() || parse_int<unsigned>(columns[3]).value_or(0) > 0)); // vcpus

                const auto one_of = [](std::string_view word,
                                            std::initializer_list<std::string_view> words) {
                        return std::ranges::find(words, word) != words.end();
                };

                REQUIRE(one_of(columns[4], {"", "nitro", "unknown", "xen"}));
                REQUIRE_FALSE(has_control_characters(columns[5])); // accelerator
                REQUIRE(one_of(columns[6], {"", "yes", "no"}));
        }
}

TEST_CASE("What kubelet goes by is the user's word: flag over configuration over ours", "[max-pods]")
{
        struct Row {
                const char* spec;
                unsigned effective;
                const char* why;
        };

        const test::ReferenceNode node;

        for (const auto& row : {Row{"", 58, "m4.xlarge: 4 network interfaces of 15 addresses"},
                     Row{"  kubelet: {config: {maxPods: 20}}\n", 20, "kubelet.config.maxPods"},
                     Row{"  kubelet: {config: {maxPods: null}}\n", 58, "m4.xlarge"},
                     Row{"  kubelet: {flags: [--max-pods=30]}\n", 30, "--max-pods in kubelet.flags"},
                     Row{"  kubelet: {flags: [--v=2 --max-pods 31]}\n", 31, "--max-pods"},
                     Row{"  kubelet: {flags: [--max-pods=30, --max-pods=32]}\n", 32, "--max-pods"},
                     Row{"  kubelet: {config: {maxPods: 20}, flags: [--max-pods=30]}\n", 30,
                             "--max-pods"}}) {
                CAPTURE(row.spec);
                std::vector<Note> notes;
                const auto pods = max_pods(node.inputs(row.spec), notes);
                CHECK(pods.computed == 58);
                CHECK(pods.effective == row.effective);
                CHECK(pods.why.starts_with(row.why));
                CHECK(notes.empty());
        }

        // a configuration that replaces ours and names no number leaves kubelet its default
        for (const auto& [spec, effective] :
                {std::pair{"", 110U}, {"  kubelet: {config: {maxPods: 7}}\n", 7U}}) {
                auto inputs = node.inputs(spec);
                inputs.spec.kubelet.config_replaces = true;
                std::vector<Note> notes;
                CHECK(max_pods(inputs, notes).effective == effective);
                CHECK(max_pods(inputs, notes).computed == 58);
        }
}

TEST_CASE("A type that no table knows gets kubelet's default and a warning", "[max-pods]")
{
        const test::ReferenceNode node;
        auto inputs = node.inputs();
        inputs.facts.instance_type = "z9.tiny";
        std::vector<Note> notes;
        const auto pods = max_pods(inputs, notes);
        CHECK(pods.computed == 110);
        CHECK(pods.effective == 110);
        REQUIRE(notes.size() == 1);
        CHECK(notes[0].level == Level::warning);
        CHECK(notes[0].text.find("'z9.tiny'") != std::string::npos);

        inputs.facts.instance_type.clear();
        CHECK(refusal([&] { max_pods(inputs, notes); }).failure == "facts-missing");
}

TEST_CASE("Pods follow the CNI's modes as AWS's calculator has them", "[max-pods]")
{
        struct Row {
                const char* type;
                unsigned custom;
                unsigned prefixes;
                unsigned both;
                unsigned neither;
        };

        const test::ReferenceNode node;

        for (const auto& row : {Row{"c6g.medium", 5, 98, 50, 8}, Row{"c5.large", 20, 110, 110, 29},
                     Row{"c5.xlarge", 44, 110, 110, 58}, Row{"c5.4xlarge", 110, 110, 110, 110},
                     Row{"c6in.32xlarge", 250, 250, 250, 250}, Row{"c5.18xlarge", 250, 250, 250, 250},
                     Row{"d3.xlarge", 8, 110, 98, 10}, Row{"d3.2xlarge", 14, 110, 110, 18},
                     Row{"d3.4xlarge", 29, 110, 110, 38}, Row{"d3.8xlarge", 40, 250, 250, 59},
                     Row{"d3en.8xlarge", 59, 250, 250, 78}, Row{"trn1.32xlarge", 198, 250, 250, 247},
                     // not Nitro: no prefixes
                     Row{"m1.medium", 7, 12, 7, 12}, Row{"m4.large", 11, 20, 11, 20},
                     Row{"t1.micro", 3, 4, 3, 4}, Row{"t2.large", 24, 35, 24, 35},
                     Row{"f1.16xlarge", 250, 250, 250, 250}}) {
                CAPTURE(row.type);
                const auto type = find_instance_type(node.root(), row.type).value();
                const auto pods = [&](const CniMode& cni) {
                        return std::min(cni_max_pods(type, cni), recommended_max_pods(type.vcpus));
                };
                CHECK(pods({.custom_networking = true}) == row.custom);
                CHECK(pods({.prefix_delegation = true}) == row.prefixes);
                CHECK(pods({.prefix_delegation = true, .custom_networking = true}) == row.both);
                CHECK(pods({}) == row.neither);
        }

        const InstanceType t3_medium{3, 6, 2, true};
        CHECK(cni_max_pods(t3_medium, {.prefix_delegation = true}) == 242);
        CHECK(cni_max_pods(t3_medium, {.max_enis = 2}) == 12);
        CHECK(cni_max_pods(t3_medium, {.max_enis = 9}) == 17);
        CHECK(cni_max_pods(t3_medium, {.custom_networking = true, .max_enis = 2}) == 7);
        CHECK(cni_max_pods(t3_medium, {.custom_networking = true, .max_enis = 1}) == 2);
        CHECK(recommended_max_pods(0) == 110);
        CHECK(recommended_max_pods(30) == 110);
        CHECK(recommended_max_pods(31) == 250);
}

TEST_CASE("For every instance type: more interfaces or prefixes never mean fewer pods", "[max-pods]")
{
        const test::ReferenceNode node;
        const auto text = test::source_file("helpers/data/share/instance-types.tsv");

        const auto rows = lines(text);
        for (const auto row : std::span(rows).subspan(2)) {
                INFO(row);
                const auto type = find_instance_type(node.root(), split(row, '\t')[0]).value();
                const auto standard = standard_max_pods(type);
                REQUIRE(standard >= 3);
                REQUIRE(standard <= 1514);
                REQUIRE(cni_max_pods(type, {.max_enis = type.max_enis}) == standard);

                const auto prefixes = cni_max_pods(type, {.prefix_delegation = true});
                REQUIRE(prefixes == (type.nitro ? 16 * (standard - 2) + 2 : standard));

                for (const bool delegation : {false, true}) {
                        unsigned previous = 0;
                        for (unsigned enis = 1; enis <= type.max_enis + 1; ++enis) {
                                const auto pods = cni_max_pods(
                                        type, {.prefix_delegation = delegation, .max_enis = enis});
                                const auto custom = cni_max_pods(type, {.prefix_delegation = delegation,
                                                                               .custom_networking = true,
                                                                               .max_enis = enis});
                                REQUIRE(pods >= previous);
                                REQUIRE(custom < pods);

                                if (enis > 1 && enis <= type.max_enis)
                                        REQUIRE(custom == previous);
                                previous = pods;
                        }
                }
        }
}

TEST_CASE("What the table does not say follows from the name", "[max-pods]")
{
        const test::TemporaryDirectory node;
        struct Row {
                const char* type;
                unsigned vcpus;
                bool nitro;
        };

        for (const auto& row : {Row{"z9.medium", 0, true}, Row{"z9.large", 0, true},
                     Row{"z9.xlarge", 4, true}, Row{"z9.8xlarge", 32, true}, Row{"z9.96xlarge", 384, true},
                     Row{"z9.metal", 0, false}, Row{"z9.metal-24xl", 96, false}, Row{"z9", 0, true}}) {
                CAPTURE(row.type);
                node.write(instance_types_path, std::string(row.type) + "\t3\t10\t\t\t\t\n");
                const auto type = find_instance_type(node.root(), row.type).value();
                CHECK(type.vcpus == row.vcpus);
                CHECK(type.nitro == row.nitro);
        }

        // The rule, held against what the table knows, beside what it has to know better.
        const auto has_rule = [](std::string_view name) {
                return !name.ends_with(".metal") && name != "hpc7a.12xlarge" && name != "hs1.8xlarge";
        };

        const test::ReferenceNode reference;
        const auto text = test::source_file("helpers/data/share/instance-types.tsv");

        const auto rows = lines(text);
        for (const auto line : std::span(rows).subspan(2)) {
                const auto columns = split(line, '\t');
                const auto name = std::string(columns[0]);
                if (columns[3].empty() || !has_rule(name))
                        continue;

                CAPTURE(name);
                node.write(instance_types_path, name + "\t3\t10\t\t\t\t\n");
                const auto guessed = find_instance_type(node.root(), name).value();
                const auto known = find_instance_type(reference.root(), name).value();
                REQUIRE(recommended_max_pods(guessed.vcpus) == recommended_max_pods(known.vcpus));

                if (columns[4] == "nitro")
                        REQUIRE(guessed.nitro);
                else if (columns[4] == "unknown")
                        REQUIRE((!guessed.nitro || name == "cr1.8xlarge"));
        }
}

TEST_CASE("The node's maxPods follow the keys of the CNI, and the limit", "[max-pods]")
{
        struct Row {
                const char* type;
                CniMode cni;
                const char* limit;
                unsigned computed;
                const char* why;
        };

        const CniMode prefixes{.prefix_delegation = true};
        const test::ReferenceNode node;

        for (const auto& row :
                {Row{"m5.large", {}, "", 29, "m5.large: 3 network interfaces of 10 addresses"},
                        Row{"m5.large", {.custom_networking = true}, "", 20, ", custom networking"},
                        Row{"m5.large", {.max_enis = 2}, "", 20, ", cni.maxENIs 2"},
                        Row{"m5.large", prefixes, "", 110,
                                ", prefix delegation, limited from 434 as AWS recommends"},
                        Row{"m5.large", prefixes, "none", 434, ", prefix delegation"},
                        Row{"m5.8xlarge", prefixes, "", 250, "limited from 3714"},
                        Row{"m5.24xlarge", {}, "", 737, "15 network interfaces"},
                        Row{"m5.24xlarge", {}, "none", 737, "15 network interfaces"},
                        Row{"m5.24xlarge", {}, "recommended", 250, "limited from 737"},
                        Row{"m5.large", {}, "recommended", 29, "3 network interfaces"}}) {
                CAPTURE(row.type, row.limit, row.computed);
                auto inputs = node.inputs();
                inputs.facts.instance_type = row.type;
                inputs.spec.cluster.cni = row.cni;
                inputs.spec.kubelet.max_pods_limit = row.limit;
                std::vector<Note> notes;
                const auto pods = max_pods(inputs, notes);
                CHECK(pods.computed == row.computed);
                CHECK(pods.effective == row.computed);
                CHECK(pods.why.find(row.why) != std::string::npos);
                CHECK(notes.empty());
        }

        auto inputs = node.inputs();
        inputs.spec.cluster.cni = prefixes; // on the reference node, an m4.xlarge
        std::vector<Note> notes;
        CHECK(max_pods(inputs, notes).computed == 58);
        REQUIRE(notes.size() == 1);
        CHECK(notes[0].text == "cni.prefixDelegation does not count for maxPods: 'm4.xlarge' has no Nitro "
                               "hypervisor, proceeding");
}

TEST_CASE("An expression gives what nodeadm's gives", "[max-pods]")
{
        struct Row {
                const char* expression;
                InstanceType type;
                unsigned max_pods;
                unsigned pods;
        };

        const InstanceType t3_medium{3, 6};
        const InstanceType m4_xlarge{4, 15};
        for (const auto& row : {Row{"417", t3_medium, 17, 417},
                     Row{"(default_enis * (ips_per_eni - 1)) + 2", t3_medium, 17, 17},
                     Row{"(default_enis * (ips_per_eni - 1)) + 3", t3_medium, 17, 18},
                     Row{"(default_enis * ((ips_per_eni - 1) * 16)) + 2", t3_medium, 17, 242},
                     Row{"((default_enis * ((ips_per_eni * 16) - 1)) + 2) < 30 ? ((default_enis * "
                         "((ips_per_eni * 16) - 1)) + 2) : 30",
                             t3_medium, 17, 30},
                     Row{"((default_enis - 1) * (ips_per_eni - 1)) + 2", t3_medium, 17, 12},
                     Row{"((default_enis - 1) * (ips_per_eni - 1)) + 2", m4_xlarge, 58, 44},
                     Row{"max_pods < 30 ? max_pods : 30", t3_medium, 35, 30},
                     Row{"max_pods", t3_medium, 7, 7}, Row{"max_pods + 2", t3_medium, 7, 9},
                     Row{"max_pods + 2", m4_xlarge, 58, 60}, Row{"2147483647", t3_medium, 17, 2147483647}}) {
                CAPTURE(row.expression, row.max_pods);
                CHECK(evaluate_max_pods(row.expression, row.type, row.max_pods) == row.pods);
        }

        const auto wrong = [&](const char* expression, const InstanceType& type, unsigned max_pods) {
                return refusal([&] { evaluate_max_pods(expression, type, max_pods); }).what;
        };

        const auto names = "'fake_variable' is not a name; there are default_enis, ips_per_eni, max_pods";
        CHECK(wrong("default_enis + fake_variable", t3_medium, 17) == std::string("column 16: ") + names);
        CHECK(wrong("99 - fake_variable", t3_medium, 17) == std::string("column 6: ") + names);
        CHECK(wrong("default_enis * 2", {2147483647, 1}, 2) ==
                "the result 4294967294 is not from 1 to 2147483647");
        CHECK(wrong("max_pods - ((default_enis * (ips_per_eni - 1)) + 2)", t3_medium, 17) ==
                "the result 0 is not from 1 to 2147483647");
        CHECK(wrong("max_pods - 2", t3_medium, 1) == "the result -1 is not from 1 to 2147483647");
        CHECK(wrong("true", t3_medium, 17) == "column 1: the result is a bool, not a number");
}

TEST_CASE("The node's expression is used, or warned of with its place", "[max-pods]")
{
        const test::ReferenceNode node;
        struct Row {
                const char* expression;
                const char* limit;
                unsigned computed;
        };

        for (const auto& row : {Row{"max_pods + 2", "", 60}, Row{"300", "", 300}, Row{"300", "none", 300},
                     Row{"300", "recommended", 110}}) {
                CAPTURE(row.expression, row.limit);
                auto inputs = node.inputs(
                        std::string("  kubelet: {maxPodsExpression: '") + row.expression + "'}\n");
                inputs.spec.kubelet.max_pods_limit = row.limit;
                std::vector<Note> notes;
                const auto pods = max_pods(inputs, notes);
                CHECK(pods.computed == row.computed);
                CHECK(pods.why.starts_with("kubelet.maxPodsExpression (user data, line"));
                CHECK(notes.empty());
        }

        // with prefixes the limit is in max_pods, and not on the result
        auto dense = node.inputs("  kubelet: {maxPodsExpression: 'max_pods * 2'}\n");
        dense.facts.instance_type = "m5.large";
        dense.spec.cluster.cni.prefix_delegation = true;
        std::vector<Note> notes;
        CHECK(max_pods(dense, notes).computed == 220);
        CHECK(notes.empty());

        const auto bad = node.inputs("  kubelet: {maxPodsExpression: 'max_pods / 0'}\n");
        CHECK(max_pods(bad, notes).computed == 58);
        REQUIRE(notes.size() == 1);
        CHECK(notes[0].level == Level::warning);
        CHECK(notes[0].text.starts_with("user data, line "));
        CHECK(notes[0].text.ends_with(
                "kubelet.maxPodsExpression = \"max_pods / 0\": column 10: division by zero; "
                "maxPods is 58, as without it, proceeding"));
        CHECK_FALSE(
                wrong_expression(bad.spec.kubelet.max_pods_expression)); // that is known on the node only
        CHECK_FALSE(wrong_expression({}));
        CHECK(wrong_expression({"1 +", "x"}) ==
                "x: kubelet.maxPodsExpression = \"1 +\": column 4: 'the end' where a value belongs");

        auto unknown = node.inputs("  kubelet: {maxPodsExpression: '1 +'}\n");
        unknown.facts.instance_type = "z9.tiny"; // the expression has nothing to go by
        notes.clear();
        CHECK(max_pods(unknown, notes).computed == 110);
        CHECK(notes.size() == 1);

        auto number = node.inputs("  kubelet: {maxPodsExpression: '17'}\n"); // needs nothing
        number.facts.instance_type = "z9.tiny";
        notes.clear();
        CHECK(max_pods(number, notes).computed == 17);
        CHECK(notes.empty());
}
