// SPDX-License-Identifier: Apache-2.0
#include "compat/nodeadm/init.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "compat/bootstrap/apply_call.hpp"
#include "compat/bootstrap/bootstrap.hpp"
#include "compat/bootstrap/start_node.hpp"
#include "compat/nodeadm/dump.hpp"
#include "compat/nodeadm/nodeadm.hpp"
#include "config/command_layer.hpp"
#include "config/known_keys.hpp"
#include "config/node_config.hpp"
#include "steps/take_over.hpp"
#include "systemd/manager.hpp"
#include "systemd/node_decision.hpp"

namespace eks {

namespace {

using namespace std::chrono_literals;

constexpr const char* command_name = "nodeadm";
constexpr const char* configured = "eks-configured.target";
constexpr const char* containerd = "containerd.service";
constexpr const char* kubelet = "kubelet.service";
constexpr std::chrono::milliseconds timeout = start_timeout;
constexpr std::chrono::milliseconds kubelet_timeout = 60s;

class Init {
public:
        Init(const Root& root, const NodeadmOptions& options, const Chain& chain, const Say& say,
                const Say& warn)
                : root_(&root), options_(&options), chain_(&chain), say_(&say), warn_(&warn)
        {
        }

        void run()
        {
                const bool any = options_->concerns("containerd") || options_->concerns("kubelet");
                starts_ = any && !options_->skips_phase("run");
                configures_ = any && (!options_->skips_phase("config") ||
                                             differs_from_cache(*root_, options_->cache, *chain_));
                const CallLock lock(*root_, timeout,
                        [this] { (*say_)("waiting for another call of bootstrap.sh or nodeadm to end"); });
                const auto standing = standing_of_node(manager_); // before the layer changes its state

                if (configures_ || starts_)
                        leave_layer();

                if (configures_ && !options_->cache.empty())
                        write_atomically((*root_)(options_->cache),
                                dump_cache(*chain_, facts(), kubelet_version_text()), 0600,
                                Durability::unsynced);

                if (standing == Standing::early)
                        say_what_follows();
                else if (configures_ && starts_)
                        configure_and_start(standing);
                else if (configures_)
                        configure(standing);
                else if (starts_)
                        start(standing);
        }

private:
        void say_what_follows()
        {
                if (const auto why = why_node_cannot_start(manager_, *root_); !why.empty())
                        (*warn_)(fmt::format("the node is not started in this boot, because {}", why));
                else
                        (*say_)("the rest is done later in this boot, by eks-node.target");
        }

        Json facts() const { return exists((*root_)(imds_path)) ? load_imds(*root_) : Json::object(); }

        std::string kubelet_version_text() const
        {
                try {
                        return kubelet_version(*root_).text();
                } catch (const Error&) { // the cache may lack them
                        return {};
                }
        }

        std::string layer_path() const { return fmt::format("{}/{}.toml", command_layers, command_name); }

        // The layer also shows that a command was called. From then on kubelet does not wait for the scripts
        // in the user data, one of which may be our caller.
        void leave_layer()
        {
                CommandLayer layer{
                        .command = command_name, .instance = instance_of_machine(*root_), .tree = {}};
                const auto earlier = read_file_if_exists((*root_)(layer_path()), config_limit);
                const bool has_one = earlier && instance_of_layer(*earlier) == layer.instance;
                before_.emplace(*root_, std::vector<std::string_view>{layer_path()});

                if (configures_) {
                        layer.tree = layer_of_call(*chain_);
                        for (const auto& key : null_keys(layer.tree))
                                (*warn_)(fmt::format(
                                        "{}: null is lost in '{}', ignoring: give it in the user "
                                        "data or in /etc/eks/nodeadm.d",
                                        key, layer_path()));

                        if (layer.tree.empty() && !starts_ && !has_one)
                                return;

                        refuse_what_is_wrong(layer);
                } else if (has_one) {
                        return;
                } else {
                        layer.tree = Json::object();
                }

                if (configures_)
                        for (const auto& difference : contradictions_with_earlier_calls(*root_, layer))
                                (*warn_)(difference);
                write_command_layer(*root_, layer);
                forget_refused_call();
        }

