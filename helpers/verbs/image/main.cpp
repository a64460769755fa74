// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <iterator>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "base/arguments.hpp"
#include "base/environment.hpp"
#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/root.hpp"

namespace {

using namespace eks;

constexpr auto usage =
        "usage: eksnode image plan [--packer DIR] FILE [NAME=VALUE]...\n"
        "\n"
        "Show the image that a build of the image configuration FILE makes: every variable, its value and\n"
        "where it is from. This calls 'make plan' of eksnode's image build.\n"
        "\n"
        "  --packer DIR  the directory packer/ of eksnode's source (default: packer if it is there, else the\n"
        "                copy in /usr/share/eks)\n"
        "  NAME=VALUE    a variable of the image build, which has precedence over FILE\n"
        "\n"
        "Exit status: that of make, which is 0 or 2; 1 there is no image build or no make; 2 usage; see\n"
        "eksnode-image(1).\n";

constexpr std::string_view alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";

// Make expands what follows a dollar.
std::string literal(std::string_view text)
{
        std::string out;
        for (const char c : text)
                out.append(c == '$' ? 2 : 1, c);
        return out;
}

// Any other word would be a goal, an option or code for make.
std::string assignment(const std::string& word)
{
        const auto equals = word.find('=');
        const auto name = word.substr(0, equals);
        if (equals == word.npos || name.empty() || name.find_first_not_of(alphabet) != name.npos)
                throw Error(failure::usage, fmt::format("'{}' is not NAME=VALUE", word), "See --help");
        if (name == "config")
                throw Error(failure::usage, "give one image configuration: FILE", "Leave config= out");

        return literal(word);
}

// A checkout, whose variants and defaults may differ, or what the package has of it.
std::string default_directory()
{
        return exists("packer/Makefile") ? "packer" : Root(environment("EKS_ROOT"))("/usr/share/eks/packer");
}

int image(const Arguments& arguments)
{
        const auto& words = arguments.positional();
        if (words.empty() || words.front() != "plan")
                throw Error(failure::usage, "give one command: plan", "See --help");
        if (words.size() < 2 || words[1].empty())
                throw Error(failure::usage, "give an image configuration", "See --help");

        const auto makefile = arguments.last("packer").value_or(default_directory()) + "/Makefile";
        std::vector<std::string> call{"make", "--file=" + makefile, "plan", "config=" + literal(words[1])};
        std::ranges::transform(words.begin() + 2, words.end(), std::back_inserter(call), assignment);

        if (!exists(makefile))
                throw Error(failure::file_io, fmt::format("there is no image build: no file '{}'", makefile),
                        "Say --packer DIR, the directory packer/ of eksnode's source");

        std::vector<char*> argv;
        for (auto& word : call)
                argv.push_back(word.data());
        argv.push_back(nullptr);
        ::execvp("make", argv.data());

        if (errno == ENOENT)
                throw Error(failure::file_io, "there is no program 'make'", "Install make");

        throw io_error("run", "make", errno);
}

} // namespace

int main(int argc, char** argv)
{
        return run_verb("image", usage, argc, argv,
                [&] { return image(Arguments::parse(argc, argv, {"packer="})); });
}
