// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "base/text.hpp"
#include "steps/nvidia-mig/nvidia_mig.hpp"
#include "support.hpp"

using namespace eks;
using namespace std::chrono_literals;

namespace {

// nvidia-smi of a machine with A100s, in the form of its tables.
class FakeSmi {
public:
        explicit FakeSmi(unsigned gpus) : enabled(gpus, false), instances(gpus) {}

        std::vector<bool> enabled;
        std::vector<std::vector<std::string>> instances;
        std::string mode;         // instead of Enabled and Disabled
        bool needs_reset = false; // for the mode
        bool hangs = false;
        bool lacks_compute = false; // instances without compute instances, as a killed run leaves them
        std::string broken;         // the option that fails
        std::vector<std::string> log;

        ProcessResult run(const std::vector<std::string>& arguments, std::chrono::milliseconds /*left*/)
        {
                const auto line = join(arguments, " ");
                if (hangs)
                        return {.status = 137, .output = {}, .timed_out = true};
                if (!broken.empty() && line.find(broken) != std::string::npos)
                        return {.status = 19, .output = "In use by another client\n"};
                if (arguments[0].starts_with("--query-gpu"))
                        return {.status = 0, .output = modes()};
                if (line == "mig -lgip")
                        return {.status = 0, .output = offers()};
                if (line == "mig -lgi" || line == "mig -lci")
                        return list(line == "mig -lci");

                log.push_back(line);
                const auto gpus = split(arguments[arguments[0] == "-i" ? 1 : arguments.size() - 1], ',');
                for (const auto gpu : gpus)
                        change(*parse_int<std::size_t>(gpu), arguments);

                return {.status = 0, .output = "done\n"};
        }

private:
        void change(std::size_t gpu, const std::vector<std::string>& arguments)
        {
                if (arguments[0] == "-i")
                        enabled[gpu] = !needs_reset;
                else if (arguments[1] == "-dgi")
                        instances[gpu].clear();
                else if (arguments[1] == "-cgi") {
                        for (const auto kind : split(arguments[2], ','))
                                instances[gpu].emplace_back(kind);
                        lacks_compute = false;
                }
        }

        std::string modes() const
        {
                std::string text;
                for (std::size_t i = 0; i < enabled.size(); ++i)
                        text += fmt::format("{}, {}\n", i,
                                !mode.empty() ? mode
                                : enabled[i]  ? "Enabled"
                                              : "Disabled");
                return text;
        }

        std::string offers() const
        {
                std::string text =
                        "| GPU   Name             ID    Instances   Memory     P2P    SM    DEC   ENC  |\n"
                        "|                              Free/Total   GiB              CE    JPEG  OFA  |\n";
                for (std::size_t i = 0; i < enabled.size(); ++i)
                        for (const auto* row : {"1g.5gb        19     7/7        4.75 ",
                                     "1g.5gb+me     20     1/1        4.75 ",
                                     "3g.20gb        9     0/2        19.62",
                                     "7g.40gb        0     1/1        39.25"})
                                text += fmt::format(
                                        "|   {}  MIG {}      No     14     0     0   |\n"
                                        "|                                             1     0     0   |\n",
                                        i, row);

                return text;
        }

        ProcessResult list(bool compute) const
        {
                std::string text;
                for (std::size_t i = 0; i < instances.size(); ++i)
                        for (const auto& kind : instances[i])
                                if (!compute)
                                        text += fmt::format(
                                                "|   {}  MIG {}          19        9          2:1     |\n",
                                                i, kind);
                                else if (!lacks_compute)
                                        text += fmt::format(
                                                "|   {}      9       MIG {}           0         0          0:1     |\n",
                                                i, kind);

                if (text.empty())
                        return {.status = 6,
                                .output = compute ? "No compute instances found: Not Found\n"
                                                  : "No GPU instances found: Not Found\n"};

                return {.status = 0, .output = "+------+\n" + text};
        }
};

struct Division {
        test::Refusal refused;
        std::string summary;
        bool changed = false;
};

Division divide(FakeSmi& smi, const std::string& profile)
{
        const Log log("test", Level::err);
        const Root root;
        Context context(root, log);
        Division result;
        auto parsed = parse_mig_profile(profile).value();
        parsed.source = "node.toml, line 2";
        result.refused = test::refusal([&] {
                divide_gpus(
                        context, parsed,
                        [&](const auto& arguments, auto left) { return smi.run(arguments, left); }, 60s);
        });

        result.summary = context.summary();
        result.changed = context.changed();

        return result;
}

using Texts = std::vector<std::string>;

} // namespace

