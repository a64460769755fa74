// SPDX-License-Identifier: Apache-2.0
#include "steps/environment/environment_step.hpp"

#include <algorithm>
#include <array>
#include <unistd.h>

#include <fmt/format.h>

#include "base/environment.hpp"
#include "base/fs.hpp"
#include "base/text.hpp"
#include "node/proxy.hpp"

namespace eks {

namespace {

// Their units have an EnvironmentFile= for this file.
constexpr std::array<std::string_view, 6> with_file{
        "amazon-ssm-agent", "containerd", "docker", step_that_pulls, "kubelet", "soci-snapshotter"};
// They start after this step, and `eksnode apply` restarts them.
constexpr std::array<std::string_view, 4> of_the_chain{
        "containerd", step_that_pulls, "kubelet", "soci-snapshotter"};
// Services that start before this step on many machines and need the variables of all services, such as a
// proxy.
constexpr std::array<std::string_view, 2> early{"amazon-ssm-agent", "docker"};

bool contains(std::span<const std::string_view> list, std::string_view item)
{
        return std::ranges::find(list, item) != list.end();
}

std::string file_of(std::string_view service)
{
        return std::string(environment_directory).append(service);
}

std::string drop_in_of(std::string_view service)
{
        return fmt::format("/run/systemd/system/{}.service.d/40-eks-environment.conf", service);
}

bool needs_drop_in(std::string_view service)
{
        return service != every_service && !contains(with_file, service);
}

// The names of the variables in a file of render_environment_file().
std::vector<std::string> names_in(std::string_view text)
{
        std::vector<std::string> names;
        for (auto& [name, value] : parse_environment_file(text))
                names.push_back(std::move(name));
        return names;
}

const ServiceEnvironment* find_service(const std::vector<ServiceEnvironment>& all, std::string_view service)
{
        const auto found = std::ranges::find(all, service, &ServiceEnvironment::service);
        return found != all.end() ? &*found : nullptr;
}

class TakeOver {
public:
        TakeOver(Context& context, Manager& manager, const NodeInputs& node)
                : context_(&context), manager_(&manager), node_(&node), environments_(all_environments(node))
        {
        }

        void run()
        {
                tell_manager();

                // The record of a service is removed last, so that another run can finish an interrupted
                // removal.
                auto plan = plan_environment(*node_);
                StepPlan last;
                std::erase_if(plan.files, [&](const File& file) {
                        const bool is_memory = file.kind == File::Kind::absent &&
                                               file.path.starts_with(environment_directory);
                        if (is_memory)
                                last.files.push_back(file);
                        return is_memory;
                });

                bool reloads = false;
                for (const auto& file : plan.files)
                        if (foresee(context_->root(), file) != Outcome::unchanged) {
                                reloads = reloads || !file.path.starts_with(environment_directory);
                                changed_.push_back(file.path);
                        }

                context_->apply(plan);
                for (const auto& file : plan.files)
                        if (file.kind == File::Kind::absent) // a directory of its own, as a rule
                                ::rmdir(context_->root()(file.path.substr(0, file.path.rfind('/'))).c_str());

                if (reloads || lags_behind()) {
                        manager_->call("Reload");
                        context_->did("the manager has read the drop-ins", true);
                }

                for (const auto& one : environments_)
                        look_at(one);

                for (const auto& file : last.files) {
                        changed_.push_back(file.path);
                        look_at({.service = file.path.substr(environment_directory.size())});
                }

                if (find_service(environments_, every_service) != nullptr || manager_changed_)
                        for (const auto service : early)
                                if (find_service(environments_, service) == nullptr)
                                        restart_if_early(std::string(service),
                                                manager_changed_ ? std::string() : file_of(every_service));
                context_->apply(last);
        }

private:
        void warn(const std::string& text)
        {
                context_->log().write(
                        Level::warning, fmt::format("{}, proceeding", text), event::config_warning.id);
        }

        void tell_manager()
        {
                const auto* wanted = find_service(environments_, every_service);
                auto gone =
                        names_in(read_file_if_exists(context_->root()(file_of(every_service))).value_or(""));
                if (wanted != nullptr)
                        std::erase_if(gone,
                                [&](const std::string& name) { return wanted->variables.contains(name); });
                std::vector<std::string> names;
                std::vector<std::string> assignments;

                if (wanted != nullptr) {
                        const auto present = manager_->environment();
                        for (const auto& [name, value] : wanted->variables) {
                                auto assignment = fmt::format("{}={}", name, value);
                                if (std::ranges::find(present, assignment) != present.end())
                                        continue;
                                names.push_back(name);
                                assignments.push_back(std::move(assignment));
                        }
                }

                manager_changed_ = !gone.empty() || !assignments.empty();
                if (!manager_changed_)
                        return;

                manager_->change_environment(gone, assignments);
                if (!names.empty())
                        context_->did(fmt::format("set {} for all services", join(names, ", ")), true);

                if (!gone.empty())
                        context_->did(
                                fmt::format("no longer set {} for all services", join(gone, ", ")), true);
        }

