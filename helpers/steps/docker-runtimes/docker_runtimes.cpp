// SPDX-License-Identifier: Apache-2.0
#include "steps/docker-runtimes/docker_runtimes.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <set>
#include <sys/stat.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/fs.hpp"
#include "base/json.hpp"
#include "base/process.hpp"

namespace eks {

namespace {

using namespace std::chrono_literals;

// Keys stay in the order that their author gave them.
using Document = OrderedJson;

constexpr std::string_view version_path = "/etc/eks/docker-version.txt";
constexpr std::array daemons{"/usr/bin/dockerd", "/usr/sbin/dockerd"}; // the second is Debian's

constexpr const char* runtimes_key = "runtimes";
constexpr const char* before_key = "before"; // of the memory: what was ours, while a run is under way

// Docker's own runtime: it rejects another one of that name.
constexpr std::string_view built_in = "runc";

// The first release whose daemon.json can name a shim: "runtimeType" instead of "path".
constexpr Version first_with_shims{24, 0, 0};

std::optional<Json> registration(const Root& root, const RuntimeHandler& handler,
        const DockerVersion& version, std::vector<Note>& notes)
{
        const auto& tree = handler.descriptor;
        const auto docker = tree.value("docker", Json::object());
        const auto binary = docker.find("binary");
        if (binary != docker.end() || tree["kind"] == "runc-compatible") {
                Json entry{{"path", present_path(root, binary != docker.end() ? *binary : tree["binary"])}};
                if (const auto arguments = docker.find("arguments"); arguments != docker.end())
                        entry["runtimeArgs"] = *arguments;
                return entry;
        }

        if (const auto known = version(); known.value_or(Version{}) < first_with_shims) {
                notes.push_back({Level::info,
                        fmt::format("runtime '{}' is left out: it has a shim of its own, and that takes "
                                    "Docker {}.{} (this is {})",
                                handler.name, first_with_shims.major, first_with_shims.minor,
                                known ? known->text() : "an unknown version")});
                return std::nullopt;
        }

        Json entry{{"runtimeType", tree.value("runtime_path", tree["runtime_type"].get<std::string>())}};
        if (const auto options = tree.find("options"); options != tree.end())
                entry["options"] = *options;

        return entry;
}

const RuntimeHandler* find_handler(const RuntimeHandlers& handlers, const std::string& name)
{
        const auto found = std::ranges::find(handlers.all, name, &RuntimeHandler::name);
        return found != handlers.all.end() ? &*found : nullptr;
}

std::map<std::string, std::string> triggers(const RuntimeHandler& handler)
{
        return handler.descriptor.value("docker", Json::object())
                .value("triggers", std::map<std::string, std::string>());
}

void check_default(const RuntimeHandlers& handlers, const Sourced& default_runtime, const Json& runtimes,
        std::vector<Note>& notes)
{
        const auto& name = default_runtime.text;
        if (name == built_in)
                return;

        const auto* handler = find_handler(handlers, name);

        if (!runtimes.contains(name)) {
                const auto trigger_of = std::ranges::find_if(
                        handlers.all, [&](const auto& h) { return triggers(h).contains(name); });
                std::string why = "no such runtime is described";
                if (trigger_of != handlers.all.end())
                        why = trigger_of->rendered ? "no " + triggers(*trigger_of).at(name)
                                                   : "not available on this machine: " + trigger_of->reason;
                else if (handler != nullptr)
                        why = handler->rendered
                                      ? "this version of Docker does not support runtimes with their own shim"
                                      : "not available on this machine: " + handler->reason;
                throw Error(failure::runtime_invalid,
                        fmt::format(
                                "{}: docker.defaultRuntime = \"{}\": {}", default_runtime.source, name, why),
                        "See `eksnode runtimes --docker` for those that Docker can have");
        }

        if (handler == nullptr)
                return; // a trigger decides for each container

        std::vector<std::string> better;
        for (const auto& [trigger, path] : triggers(*handler))
                if (runtimes.contains(trigger))
                        better.push_back(trigger);
        notes.push_back({Level::warning,
                fmt::format("{}: every container that names no runtime, that of the ECS agent too, runs "
                            "with '{}'{}, proceeding",
                        default_runtime.source, name,
                        better.empty()
                                ? ""
                                : fmt::format(" ('{}' decides for each)", fmt::join(better, "', '")))});
}

[[noreturn]] void refuse(const Failure& kind, const Where& where, std::string_view wrong)
{
        throw Error(kind, fmt::format("{}: {}", where.text(), wrong),
                "Correct the file, nothing was written; eks-docker-runtimes.service(8) tells what it may hold");
}

// An empty file counts as {}, as it does for Docker.
Document parse_document(std::string_view text, std::string_view path)
{
        if (text.find_first_not_of(" \t\r\n") == text.npos)
                return Document::object();

        Document document;

        try {
                document = parse_ordered_json(text);
        } catch (const Document::parse_error& e) {
                const auto before = text.substr(0, e.byte > 0 ? e.byte - 1 : 0);
                const auto line = std::ranges::count(before, '\n') + 1;
                const auto column = before.size() - (before.rfind('\n') + 1) + 1; // npos + 1 is 0
                const std::string_view what = e.what();
                const auto colon = what.find(": ");
                refuse(failure::config_syntax,
                        {std::string(path), static_cast<int>(line), static_cast<int>(column)},
                        fmt::format("not JSON: {}",
                                without_input(what.substr(colon == what.npos ? 0 : colon + 2))));
        } catch (const Document::exception& e) { // a number out of range
                refuse(failure::config_syntax, {std::string(path)},
                        fmt::format("not JSON: {}", without_input(e.what())));
        }

        if (!document.is_object())
                refuse(failure::config_invalid, {std::string(path), 1, 1},
                        fmt::format("must be an object, not {}", document.type_name()));

        return document;
}

// Compares Docker's file, our earlier entries in it, and our new entries, one by one.
class Merge {
public:
        explicit Merge(StepPlan& plan) : plan_(&plan) {}

