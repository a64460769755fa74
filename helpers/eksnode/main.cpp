// SPDX-License-Identifier: Apache-2.0
// eksnode: finds eksnode-VERB beside the steps and becomes it. Holds no logic of its own.
#include <array>
#include <cstdio>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "version.hpp"

namespace {

constexpr std::string_view verb_prefix = "eksnode-";

// Where the verbs are: beside this program's own directory first, so that a staged tree works as it lies.
std::string verb_directory()
{
        const auto self = eks::read_link_if_exists("/proc/self/exe").value_or("");
        const auto slash = self.rfind('/');
        auto staged = self.substr(0, slash == std::string::npos ? 0 : slash) + "/../libexec/eksnode";
        return eks::exists(staged) ? staged : LIBEXECDIR;
}

void print_usage(std::FILE* out, const std::string& directory)
{
        fmt::print(out, "usage: eksnode VERB [ARGUMENT...]\n\nVerbs:\n");
        for (const auto& name : eks::list_directory(directory))
                if (name.starts_with(verb_prefix))
                        fmt::print(out, "  {}\n", name.substr(verb_prefix.size()));
        fmt::print(out, "\n`eksnode VERB --help` and eksnode(1) say more.\n");
}

} // namespace

int main(int argc, char** argv)
{
        const auto directory = verb_directory();
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
        fmt::print(stderr, "eksnode: there is no verb '{}'\n\n", verb);
        print_usage(stderr, directory);
        return 2;
}