TEST_CASE("A MIG profile is all instances of a kind, or kinds with numbers", "[nvidia-mig]")
{
        CHECK(parse_mig_profile("all-1g.5gb")->all == "1g.5gb");
        CHECK(parse_mig_profile("all-1g.5gb+me")->all == "1g.5gb+me");

        using Counts = std::map<std::string, unsigned>;
        CHECK(parse_mig_profile("3g.20gb")->counts == Counts{{"3g.20gb", 1}});
        CHECK(parse_mig_profile("3g.20gb, 1g.5gb:2,1g.5gb")->counts ==
                Counts{{"1g.5gb", 3}, {"3g.20gb", 1}});

        for (const auto* wrong : {"", "all-", "all", "1g", "g.5gb", "1g.5gb:0", "1g.5gb:x", "1g.5gb:65",
                     "1g.5gb,", "1g.5gb;reboot", "19", "all-1g.5gb:2", "1G.5GB", "-i 0"}) {
                CAPTURE(wrong);
                CHECK_FALSE(parse_mig_profile(wrong));
        }

        Problems problems;
        CHECK_FALSE(mig_profile({{"nvidia", {{"mig", {{"profile", "1g.5gb:x"}}}}}}, {}, problems));
        REQUIRE(problems.all().size() == 1);
        CHECK(problems.all()[0].text ==
                "configuration: nvidia.mig.profile = \"1g.5gb:x\": not a MIG profile");
        CHECK(mig_profile({{"nvidia", {{"mig", {{"profile", " all-1g.5gb "}}}}}}, {}, problems)->all ==
                "1g.5gb");
        CHECK(problems.all().size() == 1);
}

TEST_CASE("GPUs are divided once, and again only if they are divided differently", "[nvidia-mig]")
{
        FakeSmi smi(2);
        auto done = divide(smi, "all-1g.5gb");
        CHECK(done.refused.failure == "nothing");
        CHECK(done.changed);
        CHECK(done.summary == "enabled MIG on 2 GPUs, GPU 0: 7 of 1g.5gb, GPU 1: 7 of 1g.5gb");
        CHECK(smi.log == Texts{"-i 0,1 -mig 1",
                                 "mig -cgi 1g.5gb,1g.5gb,1g.5gb,1g.5gb,1g.5gb,1g.5gb,1g.5gb -C -i 0,1"});

        smi.log.clear();
        CHECK_FALSE(divide(smi, "all-1g.5gb").changed);
        CHECK(smi.log.empty());

        // After a reboot the mode may be kept, and the instances are gone.
        smi.instances[1].clear();
        CHECK(divide(smi, "all-1g.5gb").changed);
        CHECK(smi.log == Texts{"mig -cgi 1g.5gb,1g.5gb,1g.5gb,1g.5gb,1g.5gb,1g.5gb,1g.5gb -C -i 1"});

        smi.log.clear();
        CHECK(divide(smi, "1g.5gb, 3g.20gb, 1g.5gb+me").changed);
        CHECK(smi.log ==
                Texts{"mig -dci -i 0,1", "mig -dgi -i 0,1", "mig -cgi 3g.20gb,1g.5gb,1g.5gb+me -C -i 0,1"});

        // A run was killed after it had made instances, and before they could be used.
        smi.log.clear();
        smi.lacks_compute = true;
        CHECK(divide(smi, "1g.5gb, 3g.20gb, 1g.5gb+me").changed);
        CHECK(smi.log.size() == 3);
        CHECK_FALSE(divide(smi, "1g.5gb, 3g.20gb, 1g.5gb+me").changed);
}

TEST_CASE("A profile that a GPU does not offer is refused with those that it offers", "[nvidia-mig]")
{
        FakeSmi smi(1);
        auto refused = divide(smi, "all-1g.10gb").refused;
        CHECK(refused.failure == "nvidia-mig-invalid");
        CHECK(refused.mentions("node.toml, line 2: nvidia.mig.profile: GPU 0"));
        CHECK(refused.mentions("'1g.10gb'"));
        CHECK(refused.mentions("1g.5gb, 1g.5gb+me, 3g.20gb, 7g.40gb"));
        CHECK(divide(smi, "3g.20gb:3").refused.mentions("GPU 0 has at most 2 of '3g.20gb', not 3"));
        CHECK(smi.log == Texts{"-i 0 -mig 1"}); // nothing was divided

        smi.mode = "[N/A]";
        refused = divide(smi, "all-1g.5gb").refused;
        CHECK(refused.failure == "nvidia-mig-invalid");
        CHECK(refused.mentions(
                "node.toml, line 2: nvidia.mig.profile: GPU 0 cannot be divided: its MIG mode is [N/A]"));
}

TEST_CASE("A GPU that is in use, needs a reset or hangs is a failure that says so", "[nvidia-mig]")
{
        FakeSmi smi(1);
        smi.needs_reset = true;
        auto refused = divide(smi, "all-1g.5gb").refused;
        CHECK(refused.failure == "nvidia-mig-failed");
        CHECK(refused.mentions("MIG mode is not in force yet on GPU 0: done"));
        CHECK(refused.remedy.find("Reboot the instance") == 0);

        smi.needs_reset = false;
        CHECK(divide(smi, "all-1g.5gb").changed);

        smi.broken = "-dgi";
        refused = divide(smi, "3g.20gb").refused;
        CHECK(refused.failure == "nvidia-mig-failed");
        CHECK(refused.mentions("nvidia-smi mig -dgi -i 0 failed with status 19: In use by another client"));

        smi.broken = "-lci";
        CHECK(divide(smi, "3g.20gb").refused.mentions("nvidia-smi mig -lci failed with status 19"));

        smi.hangs = true;
        refused = divide(smi, "3g.20gb").refused;
        CHECK(refused.failure == "nvidia-mig-failed");
        CHECK(refused.mentions("did not end within 60 s"));
}
