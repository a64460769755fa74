// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <catch2/catch.hpp>

#include "base/command_line.hpp"
#include "base/text.hpp"
#include "fixture.hpp"
#include "node/ecr.hpp"

using namespace eks;
using test::refusal;

namespace {

struct Row {
        const char* region;
        const char* host;       // normal name
        const char* dual_stack; // "" if there is none
        bool fips = false;
};

// Written out, so that a slip in the table cannot pass for its own expectation.
const std::vector<Row> rows{
        {"af-south-1", "877085696533.dkr.ecr.af-south-1.amazonaws.com",
                "877085696533.dkr-ecr.af-south-1.on.aws"},
        {"ap-east-1", "800184023465.dkr.ecr.ap-east-1.amazonaws.com",
                "800184023465.dkr-ecr.ap-east-1.on.aws"},
        {"ap-east-2", "533267051163.dkr.ecr.ap-east-2.amazonaws.com",
                "533267051163.dkr-ecr.ap-east-2.on.aws"},
        {"ap-northeast-1", "602401143452.dkr.ecr.ap-northeast-1.amazonaws.com",
                "602401143452.dkr-ecr.ap-northeast-1.on.aws"},
        {"ap-northeast-2", "602401143452.dkr.ecr.ap-northeast-2.amazonaws.com",
                "602401143452.dkr-ecr.ap-northeast-2.on.aws"},
        {"ap-northeast-3", "602401143452.dkr.ecr.ap-northeast-3.amazonaws.com",
                "602401143452.dkr-ecr.ap-northeast-3.on.aws"},
        {"ap-south-1", "602401143452.dkr.ecr.ap-south-1.amazonaws.com",
                "602401143452.dkr-ecr.ap-south-1.on.aws"},
        {"ap-south-2", "900889452093.dkr.ecr.ap-south-2.amazonaws.com",
                "900889452093.dkr-ecr.ap-south-2.on.aws"},
        {"ap-southeast-1", "602401143452.dkr.ecr.ap-southeast-1.amazonaws.com",
                "602401143452.dkr-ecr.ap-southeast-1.on.aws"},
        {"ap-southeast-2", "602401143452.dkr.ecr.ap-southeast-2.amazonaws.com",
                "602401143452.dkr-ecr.ap-southeast-2.on.aws"},
        {"ap-southeast-3", "296578399912.dkr.ecr.ap-southeast-3.amazonaws.com",
                "296578399912.dkr-ecr.ap-southeast-3.on.aws"},
        {"ap-southeast-4", "491585149902.dkr.ecr.ap-southeast-4.amazonaws.com",
                "491585149902.dkr-ecr.ap-southeast-4.on.aws"},
        {"ap-southeast-5", "151610086707.dkr.ecr.ap-southeast-5.amazonaws.com",
                "151610086707.dkr-ecr.ap-southeast-5.on.aws"},
        {"ap-southeast-6", "333609536671.dkr.ecr.ap-southeast-6.amazonaws.com",
                "333609536671.dkr-ecr.ap-southeast-6.on.aws"},
        {"ap-southeast-7", "121268973566.dkr.ecr.ap-southeast-7.amazonaws.com",
                "121268973566.dkr-ecr.ap-southeast-7.on.aws"},
        {"ca-central-1", "602401143452.dkr.ecr.ca-central-1.amazonaws.com",
                "602401143452.dkr-ecr.ca-central-1.on.aws"},
        {"ca-west-1", "761377655185.dkr.ecr.ca-west-1.amazonaws.com",
                "761377655185.dkr-ecr.ca-west-1.on.aws"},
        {"cn-north-1", "918309763551.dkr.ecr.cn-north-1.amazonaws.com.cn",
                "918309763551.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn"},
        {"cn-northwest-1", "961992271922.dkr.ecr.cn-northwest-1.amazonaws.com.cn",
                "961992271922.dkr-ecr.cn-northwest-1.on.amazonwebservices.com.cn"},
        {"eu-central-1", "602401143452.dkr.ecr.eu-central-1.amazonaws.com",
                "602401143452.dkr-ecr.eu-central-1.on.aws"},
        {"eu-central-2", "900612956339.dkr.ecr.eu-central-2.amazonaws.com",
                "900612956339.dkr-ecr.eu-central-2.on.aws"},
        {"eu-isoe-west-1", "249663109785.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk", ""},
        {"eu-north-1", "602401143452.dkr.ecr.eu-north-1.amazonaws.com",
                "602401143452.dkr-ecr.eu-north-1.on.aws"},
        {"eu-south-1", "590381155156.dkr.ecr.eu-south-1.amazonaws.com",
                "590381155156.dkr-ecr.eu-south-1.on.aws"},
        {"eu-south-2", "455263428931.dkr.ecr.eu-south-2.amazonaws.com",
                "455263428931.dkr-ecr.eu-south-2.on.aws"},
        {"eu-west-1", "602401143452.dkr.ecr.eu-west-1.amazonaws.com",
                "602401143452.dkr-ecr.eu-west-1.on.aws"},
        {"eu-west-2", "602401143452.dkr.ecr.eu-west-2.amazonaws.com",
                "602401143452.dkr-ecr.eu-west-2.on.aws"},
        {"eu-west-3", "602401143452.dkr.ecr.eu-west-3.amazonaws.com",
                "602401143452.dkr-ecr.eu-west-3.on.aws"},
        {"eusc-de-east-1", "877088126301.dkr.ecr.eusc-de-east-1.amazonaws.eu", ""},
        {"il-central-1", "066635153087.dkr.ecr.il-central-1.amazonaws.com",
                "066635153087.dkr-ecr.il-central-1.on.aws"},
        {"me-central-1", "759879836304.dkr.ecr.me-central-1.amazonaws.com",
                "759879836304.dkr-ecr.me-central-1.on.aws"},
        {"me-south-1", "558608220178.dkr.ecr.me-south-1.amazonaws.com",
                "558608220178.dkr-ecr.me-south-1.on.aws"},
        {"mx-central-1", "730335286997.dkr.ecr.mx-central-1.amazonaws.com",
                "730335286997.dkr-ecr.mx-central-1.on.aws"},
        {"sa-east-1", "602401143452.dkr.ecr.sa-east-1.amazonaws.com",
                "602401143452.dkr-ecr.sa-east-1.on.aws"},
        {"us-east-1", "602401143452.dkr.ecr.us-east-1.amazonaws.com",
                "602401143452.dkr-ecr.us-east-1.on.aws", true},
        {"us-east-2", "602401143452.dkr.ecr.us-east-2.amazonaws.com",
                "602401143452.dkr-ecr.us-east-2.on.aws", true},
        {"us-gov-east-1", "151742754352.dkr.ecr.us-gov-east-1.amazonaws.com",
                "151742754352.dkr-ecr.us-gov-east-1.on.aws", true},
        {"us-gov-west-1", "013241004608.dkr.ecr.us-gov-west-1.amazonaws.com",
                "013241004608.dkr-ecr.us-gov-west-1.on.aws", true},
        {"us-iso-east-1", "725322719131.dkr.ecr.us-iso-east-1.c2s.ic.gov", ""},
        {"us-iso-west-1", "608367168043.dkr.ecr.us-iso-west-1.c2s.ic.gov", ""},
        {"us-isob-east-1", "187977181151.dkr.ecr.us-isob-east-1.sc2s.sgov.gov", ""},
        {"us-isob-west-1", "321162350305.dkr.ecr.us-isob-west-1.sc2s.sgov.gov", ""},
        {"us-isof-east-1", "171035529773.dkr.ecr.us-isof-east-1.csp.hci.ic.gov", ""},
        {"us-isof-south-1", "676585237158.dkr.ecr.us-isof-south-1.csp.hci.ic.gov", ""},
        {"us-west-1", "602401143452.dkr.ecr.us-west-1.amazonaws.com",
                "602401143452.dkr-ecr.us-west-1.on.aws", true},
        {"us-west-2", "602401143452.dkr.ecr.us-west-2.amazonaws.com",
                "602401143452.dkr-ecr.us-west-2.on.aws", true},
};

std::string with_fips(std::string host)
{
        return host.replace(host.find("ecr."), 4, "ecr-fips.");
}

} // namespace