        // `present` and `ours` are changed; `label` names an entry for the reader.
        void entry(Document& present, Json& ours, const Json& wanted, const std::string& name,
                const std::string& label)
        {
                const auto found = optional(present, name);
                const auto before = optional(ours, name);
                const auto want = optional(wanted, name);
                ours.erase(name);

                if (before && !found && before == want) { // an edit, unless our entry has changed
                        ours[name] = *want;
                        note(Level::info,
                                fmt::format("{} was removed by hand and is not added again", label));
                } else if (found && found != before) {
                        if (want && want != found)
                                note(Level::warning,
                                        fmt::format("{} is not ours ({}) and differs from what this machine "
                                                    "has ({}), ignoring ours",
                                                label, shown_json(*found), shown_json(*want)));
                } else if (want) {
                        present[name] = parse_ordered_json(want->dump());
                        ours[name] = *want;
                } else {
                        present.erase(name);
                }
        }

private:
        template <typename T>
        static std::optional<Json> optional(const T& object, const std::string& name)
        {
                const auto found = object.find(name);
                return found != object.end() ? std::optional(parse_json(found->dump())) : std::nullopt;
        }

        void note(Level level, const std::string& text)
        {
                plan_->notes.push_back({level, fmt::format("'{}': {}", docker_config_path, text)});
        }