        // An earlier run may have been killed before the manager read its files.
        bool lags_behind()
        {
                return std::ranges::any_of(environments_, [&](const ServiceEnvironment& one) {
                        return needs_drop_in(one.service) &&
                               manager_->unit(one.service + ".service").boolean("NeedDaemonReload");
                });
        }

        void look_at(const ServiceEnvironment& one)
        {
                if (one.service == every_service || contains(of_the_chain, one.service))
                        return;

                const auto name = one.service + ".service";
                if (!one.key.empty())
                        if (const auto state = manager_->unit(name).text("LoadState");
                                state == "not-found" || state == "masked")
                                return warn(fmt::format("{} ({}) has no effect: {} is {}, or remove the key",
                                        one.key, one.source, name,
                                        state == "masked" ? "masked; unmask it"
                                                          : "not installed; install it"));

                restart_if_early(one.service, file_of(one.service));
        }

        // Restart a service that was started before its file was written; without a file, any running
        // service.
        void restart_if_early(const std::string& service, const std::string& path)
        {
                const auto name = service + ".service";
                if (!manager_->is_loaded(name))
                        return;

                const auto unit = manager_->unit(name);
                const bool runs = unit.text("ActiveState") == "active" && unit.text("SubState") == "running";
                if (!runs || (!path.empty() && !started_before(unit, path)))
                        return;
                if (service.starts_with("systemd-") || service.starts_with("dbus"))
                        return warn(fmt::format("{} runs without its variables, and is not restarted, since "
                                                "others depend on it: restart it when that does no harm",
                                name));

                try {
                        manager_->queue_job("RestartUnit", name);
                        context_->did(fmt::format("restarts {}", name), true);
                } catch (const Error& e) {
                        warn(fmt::format("{} runs without its variables, and cannot be restarted: {}", name,
                                e.what()));
                }
        }

        bool started_before(const Manager::Unit& unit, const std::string& path) const
        {
                return std::ranges::find(changed_, path) != changed_.end() ||
                       unit.started_before(context_->root()(path));
        }

        Context* context_;
        Manager* manager_;
        const NodeInputs* node_;
        std::vector<ServiceEnvironment> environments_;
        bool manager_changed_ = false;
        std::vector<std::string> changed_; // paths
};

} // namespace

StepPlan plan_environment(const NodeInputs& node)
{
        StepPlan plan;
        const auto environments = all_environments(node);
        for (const auto& one : environments) {
                plan.files.push_back({.path = file_of(one.service),
                        .content = render_environment_file(one.variables),
                        .mode = 0600});
                plan.decisions.push_back(fmt::format("{} gets {} {}{}", one.service, one.variables.size(),
                        one.variables.size() == 1 ? "variable" : "variables",
                        one.key.empty() ? "" : fmt::format(": {} ({})", one.key, one.source)));

                if (needs_drop_in(one.service))
                        plan.files.push_back({.path = drop_in_of(one.service),
                                .content = fmt::format("# Written by eks-environment.\n"
                                                       "[Service]\nEnvironmentFile=-{}\n",
                                        file_of(one.service))});
        }

        for (const auto& service : list_directory(node.root(std::string(environment_directory)))) {
                if (find_service(environments, service) != nullptr || service.starts_with('.'))
                        continue;
                plan.files.push_back({.path = file_of(service), .content = {}, .kind = File::Kind::absent});
                if (needs_drop_in(service))
                        plan.files.push_back(
                                {.path = drop_in_of(service), .content = {}, .kind = File::Kind::absent});
        }

        return plan;
}

void take_over_environment(Context& context, Manager& manager, const NodeInputs& node)
{
        TakeOver(context, manager, node).run();
}

Access environment_access()
{
        return {.reads = {"/etc/credstore", "/etc/eks", "/etc/gai.conf", "/etc/host.conf", "/etc/hosts",
                        "/etc/nsswitch.conf", "/etc/resolv.conf", "/run/credentials", "/run/credstore",
                        "/run/systemd"},
                .writes = {"/run/eks", "/run/systemd/system"},
                .asks_manager = true,
                .loads_libraries = true, // modules of nsswitch.conf(5)
                .internet = true};
}

} // namespace eks