TEST_CASE("Every region has its registry, under each of its names", "[ecr]")
{
        const test::ReferenceNode node;
        const auto table = ecr_registries(node.root());
        REQUIRE(table.size() == rows.size());

        for (std::size_t i = 0; i < rows.size(); ++i) {
                const auto& row = rows[i];
                CAPTURE(row.region);
                CHECK(table[i].region == row.region);

                const auto registry = ecr_registry(node.root(), row.region);
                CHECK(registry.region == row.region);
                CHECK(registry.fips == row.fips);
                CHECK(ecr_host(registry, false, false) == row.host);
                CHECK(ecr_host(registry, true, false) == with_fips(row.host));

                const std::string dual_stack = row.dual_stack;
                CHECK(ecr_host(registry, false, true).value_or("") == dual_stack);
                CHECK(ecr_host(registry, true, true).value_or("") ==
                        (dual_stack.empty() ? "" : with_fips(dual_stack)));
        }
}

TEST_CASE("A region that has no registry is served by one of its partition", "[ecr]")
{
        const test::ReferenceNode node;
        for (const auto& [region, served_by] : std::map<std::string, std::string>{
                     {"eu-south-100", "602401143452.dkr.ecr.us-west-2.amazonaws.com"},
                     {"mars-west-1", "602401143452.dkr.ecr.us-west-2.amazonaws.com"},
                     {"us-gov-east-100", "013241004608.dkr.ecr.us-gov-west-1.amazonaws.com"},
                     {"cn-north-100", "961992271922.dkr.ecr.cn-northwest-1.amazonaws.com.cn"},
                     {"us-iso-west-100", "725322719131.dkr.ecr.us-iso-east-1.c2s.ic.gov"},
                     {"us-isob-west-100", "187977181151.dkr.ecr.us-isob-east-1.sc2s.sgov.gov"},
                     {"us-isof-east-100", "676585237158.dkr.ecr.us-isof-south-1.csp.hci.ic.gov"},
                     {"eu-isoe-east-100", "249663109785.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk"},
                     {"eusc-fr-west-1", "877088126301.dkr.ecr.eusc-de-east-1.amazonaws.eu"}}) {
                CAPTURE(region);
                CHECK(ecr_host(ecr_registry(node.root(), region), false, false) == served_by);
        }
}

