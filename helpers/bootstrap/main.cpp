// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <ctime>
#include <unistd.h>

#include <fmt/format.h>
#include <systemd/sd-journal.h>

#include "base/fs.hpp"
#include "bootstrap.hpp"
#include "edits.hpp"
#include "offline/verbs.hpp"
#include "options.hpp"
#include "start_node.hpp"
#include "stdout_to_stderr.hpp"

namespace {

using namespace eks;

constexpr auto usage =
        "usage: /etc/eks/bootstrap.sh [OPTIONS] CLUSTER-NAME\n"
        "\n"
        "Make this machine a node of an EKS cluster, as the command of that name did on Amazon Linux 2.\n"
        "Each option takes a value, and so does an environment variable of its name in capitals.\n"
        "\n"
        "  --apiserver-endpoint URL      --b64-cluster-ca CA           --cluster-id ID\n"
        "  --dns-cluster-ip ADDRESS      --enable-local-outpost BOOL   --ip-family FAMILY\n"
        "  --kubelet-extra-args FLAGS    --local-disks SETUP           --service-ipv4-cidr RANGE\n"
        "  --service-ipv6-cidr RANGE     --use-max-pods BOOL           -h, --help\n"
        "\n"
        "Without endpoint or CA the cluster is asked for with DescribeCluster. Other options of Amazon\n"
        "Linux 2 are ignored with a message. See bootstrap.sh(8); `eksnode migrate -- ARGUMENTS...`\n"
        "prints what a call sets.\n";

constexpr const char* program = "eks-bootstrap";
// Scripts for Amazon Linux 2 had bootstrap.sh source this file, by editing it with sed.
constexpr const char* sourced_settings = "/etc/profile.d/bootstrap.sh";
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
        const auto& kind = e.failure();
        ::sd_journal_send("MESSAGE=%s failed: %s", program, e.full_text().c_str(), "PRIORITY=3",
                "SYSLOG_IDENTIFIER=%s", program, "MESSAGE_ID=%s", std::string(kind.id).c_str(),
                "EKS_STEP=%s", program, "EKS_RESULT=failed", "EKS_FAILURE=%s",
                std::string(kind.name).c_str(), "EKS_CAUSE=%s", e.what(), "EKS_REMEDY=%s",
                e.remedy().c_str(), "EKS_EXIT_STATUS=%d", failed, nullptr);
        return failed;
}

void say_notes(const std::vector<Note>& notes)
{
        for (const auto& note : notes)
                say(note.level <= Level::warning ? "WARN" : "INFO", hide_secrets(note.text));
}

// The layers as they were before.
class Restore {
public:
        explicit Restore(const Root& root) : root_(&root)
        {
                for (const auto layer : {bootstrap_layer, edits_layer})
                        texts_.emplace_back(layer, read_file_if_exists(root(layer)));
        }

        void operator()() const
        {
                for (const auto& [layer, text] : texts_)
                        if (text)
                                write_atomically((*root_)(layer), *text, 0600, Durability::synced);
                        else
                                remove_if_exists((*root_)(layer));
        }

private:
        const Root* root_;
        std::vector<std::pair<std::string_view, std::optional<std::string>>> texts_;
};

// A node that runs: as `eksnode apply`, which refuses what is wrong before it touches anything.
bool apply(const Restore& restore)
{
        std::string name = "eksnode-apply";
        std::array<char*, 2> arguments{name.data(), nullptr};
        const StdoutToStderr redirected;
        const int status = apply_verb(1, arguments.data());
        if (status == static_cast<int>(Errc::bad_config))
                restore();
        return status == 0;
}

// What a script has changed in kubelet-config.json is a layer of its own below that of the call: it stays
// when the next call replaces that.
bool take_over_edits(const Root& root, const std::string& instance)
{
        std::vector<Note> notes;
        const auto edits = edits_of_kubelet_config(root, notes);
        say_notes(notes);
        if (edits.empty())
                return false;
        say("INFO", fmt::format("keeping what was changed in '{}'", kubelet_config_link));
        auto tree = layer_of_instance(root, edits_layer, instance);
        if (!tree.is_object())
                tree = Json::object();
        tree.merge_patch({{"kubelet", {{"config", edits}}}});
        write_command_layer(root, {.command = "bootstrap-edits", .instance = instance, .tree = tree},
                Durability::unsynced);
        return true;
}

int bootstrap(int argc, char** argv)
{
        say("INFO", "starting...");
        if (::geteuid() != 0)
                throw Error(failure::usage, "only root can make this machine a node", "Run it with sudo");
        const auto layer = parse_bootstrap_call(bootstrap_call(argc, argv));
        if (!layer) {
                fmt::print("{}", usage);
                return failed;
        }
        say_notes(layer->notes);

        const Root root(std::string{});
        if (exists(sourced_settings))
                say("WARN", fmt::format("'{}' is not read, ignoring: export its variables before the call",
                                    sourced_settings));
        const CommandLayer command{
                .command = "bootstrap", .instance = instance_of_machine(root), .tree = layer->tree};
        for (const auto& difference :
                contradictions(layer_of_instance(root, bootstrap_layer, command.instance), command.tree))
                say("WARN", fmt::format("the call before this one said otherwise: {}",
                                    hide_secrets(difference)));
        const Restore restore(root);
        const SyncLayers sync(root);
        const bool edited = take_over_edits(root, command.instance);
        Manager manager;
        const auto standing = standing_of_node(manager);
        // What was edited is in the layer, and eks-kubelet-config need not keep it beside its own.
        if (edited && standing != Standing::early)
                link_atomically(root(kubelet_config_link), "config.json");
        write_command_layer(root, command, Durability::unsynced);
        if (standing == Standing::early) {
                say("INFO", "complete! The node is started later in this boot");
                return 0;
        }
        if (standing == Standing::awaits_scripts)
                wait_for_kubelet(manager);
        // What is taken over by then changes nothing here.
        if (standing != Standing::ahead && !apply(restore))
                throw Error(failure::node_not_started, "the node did not take over what this call says",
                        "What is wrong is said above; `eksnode apply` tries again");
        wait_for_kubelet(manager);
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