        StepPlan* plan_;
};

// Only this step writes the file. If it is damaged, by a crash or an edit, no entry counts as ours.
Json remembered_keys(const Root& root)
{
        const auto text = read_file_if_exists(root(docker_memory_path)).value_or("");
        auto keys = try_parse_json(text);
        if (!keys.is_object())
                keys = Json::object();
        if (!keys.contains("runtimes") || !keys["runtimes"].is_object())
                keys["runtimes"] = Json::object();
        return keys;
}

// What is ours of the file's runtimes, or of its top level, where a run was killed after it had announced
// `next`: what the file has of that already, and else what was ours before.
Json settled(const Json& before, const Json& next, const Document& present)
{
        auto ours = before;
        for (const auto& [name, entry] : next.items())
                if (const auto found = present.find(name);
                        name != runtimes_key && found != present.end() && parse_json(found->dump()) == entry)
                        ours[name] = entry;
        return ours;
}

Json known_keys(const Root& root, const Document& present, const Document& runtimes)
{
        auto memory = remembered_keys(root);
        if (!memory.contains(before_key))
                return memory;

        const auto before = memory[before_key];
        memory.erase(before_key);
        auto ours = settled(before, memory, present);
        ours[runtimes_key] =
                settled(before.value(runtimes_key, Json::object()), memory[runtimes_key], runtimes);

        return ours;
}

void write_memory(const Root& root, const Json& memory)
{
        if (memory != remembered_keys(root))
                write_atomically(
                        root(docker_memory_path), memory.dump(2) + "\n", 0644, Durability::unsynced);
}

} // namespace

std::optional<Version> docker_version(const Root& root)
{
        if (const auto text = read_file_if_exists(root(version_path)))
                return find_version(*text);

        for (const auto* daemon : daemons)
                if (const auto program = root(daemon); exists(program)) {
                        const auto answer = run_program({program, "--version"}, 10s);
                        return answer.status == 0 ? find_version(answer.output) : std::nullopt;
                }

        return std::nullopt;
}

RuntimeHandlers docker_handlers(const Root& root, RuntimeSettings settings)
{
        settings.default_name = built_in;
        return runtime_handlers(root, settings);
}

Json docker_keys(const Root& root, const RuntimeHandlers& handlers, const Sourced& default_runtime,
        const DockerVersion& version, std::vector<Note>& notes)
{
        Json runtimes = Json::object();
        const auto add = [&](const RuntimeHandler& handler, const std::string& name, const Json& entry) {
                if (name == built_in || !runtimes.emplace(name, entry).second)
                        throw Error(failure::runtime_invalid,
                                fmt::format("{}: Docker would have two runtimes '{}'", handler.place.text(),
                                        name),
                                "Give one of the two another name");
        };

        for (const auto& handler : handlers.all) {
                if (!handler.rendered || handler.name == built_in)
                        continue;

                if (const auto entry = registration(root, handler, version, notes))
                        add(handler, handler.name, *entry);

                for (const auto& [name, path] : triggers(handler))
                        if (exists(root(path)))
                                add(handler, name, {{"path", path}});
        }

        Json keys{{"runtimes", runtimes}};
        if (!default_runtime.text.empty()) {
                check_default(handlers, default_runtime, runtimes, notes);
                keys["default-runtime"] = default_runtime.text;
        }

        return keys;
}

DockerPlan plan_docker_runtimes(const Root& root, const Json& wanted)
{
        const std::string path(docker_config_path);
        const auto text = read_file_if_exists(root(path));
        const auto present = parse_document(text.value_or(""), path);

        auto runtimes = present.value("runtimes", Document());
        if (runtimes.is_null())
                runtimes = Document::object();

        if (!runtimes.is_object())
                refuse(failure::config_invalid, {path},
                        fmt::format("runtimes: must be an object, not {}", runtimes.type_name()));

        DockerPlan plan{.known = known_keys(root, present, runtimes)};
        plan.ours = plan.known;

        std::set<std::string> names;
        for (const auto& keys : {plan.ours, wanted})
                for (const auto& [name, entry] : keys.at("runtimes").items())
                        names.insert(name);

        Merge merge(plan.step);
        for (const auto& name : names)
                merge.entry(runtimes, plan.ours["runtimes"], wanted.at("runtimes"), name,
                        fmt::format("the runtime '{}'", name));

        auto merged = present;
        if (!runtimes.empty())
                merged["runtimes"] = runtimes;
        else if (present.contains("runtimes") && !present["runtimes"].empty())
                merged.erase("runtimes");
        merge.entry(merged, plan.ours, wanted, "default-runtime", "default-runtime");

        // Docker would not start, and would not name the cause.
        if (const auto chosen = merged.find("default-runtime");
                chosen != merged.end() && chosen->is_string() &&
                names.contains(chosen->get<std::string>()) && !runtimes.contains(chosen->get<std::string>()))
                throw Error(failure::runtime_invalid,
                        fmt::format("{}: default-runtime = \"{}\": there is no such runtime any more", path,
                                chosen->get<std::string>()),
                        "See `eksnode runtimes` for what it lacks here, or name another in the file");

        if (merged == present) {
                if (text && (!plan.ours["runtimes"].empty() || plan.ours.contains("default-runtime")))
                        plan.step.files.push_back(
                                {.path = path, .content = *text}); // the file stays byte for byte
        } else if (merged.empty()) {
                plan.step.files.push_back({.path = path, .content = {}, .kind = File::Kind::absent});
        } else {
                plan.step.files.push_back({.path = path, .content = merged.dump(4) + "\n"});
        }

        struct stat st {};
        if (::stat(root(path).c_str(), &st) == 0)
                for (auto& file : plan.step.files)
                        file.mode = st.st_mode & 0755; // write permission of others is removed

        return plan;
}

void announce_docker_keys(const Root& root, const DockerPlan& plan)
{
        if (plan.ours == plan.known)
                return;
        auto memory = plan.ours;
        memory[before_key] = plan.known;
        write_memory(root, memory);
}

void remember_docker_keys(const Root& root, const DockerPlan& plan)
{
        write_memory(root, plan.ours);
}

} // namespace eks
