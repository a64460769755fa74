// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <ctime>
#include <unistd.h>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "base/text.hpp"
#include "checks/find_problems.hpp"
#include "compat/bootstrap/apply_call.hpp"
#include "compat/bootstrap/bootstrap.hpp"
#include "compat/bootstrap/edits.hpp"
#include "compat/bootstrap/options.hpp"
#include "compat/bootstrap/sourced.hpp"
#include "compat/bootstrap/start_node.hpp"
#include "compat/commands/commands.hpp"
#include "config/sources.hpp"
#include "systemd/node_decision.hpp"

namespace {

using namespace eks;

constexpr auto usage =
        "usage: /etc/eks/bootstrap.sh [OPTIONS] CLUSTER-NAME\n"
        "\n"
        "Make this machine a node of an EKS cluster, as the command of that name did on Amazon Linux 2.\n"
        "Each option takes a value, and so does an environment variable of its name in capitals.\n"
        "\n"
        "  --apiserver-endpoint URL      --b64-cluster-ca CA           --cluster-id ID\n"
        "  --container-runtime NAME      --containerd-config-file FILE\n"
        "  --dns-cluster-ip ADDRESS      --enable-local-outpost BOOL   --ip-family FAMILY\n"
        "  --kubelet-extra-args FLAGS    --local-disks SETUP           --service-ipv4-cidr RANGE\n"
        "  --service-ipv6-cidr RANGE     --use-max-pods BOOL           -h, --help\n"
        "\n"
        "If endpoint or CA is missing, EKS is asked for it (DescribeCluster). Other options of Amazon\n"
        "Linux 2 are ignored with a message. See bootstrap.sh(8); `eksnode migrate -- ARGUMENTS...`\n"
        "prints what a call sets.\n";

constexpr const char* program = "eks-bootstrap";
constexpr const char* own_path = "/etc/eks/bootstrap.sh";
constexpr const char* gpu_script = "/etc/eks/bootstrap-gpu.sh";
constexpr int failed = 1; // of every kind, as on Amazon Linux 2

// As its messages looked there.
void say(const char* level, std::string_view text)
{
        const auto now = std::time(nullptr);
        std::tm local{};
        std::array<char, 32> time{};
        std::strftime(time.data(), time.size(), "%Y-%m-%dT%H:%M:%S%z", ::localtime_r(&now, &local));
        fmt::print(stderr, "{} [{}] {}: {}\n", time.data(), program, level, text);
}

int say_failure(const Error& e)
{
        say("ERROR", e.full_text());
        record_failure(program, "bootstrap.sh", e, failed);
        return failed;
}

void say_notes(const std::vector<Note>& notes)
{
        for (const auto& note : notes)
                say(note.level <= Level::warning ? "WARN" : "INFO", hide_secrets(note.text));
}

// Files that scripts for Amazon Linux 2 change besides the call: some have an effect, others are ignored.
void add_settings_of_scripts(BootstrapCall& call)
{
        const std::string settings(sourced_settings);
        try {
                if (const auto names = add_sourced_settings(call, settings); !names.empty())
                        say("INFO", fmt::format("'{}' sets {}", settings, join(names, ", ")));
        } catch (const Error& e) {
                say("WARN", fmt::format("{}, ignoring: {}", e.what(), e.remedy()));
        }

        if (exists(own_path) && !read_link_if_exists(own_path))
                say("WARN", fmt::format("'{}' was edited, which has no effect: it is a program, ignoring; "
                                        "variables may be set in '{}'",
                                    own_path, settings));

        if (exists(gpu_script))
                say("WARN",
                        fmt::format("'{}' is not run, ignoring: eksnode finds GPUs by itself", gpu_script));
}

int bootstrap(int argc, char** argv)
{
        say("INFO", "starting...");
        if (::geteuid() != 0)
                throw Error(failure::usage, "only root can make this machine a node", "Run it with sudo");

        auto call = bootstrap_call(argc, argv);
        call.read = [](const std::string& path) { return read_file(path, config_limit); };
        add_settings_of_scripts(call);

        const auto layer = parse_bootstrap_call(call);
        if (!layer) {
                fmt::print("{}", usage);
                return failed;
        }

        say_notes(layer->notes);
        keys_without_a_step(*layer).throw_if_any(failure::step_missing);

        const Root root(std::string{});
        const CallLock lock(root, start_timeout,
                [] { say("INFO", "waiting for another call of bootstrap.sh or nodeadm to end"); });

        // Everything that may fail is done before the first file is written.
        const CommandLayer command{
                .command = "bootstrap", .instance = instance_of_machine(root), .tree = layer->tree};
        std::vector<Note> notes;
        const auto edits = edits_of_files(root, type_of_machine(root), notes);
        say_notes(notes);

        for (const auto& difference : contradictions_with_earlier_calls(root, command))
                say("WARN", hide_secrets(difference));
        const FilesBefore before(root, {bootstrap_layer, edits_layer, kubelet_config_link});
        Manager manager;
        const auto standing = standing_of_node(manager);

        const SyncLayers sync(root);

        // The edits of scripts are a separate layer below that of the call, so they stay when the next call
        // replaces the latter. eks-kubelet-config then need not keep the edited kubelet-config.json as a
        // copy.
        if (!edits.empty()) {
                say("INFO", "keeping what was changed in files of Amazon Linux 2");
                add_edits(root, edits_layer, command.instance, edits, Durability::unsynced);
                if (standing != Standing::early)
                        link_atomically(root(kubelet_config_link), std::string(kubelet_config_link_target));
        }

        write_command_layer(root, command, Durability::unsynced);
        forget_refused_call();

        if (standing == Standing::early) {
                if (const auto why = why_node_cannot_start(manager, root); !why.empty())
                        say("WARN", fmt::format("the node is not started in this boot, because {}", why));
                else
                        say("INFO", "complete! The node is started later in this boot");
                return 0;
        }

        start_with(manager, standing, [&] { apply_call(before); });
        say("INFO", "complete!");

        return 0;
}

} // namespace

int eks::bootstrap_command(int argc, char** argv)
{
        try {
                return bootstrap(argc, argv);
        } catch (const Error& e) {
                return say_failure(e);
        } catch (const std::exception& e) {
                return say_failure(Error(failure::internal, without_input(e.what()),
                        "This is a fault in eksnode; please report it with the output of journalctl -b"));
        }
}
