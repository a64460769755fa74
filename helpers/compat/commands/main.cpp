// SPDX-License-Identifier: Apache-2.0
// compat-commands: runs the command of the older images by whose name it is called.
#include <cstdio>
#include <string_view>

#include <fmt/format.h>

#include "compat/commands/commands.hpp"

int main(int argc, char** argv)
{
        std::string_view name = argc > 0 ? argv[0] : "";
        name.remove_prefix(name.rfind('/') + 1); // npos + 1 is 0

        for (const auto& command : eks::compat_commands)
                if (command.name == name)
                        return command.run(argc, argv);

        fmt::print(stderr,
                "compat-commands: call it by the name of a command, such as /etc/eks/bootstrap.sh\n");

        return 2;
}
