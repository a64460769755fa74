// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/fs.hpp"
#include "plan.hpp"
#include "steps/readahead/readahead.hpp"

namespace {

// Never the journal: the manager may be waiting for us while journald waits for the manager.
void say(std::string_view text)
{
        const auto line = fmt::format("<3>eks-node-generator: {}\n", text);
        const eks::UniqueFd kmsg(::open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY));
        [[maybe_unused]] const auto written =
                ::write(kmsg ? kmsg.get() : STDERR_FILENO, line.data(), line.size());
}

std::string_view environment(const char* name)
{
        const char* value = std::getenv(name);
        return value != nullptr ? value : "";
}

void generate(const std::string& directory)
{
        const eks::Root root{std::string(environment("EKS_ROOT"))};
        const auto facts = eks::read_boot_facts(
                root, environment("SYSTEMD_VIRTUALIZATION"), environment("SYSTEMD_IN_INITRD") == "1");
        if (eks::reads_ahead(facts))
                eks::read_manager_list(root("").c_str());

        for (const auto& output : eks::plan_generator(facts)) {
                const auto path = directory + "/" + output.path;
                if (output.link) {
                        eks::make_directories(path.substr(0, path.rfind('/')));
                        if (::symlink(output.content.c_str(), path.c_str()) < 0)
                                throw eks::io_error("create link", path, errno);
                } else {
                        eks::write_atomically(path, output.content, 0644, eks::Durability::unsynced);
                }
        }
}

} // namespace

int main(int argc, char** argv)
{
        if (argc != 2 && argc != 4) {
                say("takes one or three directories");
                return EXIT_FAILURE;
        }
        try {
                generate(argv[1]); // normal priority: files of an admin in /etc override it
                return EXIT_SUCCESS;
        } catch (const std::exception& e) {
                say(e.what());
                return EXIT_FAILURE;
        }
}
