// SPDX-License-Identifier: Apache-2.0
// eksnode: finds eksnode-VERB beside the steps and becomes it. Holds no logic of its own.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "version.hpp"

namespace {

constexpr std::string_view verb_prefix = "eksnode-";

// The directory of the verbs: first relative to this program's own directory, so that a staged tree works in
// place.
std::string verb_directory()
{
        const auto self = eks::read_link_if_exists("/proc/self/exe").value_or("");
        const auto slash = self.rfind('/');
        auto staged = self.substr(0, slash == std::string::npos ? 0 : slash) + "/../libexec/eksnode";
        return eks::exists(staged) ? staged : LIBEXECDIR;
}

struct About {
        std::string_view verb;
        std::string_view text;
};

// Of the verbs that are installed with this program; any other program of such a name is a verb too.
constexpr std::array verbs{About{"apply", "apply a changed configuration to a running node"},
        About{"config", "show the resolved configuration, all layers merged"},
        About{"diagnose", "find out what prevents this machine from being a Ready node"},
        About{"explain", "show the value of a key, and which layers set it"},
        About{"host", "check that this machine meets the needs of a node"},
        About{"image", "show the image that an image configuration describes"},
        About{"images", "list, pull and pin the images of a node"},
        About{"logs", "write logs and states into an archive for support"},
        About{"max-pods", "show how many pods an instance type can run"},
        About{"migrate", "show what a call of Amazon Linux 2's bootstrap.sh sets"},
        About{"plan", "show every file that a node would be given, offline"},
        About{"runtimes", "list the container runtimes of this machine"},
        About{"set", "write keys to the admin's drop-in"},
        About{"status", "show the bootstrap as a tree, and what to do about a failure"},
        About{"storage", "show how the disks of the instance store are used"},
        About{"takeover", "take over the EKS image of Amazon Linux 2023"},
        About{"token", "print the token that kubelet shows the API server"},
        About{"unset", "remove keys from the admin's drop-in"},
        About{"validate", "check configuration anywhere"},
        About{"validate-image", "check this machine as an image that packer/ has built"},
        About{"versions", "show versions, and compare them with those of the image build"}};

std::vector<std::string> installed_verbs(const std::string& directory)
{
        std::vector<std::string> names;
        for (const auto& name : eks::list_directory(directory))
                if (name.starts_with(verb_prefix))
                        names.push_back(name.substr(verb_prefix.size()));
        return names;
}

void print_usage(std::FILE* out, const std::string& directory)
{
        fmt::print(out, "usage: eksnode [--debug] VERB [ARGUMENT...]\n\nVerbs:\n");
        for (const auto& name : installed_verbs(directory)) {
                const auto about = std::ranges::find(verbs, name, &About::verb);
                if (about != verbs.end())
                        fmt::print(out, "  {:<14} {}\n", name, about->text);
                else
                        fmt::print(out, "  {}\n", name);
        }

        fmt::print(out,
                "\n--debug shows each decision and what it rests on. `eksnode VERB --help` and eksnode(1) say more.\n");
}

} // namespace

int main(int argc, char** argv)
{
        const auto directory = verb_directory();
        if (argc > 1 && std::string_view(argv[1]) == "--debug") {
                ::setenv("EKS_LOG_LEVEL", "debug", 1);
                ++argv;
                --argc;
        }

        const std::string_view verb = argc > 1 ? argv[1] : "";
        if (verb == "--version") {
                fmt::print("eksnode {}\n", eks::version);
                return 0;
        }

        if (verb == "--help" || verb == "help") {
                print_usage(stdout, directory);
                return 0;
        }

        if (verb.empty() || verb.find('/') != verb.npos || verb.starts_with('-')) {
                print_usage(stderr, directory);
                return 2;
        }

        const auto program = fmt::format("{}/{}{}", directory, verb_prefix, verb);
        ::execv(program.c_str(), argv + 1);
        fmt::print(stderr, "eksnode: there is no verb '{}'{}\n", verb,
                eks::did_you_mean(verb, installed_verbs(directory)));
        fmt::print(stderr, "`eksnode --help` lists all\n");

        return 2;
}
