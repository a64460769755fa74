// SPDX-License-Identifier: Apache-2.0
#include <filesystem>

#include <catch2/catch.hpp>

#include "containerd/snapshotter.hpp"
#include "support.hpp"

using namespace eks;

namespace {

struct Machine {
        test::TemporaryDirectory root;
        NodeSpec spec;

        // soci-snapshotter on 4 CPUs with 7 GiB, the least it wants.
        Machine() : root{}, spec{}
        {
                root.write(soci_program, "");
                cpus(4);
                memory(56);
        }
        void cpus(unsigned count) const
        {
                for (unsigned cpu = 0; cpu < count; ++cpu)
                        root.write("/sys/devices/system/node/node0/cpu" + std::to_string(cpu) + "/online",
                                "1\n");
        }
        void memory(unsigned blocks) const // of 128 MiB
        {
                root.write("/sys/devices/system/memory/block_size_bytes", "8000000\n");
                for (unsigned block = 0; block < 200; ++block)
                        root.write("/sys/devices/system/memory/memory" + std::to_string(block) + "/online",
                                block < blocks ? "1\n" : "0\n");
        }

        // The choice and what is said of it: "yes: ...", "no: ...".
        std::string choice() const
        {
                std::vector<Note> notes;
                const bool soci = choose_soci({.root = root.root(), .spec = spec}, notes);
                std::string text = soci ? "yes" : "no";
                for (const auto& note : notes)
                        text += (note.level == Level::info ? ", " : "! ") + note.text;
                return text;
        }
};

bool says(const std::string& text, const std::string& start, const std::string& part)
{
        return text.starts_with(start) && text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE(
        "soci-snapshotter is chosen where it is installed and the machine is large enough", "[snapshotter]")
{
        Machine machine;
        CHECK(says(machine.choice(), "yes, ", "it is installed"));
        machine.spec.containerd.snapshotter = "overlayfs";
        CHECK(machine.choice() == "no");
        machine.spec.containerd.snapshotter = "soci";
        CHECK(machine.choice() == "yes");
}

TEST_CASE("The feature gate turns it off, and asks for it", "[snapshotter]")
{
        Machine machine;
        machine.spec.containerd.fast_image_pull = false;
        CHECK(machine.choice() == "no");

        machine.spec.containerd.snapshotter = "soci"; // says more
        CHECK(machine.choice() == "yes");

        machine.spec.containerd.snapshotter = "auto";
        machine.spec.containerd.fast_image_pull = true;
        CHECK(says(machine.choice(), "yes", ""));

        machine.spec.containerd.snapshotter = "overlayfs";
        CHECK(machine.choice() == "no");
}

TEST_CASE("A small machine has overlayfs, and a word about it if soci-snapshotter was asked for",
        "[snapshotter]")
{
        struct Row {
                unsigned cpus;
                unsigned memory_blocks;
                std::string why;
        };
        for (const auto& row : {Row{2, 32, "4 CPUs, this machine has 2"}, Row{4, 48, "7 GiB"},
                     Row{4, 55, "7 GiB"}, Row{3, 64, "4 CPUs, this machine has 3"}}) {
                CAPTURE(row.cpus, row.memory_blocks);
                Machine machine;
                std::filesystem::remove_all(machine.root("/sys"));
                machine.cpus(row.cpus);
                machine.memory(row.memory_blocks);
                CHECK(machine.choice() == "no");
                machine.spec.containerd.fast_image_pull = true;
                CHECK(says(machine.choice(), "no! featureGates.FastImagePull: ", row.why));
                machine.spec.containerd.snapshotter = "soci";
                CHECK(machine.choice() == "yes");
        }
}

TEST_CASE("Without the program it is overlayfs, whatever was asked for", "[snapshotter]")
{
        Machine machine;
        std::filesystem::remove(machine.root(soci_program));
        CHECK(machine.choice() == "no");

        machine.spec.containerd.fast_image_pull = true;
        CHECK(says(machine.choice(),
                "no! featureGates.FastImagePull: ", "'/usr/bin/soci-snapshotter-grpc' is not"));

        machine.spec.containerd.snapshotter = "soci";
        CHECK(says(machine.choice(), "no! containerd.snapshotter: ", "is not installed"));
}

TEST_CASE("A machine that does not tell its size has overlayfs", "[snapshotter]")
{
        Machine machine;
        std::filesystem::remove_all(machine.root("/sys"));
        CHECK(machine.choice() == "no");
        machine.spec.containerd.fast_image_pull = true;
        CHECK(says(machine.choice(), "no! featureGates.FastImagePull: ", "/sys/devices/system/cpu"));
}

TEST_CASE("A snapshotter in containerd's own configuration is kept", "[snapshotter]")
{
        Machine machine;
        const auto* const text = GENERATE(
                "version = 2\n[plugins.'io.containerd.grpc.v1.cri'.containerd]\nsnapshotter = 'native'\n",
                "version = 3\n[plugins.'io.containerd.cri.v1.images']\nsnapshotter = 'native'\n");

        SECTION("in the node's configuration")
        {
                machine.spec.containerd.configs.push_back({text, "user data"});
        }

        SECTION("or in a drop-in")
        {
                machine.root.write("/etc/eks/containerd.d/50-own.toml", text);
        }

        CHECK(machine.choice() == "no");

        machine.spec.containerd.snapshotter = "soci";
        CHECK(says(machine.choice(), "no! containerd.snapshotter: ", "containerd.config names 'native'"));
}

TEST_CASE("A snapshotter of one runtime does not apply to all", "[snapshotter]")
{
        Machine machine;
        machine.spec.containerd.configs.push_back(
                {"version = 3\n[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.kata]\n"
                 "snapshotter = 'devmapper'\n",
                        "user data"});
        CHECK(says(machine.choice(), "yes", "installed"));
}