TEST_CASE("The FIPS name is taken when the kernel is in FIPS mode and the name resolves", "[ecr]")
{
        const test::ReferenceNode node;
        const auto registry = ecr_registry(node.root(), "us-east-1");
        const std::string normal = "602401143452.dkr.ecr.us-east-1.amazonaws.com";
        const std::string fips = "602401143452.dkr.ecr-fips.us-east-1.amazonaws.com";
        std::vector<std::string> asked;
        const auto answer = [&](bool yes) {
                return [&asked, yes](const std::string& host) {
                        asked.push_back(host);
                        return yes;
                };
        };

        CHECK(ecr_host_for_kernel(registry, false, answer(true)) == normal);
        CHECK(asked.empty());
        CHECK(ecr_host_for_kernel(registry, true, answer(true)) == fips);
        CHECK(ecr_host_for_kernel(registry, true, answer(false)) == normal);
        CHECK(asked == std::vector{fips, fips});

        CHECK_FALSE(fips_kernel(node.root()));

        node.write("/proc/sys/crypto/fips_enabled", "0\n");
        CHECK_FALSE(fips_kernel(node.root()));

        node.write("/proc/sys/crypto/fips_enabled", "1\n");
        CHECK(fips_kernel(node.root()));
        CHECK(resolves("localhost"));
        CHECK_FALSE(resolves("no.such.host.invalid"));
}

TEST_CASE("The pause image of a region follows the kernel's mode where a FIPS name is known", "[ecr]")
{
        const test::ReferenceNode node;
        const auto image = [&](const char* region) { return eks_pause_image(node.root(), region); };
        CHECK(image("us-east-1") == "602401143452.dkr.ecr.us-east-1.amazonaws.com/eks/pause:3.10");
        CHECK(image("cn-north-1") == "918309763551.dkr.ecr.cn-north-1.amazonaws.com.cn/eks/pause:3.10");

        node.write("/proc/sys/crypto/fips_enabled", "1\n");
        CHECK(image("us-east-1") == "602401143452.dkr.ecr-fips.us-east-1.amazonaws.com/eks/pause:3.10");
        CHECK(image("eu-west-1") == "602401143452.dkr.ecr.eu-west-1.amazonaws.com/eks/pause:3.10");
}

