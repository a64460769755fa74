// SPDX-License-Identifier: Apache-2.0
#include "verbs/max-pods/max_pods.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "base/text.hpp"
#include "fixture.hpp"

using namespace eks;
using test::refusal;

namespace {

// The verb on the reference node's table, its words split at blanks.
std::string output(
        const test::ReferenceNode& node, const std::string& words, const char* imds_type = nullptr)
{
        std::vector<std::string> arguments{"eksnode-max-pods", "--root=" + node.root().prefix()};
        for (const auto word : split(words, ' '))
                arguments.emplace_back(word);
        std::vector<char*> argv;
        for (auto& argument : arguments)
                argv.push_back(argument.data());

        return max_pods_output(parse_max_pods_arguments(static_cast<int>(argv.size()), argv.data()), [&] {
                if (imds_type == nullptr)
                        FAIL("the metadata service was asked");
                return std::string(imds_type);
        });
}

} // namespace

TEST_CASE("The calculator's options give the calculator's results", "[max-pods-verb]")
{
        struct Row {
                const char* words;
                const char* pods;
        };
        const test::ReferenceNode node;

        for (const auto& row : {Row{"--instance-type m4.xlarge --cni-version 1.7.5", "58\n"},
                     Row{"--instance-type m5.8xlarge --cni-version 1.11.2", "234\n"},
                     Row{"--instance-type m5.8xlarge --cni-version 1.11.2 --cni-prefix-delegation-enabled",
                             "250\n"},
                     Row{"--instance-type c6in.32xlarge --cni-version 1.18.0 --show-max-allowed", "394\n"},
                     Row{"--instance-type c6in.32xlarge --cni-version 1.18.0", "250\n"},
                     Row{"--instance-type=m5.large", "29\n"},
                     Row{"--instance-type m5.large --cni-prefix-delegation-enabled", "110\n"},
                     Row{"--instance-type m5.large --cni-prefix-delegation-enabled --show-max-allowed",
                             "434\n"},
                     Row{"--instance-type m5.large --cni-prefix-delegation-enabled --cni-version 1.8.0",
                             "29\n"},
                     Row{"--instance-type m5.large --cni-prefix-delegation-enabled --cni-version "
                         "v1.9.0-eksbuild.1",
                             "110\n"},
                     Row{"--instance-type m5.large --cni-prefix-delegation-enabled --cni-version 2.0",
                             "110\n"},
                     Row{"--instance-type m5.metal --cni-prefix-delegation-enabled --show-max-allowed",
                             "737\n"},
                     Row{"--instance-type m5.large --cni-custom-networking-enabled", "20\n"},
                     Row{"--instance-type m5.large --cni-max-eni 1", "11\n"},
                     Row{"--instance-type m5.large --cni-max-eni 9", "29\n"},
                     Row{"--instance-type m5.large --cni-max-eni 2 --cni-custom-networking-enabled", "11\n"},
                     Row{"--instance-type m5.large --expression max_pods-1", "28\n"},
                     Row{"--instance-type m5.24xlarge", "250\n"},
                     Row{"--instance-type m5.24xlarge --expression max_pods", "737\n"},
                     Row{"--instance-type m5.large --cni-prefix-delegation-enabled --expression max_pods",
                             "110\n"},
                     Row{"--instance-type m5.large --cni-prefix-delegation-enabled --expression max_pods "
                         "--show-max-allowed",
                             "434\n"},
                     Row{"--instance-type m5.large --expression default_enis*ips_per_eni*100", "3000\n"}}) {
                CAPTURE(row.words);
                CHECK(output(node, row.words) == row.pods);
        }
}

TEST_CASE("The instance's own type is that of its facts, or else of the metadata service", "[max-pods-verb]")
{
        const test::ReferenceNode node;
        CHECK(output(node, "--instance-type-from-imds --instance-type m5.large", "m4.xlarge") == "58\n");
        node.write("/run/eks/imds.json", R"({"instanceType": "t3.medium"})");
        CHECK(output(node, "--instance-type-from-imds") == "17\n");
        node.write("/run/eks/imds.json", "{}");
        CHECK(refusal([&] { output(node, "--instance-type-from-imds"); }).failure == "facts-missing");
}

TEST_CASE("The table has a line for every type of the families", "[max-pods-verb]")
{
        const test::ReferenceNode node;
        CHECK(output(node, "--table t1 a1")
                        .starts_with("TYPE                  ENIS  IPV4/ENI  VCPUS  STANDARD    CUSTOM  "
                                     "PREFIXES PREFIXES+CUST  LIMIT\n"
                                     "a1.2xlarge               4        15      8        58        44       "
                                     "898           674    110\n"));

        const auto text = output(node, "--table t1");
        REQUIRE(lines(text).size() == 2);
        CHECK(lines(text)[1] == "t1.micro                 2         2      1         4         3         -  "
                                "           -    110");

        const auto all = output(node, "--table");
        CHECK(lines(all).size() ==
                lines(test::source_file("helpers/data/share/instance-types.tsv")).size() - 1);
        CHECK(all.find("\nmac-m4max.metal          8        30      -") != std::string::npos);

        for (const auto line : lines(all))
                CHECK(line.size() == lines(all)[0].size());
        const auto unknown = refusal([&] { output(node, "--table m5 c5x"); });
        CHECK(unknown.failure == "usage");
        CHECK(unknown.mentions("family 'c5x'"));
        CHECK(unknown.mentions("did you mean 'c5"));
}

TEST_CASE("What cannot be computed is refused", "[max-pods-verb]")
{
        struct Row {
                const char* words;
                const char* failure;
                const char* reported;
        };

        const test::ReferenceNode node;

        for (const auto& row : {Row{"", "usage", "one of --instance-type"},
                     Row{"--instance-type z9.tiny", "usage",
                             "'z9.tiny' is not in '/usr/share/eks/instance-types.tsv'"},
                     Row{"--instance-type m5.large m5.xlarge", "usage", "unknown argument 'm5.xlarge'"},
                     Row{"--instance-type m5.large --cni-version new", "usage", "not a version"},
                     Row{"--instance-type m5.large --cni-max-eni 0", "usage", "--cni-max-eni 0"},
                     Row{"--instance-type m5.large --cni-max-eni x", "usage", "--cni-max-eni x"},
                     Row{"--instance-type m5.large --cni-max-enis 2", "usage", "unknown option"},
                     Row{"--instance-type", "usage", "needs a value"},
                     Row{"--instance-type m5.large --expression 1/0", "config-invalid",
                             "--expression: column 2: division by zero"},
                     Row{"--instance-type m5.large --expression max_pods-29", "config-invalid",
                             "the result 0 is not from 1"}}) {
                CAPTURE(row.words);
                const auto result = refusal([&] { output(node, row.words); });
                CHECK(result.failure == row.failure);
                CHECK(result.mentions(row.reported));
        }
}