        // Check before writing: eks-config reads the layer as soon as it exists.
        void refuse_what_is_wrong(const CommandLayer& command) const
        {
                if (!exists((*root_)(imds_path)))
                        return; // eks-config does it when the facts are there

                auto resolved = resolve_node_layers(*root_);
                auto& layers = resolved.layers;
                const auto path = layer_path();
                std::erase_if(layers, [&](const Layer& layer) { return layer.source == path; });
                layers.push_back(parse_node_toml(render_command_layer(command, 0), path));
                resolved.merged = Layer{.notes = resolved.merged.notes};

                for (const auto& layer : layers)
                        merge_layer(resolved.merged, layer);
                const auto findings = check_configuration(
                        *root_, std::move(resolved), facts(), {.node = true, .steps = false});
                findings.problems.throw_if_any(failure::config_invalid);
        }

        void configure_and_start(Standing standing)
        {
                if (options_->concerns("kubelet")) {
                        start_with(manager_, standing, [&] { apply_call(*before_); });
                        return;
                }

                if (standing != Standing::resolved)
                        start_daemons();
                apply_call(*before_);
                start_daemons();
        }

        // Only the files; the run phase restarts the daemons that read them.
        void configure(Standing standing)
        {
                if (standing == Standing::ahead) {
                        const bool ended = manager_.run_job("StartUnit", configured, timeout);
                        if (!ended || manager_.unit(configured).text("ActiveState") != "active")
                                throw Error(failure::node_not_started, "the node was not configured",
                                        "`eksnode status` shows which step failed and why");
                }

                const Versions versions{
                        .kubelet = kubelet_version(*root_), .containerd = containerd_version(*root_)};
                auto changes = find_changes(
                        *root_, plan_node(*root_, resolve_node_layers(*root_), facts(), versions));
                std::erase_if(changes.actions, [](const Action& action) {
                        return action.kind != Action::Kind::run && action.kind != Action::Kind::close;
                });

                take_over(manager_, changes, *say_);
        }

        // As in nodeadm's phase "run": running daemons are restarted, with the present files.
        void start(Standing standing)
        {
                if (standing == Standing::resolved) {
                        if (options_->concerns("containerd"))
                                restart(containerd);
                        else if (options_->concerns("kubelet"))
                                restart(kubelet);
                }
                start_daemons();
        }

        void restart(const char* unit)
        {
                if (manager_.unit(unit).text("ActiveState") != "active")
                        return;

                // kubelet is ready once it has a certificate, which may take any time.
                const bool ended =
                        manager_.run_job("RestartUnit", unit, unit == kubelet ? kubelet_timeout : timeout);
                if (!ended && unit != kubelet)
                        throw Error(failure::node_not_started,
                                fmt::format("{} was not restarted in time", unit),
                                fmt::format("See `systemctl status {}`", unit));
        }

        void start_daemons()
        {
                if (options_->concerns("kubelet")) {
                        wait_for_kubelet(manager_);
                        return;
                }

                const bool ended = manager_.run_job("StartUnit", containerd, timeout);
                if (!ended || manager_.unit(containerd).text("ActiveState") != "active")
                        throw Error(failure::node_not_started, "containerd does not run",
                                "`eksnode status` shows what failed and why");
        }

        const Root* root_;
        const NodeadmOptions* options_;
        const Chain* chain_;
        const Say* say_;
        const Say* warn_;
        Manager manager_;
        bool configures_ = false;
        bool starts_ = false;
        std::optional<FilesBefore> before_; // the layer before this call
};

} // namespace

void init_node(
        const Root& root, const NodeadmOptions& options, const Chain& chain, const Say& say, const Say& warn)
{
        Init(root, options, chain, say, warn).run();
}

} // namespace eks
