// SPDX-License-Identifier: Apache-2.0
#include "containerd/runtimes.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/fs.hpp"
#include "config/known_keys.hpp"
#include "containerd/runtime_requirements.hpp"

namespace eks {

namespace {

// Copied unchanged into containerd's table of the handler.
constexpr std::array containerd_keys{"base_runtime_spec", "cni_conf_dir", "container_annotations",
        "pod_annotations", "privileged_without_host_devices", "runtime_path", "runtime_type", "sandboxer",
        "snapshotter"};

const Json::json_pointer containerd_table("/plugins/io.containerd.cri.v1.runtime/containerd");

// Whether it is rendered, and the reason.
void decide(RuntimeHandler& handler, const MissingParts& missing)
{
        const auto render = handler.descriptor["render"].get<std::string>();
        handler.rendered = render == "always" || (render == "auto" && missing.all.empty());

        if (render == "never")
                handler.reason = "render is never";
        else if (!missing.all.empty())
                handler.reason = fmt::format("{}{}", fmt::join(missing.all, ", "),
                        render == "always" ? "; rendered all the same: render is always" : "");
        handler.surprise = render == "auto" && !missing.all.empty() && (!handler.vendor || !missing.program);
}

constexpr auto default_remedy = "See `eksnode runtimes` for those that are available";

RuntimeHandler* find_handler(RuntimeHandlers& handlers, const std::string& name)
{
        const auto found = std::ranges::find(handlers.all, name, &RuntimeHandler::name);
        return found != handlers.all.end() ? &*found : nullptr;
}

std::string choose_default(RuntimeHandlers& handlers, const RuntimeSettings& settings)
{
        if (!settings.default_name.empty()) {
                const auto place = fmt::format("{}: containerd.defaultRuntime = \"{}\"",
                        settings.default_source, settings.default_name);
                auto* handler = find_handler(handlers, settings.default_name);
                if (handler == nullptr)
                        throw Error(failure::runtime_invalid, place + ": no such runtime is described",
                                default_remedy);

                render_default(*handler, place, handlers.notes);
                return handler->name;
        }

        const RuntimeHandler* chosen = nullptr;

        for (const auto& handler : handlers.all) {
                if (!handler.rendered || !handler.descriptor["default"].get<bool>())
                        continue;
                if (chosen != nullptr)
                        throw Error(failure::runtime_invalid,
                                fmt::format("{} and {} both make their runtime the default",
                                        chosen->place.text(), handler.place.text()),
                                "Name one with containerd.defaultRuntime");

                chosen = &handler;
        }

        return chosen != nullptr ? chosen->name : "runc";
}

} // namespace

void render_default(RuntimeHandler& handler, std::string_view place, std::vector<Note>& notes)
{
        if (handler.rendered)
                return;
        if (handler.descriptor["render"] == "never")
                throw Error(failure::runtime_invalid,
                        fmt::format("{}: its descriptor ({}) says that it is never rendered", place,
                                handler.place.text()),
                        default_remedy);

        notes.push_back({Level::warning,
                fmt::format(
                        "{}: what this runtime requires is not here yet: {}; pods may not start until it "
                        "is, proceeding",
                        place, handler.reason)});
        handler.reason += "; rendered all the same: it is the default";
        handler.rendered = true;
        handler.awaited = true;
        handler.surprise = false;
}

RuntimeHandlers runtime_handlers(const Root& root, const RuntimeSettings& settings)
{
        RuntimeHandlers handlers;
        auto descriptors = runtime_descriptors(root, settings, handlers.notes);
        const auto missing = missing_parts(root, descriptors);

        for (auto& [name, descriptor] : descriptors) {
                RuntimeHandler handler{.name = name,
                        .descriptor = std::move(descriptor.tree),
                        .place = descriptor.place,
                        .vendor = descriptor.vendor};
                decide(handler, missing.at(name));

                if (handler.descriptor.contains("binary"))
                        handler.descriptor["binary"] = present_path(root, handler.descriptor["binary"]);
                handlers.all.push_back(std::move(handler));
        }

        const auto* runc = find_handler(handlers, "runc");
        if (runc == nullptr && !exists(root(vendor_directory)))
                throw Error(failure::vendor_file, fmt::format("'{}' is not there", root(vendor_directory)),
                        "Install eksnode, or name a tree that has it with --root");
        if (runc == nullptr || !runc->rendered)
                throw Error(failure::runtime_invalid,
                        fmt::format("{}the runtime handler runc is {}: a pod that asks for it could not run",
                                runc == nullptr ? "" : runc->place.text() + ": ",
                                runc == nullptr ? "not described" : "not rendered (" + runc->reason + ")"),
                        fmt::format("Restore it: '{}/runc.toml' describes it", runtimes_vendor_directory));

        handlers.default_name = choose_default(handlers, settings);
        return handlers;
}

Json handler_settings(const RuntimeHandler& handler)
{
        const auto& tree = handler.descriptor;
        Json table;
        for (const auto* key : containerd_keys)
                if (const auto value = tree.find(key); value != tree.end())
                        table[key] = *value;

        Json options = Json::object();
        if (tree["kind"] == "runc-compatible")
                options = {{"BinaryName", tree["binary"]}, {"SystemdCgroup", tree["systemd_cgroup"]}};
        deep_merge(options, tree.value("options", Json::object()));
        table["options"] = options;
        Json settings;
        settings[containerd_table]["runtimes"][handler.name] = table;

        return settings;
}

Json containerd_settings(const RuntimeHandlers& handlers)
{
        Json settings;
        for (const auto& handler : handlers.all)
                if (handler.rendered)
                        deep_merge(settings, handler_settings(handler));
        settings[containerd_table]["default_runtime_name"] = handlers.default_name;
        return settings;
}

std::map<std::string, std::string> runtime_files(const RuntimeHandler& handler)
{
        return handler.descriptor.value("files", std::map<std::string, std::string>());
}

std::string runtime_class(const RuntimeHandler& handler)
{
        const auto& tree = handler.descriptor;
        const auto quoted = [](const Json& text) { return text.dump(); }; // JSON strings are YAML
        auto yaml = fmt::format(
                "apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata:\n  name: {}\nhandler: {}\n",
                quoted(tree["class"]), quoted(tree["name"]));
        const auto extra = tree.value("runtimeclass", Json::object());
        const auto map = [&](const Json& values, const char* indent) {
                for (const auto& [key, value] : values.items())
                        yaml += fmt::format("{}{}: {}\n", indent, quoted(key), quoted(value));
        };

        if (extra.contains("overhead")) {
                yaml += "overhead:\n  podFixed:\n";
                map(extra["overhead"], "    ");
        }

        if (extra.contains("node_selector") || extra.contains("tolerations"))
                yaml += "scheduling:\n";

        if (extra.contains("node_selector")) {
                yaml += "  nodeSelector:\n";
                map(extra["node_selector"], "    ");
        }

        if (extra.contains("tolerations")) {
                yaml += "  tolerations:\n";
                for (const auto& toleration : extra["tolerations"])
                        yaml += "  - " + toleration.dump() + "\n";
        }

        return yaml;
}

std::string present_path(const Root& root, const Json& paths)
{
        const auto all = paths_of(paths);
        const auto found = std::ranges::find_if(all, [&](const auto& path) { return exists(root(path)); });
        return found != all.end() ? *found : all.front();
}

} // namespace eks
