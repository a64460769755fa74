// SPDX-License-Identifier: Apache-2.0
// The command line of nodeadm: options with one dash or two, as words of their own or after "=".
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace eks {

enum class NodeadmCommand { help, version, init, check, dump };

struct NodeadmOptions {
        NodeadmCommand command = NodeadmCommand::help;
        std::vector<std::string> sources{}; // --config-source
        std::vector<std::string> daemons{}; // --daemon; empty means all
        std::vector<std::string> skips{};   // --skip
        std::string cache{};                // --config-cache
        std::string output{};               // --config-output

        bool skips_phase(std::string_view phase) const;
        bool concerns(std::string_view daemon) const;
};

// Throws Error (usage).
NodeadmOptions parse_nodeadm_options(const std::vector<std::string>& words);

inline constexpr std::string_view nodeadm_usage =
        "usage: nodeadm init [--config-source URI]... [--skip config|run]... [--daemon NAME]...\n"
        "                    [--config-cache FILE]\n"
        "       nodeadm config check [--config-source URI]...\n"
        "       nodeadm config dump [--config-source URI]... [--config-cache FILE] [--config-output FILE]\n"
        "\n"
        "Make this machine a node of an EKS cluster, or look at its configuration.\n"
        "\n"
        "  -c, --config-source URI   imds://user-data (default), or file://PATH of a file or directory;\n"
        "                            repeatable, in order\n"
        "  -s, --skip PHASE          leave out the phase config or run\n"
        "      --daemon NAME         only containerd, or only kubelet\n"
        "      --config-cache FILE   where the configuration is kept between calls\n"
        "  -o, --config-output FILE  write it there, not to standard output\n"
        "  -d, --development         accepted, without effect\n"
        "  -h, --help                print this\n"
        "      --version             print the version\n"
        "\n"
        "See nodeadm(8).\n";

} // namespace eks