TEST_CASE("Names of private registries of ECR are told from all others", "[ecr]")
{
        const test::ReferenceNode node;
        for (const auto& row : rows)
                for (const bool fips : {false, true})
                        for (const bool dual_stack : {false, true}) {
                                const auto registry = ecr_registry(node.root(), row.region);
                                const auto host = ecr_host(registry, fips, dual_stack);
                                if (!host)
                                        continue;

                                CAPTURE(*host);
                                const auto parsed = parse_ecr_host(*host);
                                REQUIRE(parsed);
                                CHECK(parsed->account == registry.account);
                                CHECK(parsed->region == registry.region);
                                CHECK(parsed->domain ==
                                        (dual_stack ? registry.dual_stack_domain : registry.domain));
                                CHECK(parsed->fips == fips);
                                CHECK(parsed->dual_stack == dual_stack);
                        }

        for (const auto* host : {"", "docker.io", "public.ecr.aws", "registry.k8s.io", "localhost:5000",
                     "602401143452.dkr.ecr.us-west-2", "602401143452.dkr.ecr",
                     "60240114345.dkr.ecr.us-west-2.amazonaws.com",
                     "602401143452.dkr.ec2.us-west-2.amazonaws.com",
                     "602401143452.dkr.ecr.US-WEST-2.amazonaws.com",
                     "x.602401143452.dkr.ecr.us-west-2.amazonaws.com", "602401143452.dkr-ecr.us-west-2",
                     "602401143452.dkr.ecr.us-west-2.amazonaws.com.evil",
                     "602401143452.dkr.ecr.us-west-2.evil.example",
                     "602401143452.dkr-ecr.us-west-2.amazonaws.com"}) {
                CAPTURE(host);
                CHECK_FALSE(parse_ecr_host(host));
        }
}

TEST_CASE("An invalid region is refused before it becomes a host name", "[ecr]")
{
        const test::ReferenceNode node;
        for (const auto* region : {"", "uswest2", "us-west-2.evil.example", "US-WEST-2", "us west-2",
                     "-us-west", "us-", "us-west-2/", "us-west-2\n"}) {
                CAPTURE(region);
                const auto result = refusal([&] { ecr_registry(node.root(), region); });
                CHECK(result.failure == "usage");
                CHECK(result.mentions("is not the name of a region"));
        }
}

TEST_CASE("A malformed table of registries is the vendor's fault", "[ecr]")
{
        const test::TemporaryDirectory node;
        const std::string head = "# source\nregion\taccount\n";

        for (const auto* row : {"us-west-2", "us-west-2\t602401143452\taws\tamazonaws.com\ton.aws\tyes",
                     "us-west-2\t60240114345\taws\tamazonaws.com\ton.aws\tyes\t*",
                     "us-west-2\t602401143452\taws\tamazonaws.com\ton.aws\tmaybe\t*",
                     "US\t602401143452\taws\tamazonaws.com\ton.aws\tyes\t*"}) {
                CAPTURE(row);
                node.write(ecr_registries_path, head + row + "\n");
                const auto result = refusal([&] { ecr_registry(node.root(), "us-west-2"); });
                CHECK(result.failure == "vendor-file");
                CHECK(result.mentions("/usr/share/eks/ecr-registries.tsv"));
        }

        node.write(
                ecr_registries_path, head + "us-west-2\t602401143452\taws\tamazonaws.com\ton.aws\tyes\t-\n");
        CHECK(ecr_registry(node.root(), "us-west-2").account == "602401143452");
        CHECK(refusal([&] { ecr_registry(node.root(), "us-west-3"); }).failure == "vendor-file");
        CHECK(refusal([&] { ecr_registry(test::TemporaryDirectory().root(), "us-west-2"); }).failure ==
                "file-io");
}
