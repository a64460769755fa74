// SPDX-License-Identifier: Apache-2.0
#include "steps/instance-store/description.hpp"

#include <fmt/format.h>

#include "base/error.hpp"

namespace eks {

namespace {

constexpr auto usual_model = "Amazon EC2 NVMe Instance Storage";
constexpr std::size_t most_actions = 1000; // a plan has four for each disk at most

std::string text(const Json& table, const char* key)
{
        return table.value(key, std::string());
}

// Names of filesystems are one word; anything else is what is there instead.
DiskContent content(const Json& table)
{
        const auto holds = text(table, "holds");
        const bool one_word = holds.find(' ') == std::string::npos;
        return {.type = one_word ? holds : "",
                .label = text(table, "label"),
                .partition_label = {},
                .other = one_word ? "" : holds};
}

DiskContent content_of_cipher(const Json& cipher)
{
        auto found = content(cipher);
        found.unfinished = cipher.value("unfinished", false);
        return found;
}

StorageFacts read_facts(const Json& description)
{
        StorageFacts facts;
        for (const auto& disk : description.value("disks", Json::array()))
                facts.disks.push_back({.path = disk.at("path"),
                        .model = disk.value("model", std::string(usual_model)),
                        .serial = disk.at("serial"),
                        .size = disk.value("size", std::uint64_t{0}),
                        .content = content(disk),
                        .array_id = text(disk, "arrayId"),
                        .level = disk.value("level", -1),
                        .devices = disk.value("devices", 0U),
                        .mounted = text(disk, "mounted"),
                        .in_use = text(disk, "inUse"),
                        .unfinished = disk.value("halfMade", false),
                        .came_later = disk.value("cameLater", false)});

        for (const auto& array : description.value("arrays", Json::array()))
                facts.arrays.push_back({.path = array.at("path"),
                        .active = array.value("active", true),
                        .level = array.at("level"),
                        .devices = array.at("devices"),
                        .serials = array.at("disks"),
                        .content = content(array),
                        .in_use = text(array, "inUse"),
                        .unfinished = array.value("halfMade", false)});

        for (const auto& cipher : description.value("ciphers", Json::array()))
                facts.opened[cipher.at("on")] = {
                        .path = cipher.at("path"), .content = content_of_cipher(cipher)};

        facts.late = description.value("late", false);
        facts.mounts = description.value("mounts", std::map<std::string, std::string>());

        const auto directories = description.value("directories", Json::object());
        for (const auto& [path, state] : directories.items())
                facts.directories[path] = {.exists = state.value("exists", true),
                        .empty = state.value("empty", true),
                        .read_only = state.value("readOnly", false),
                        .obstacle = state.value("obstacle", std::string()),
                        .unit = text(state, "unit")};

        return facts;
}

} // namespace

StorageFacts storage_facts(const Json& description)
{
        try {
                return read_facts(description);
        } catch (const Json::exception& e) {
                throw Error(failure::usage, fmt::format("not a description of disks: {}", e.what()),
                        "See eksnode-storage(1) for its form");
        }
}

StoragePlan plan_storage(const LocalStorage& settings, StorageFacts facts)
{
        StoragePlan plan;
        for (;;) {
                const auto actions = next_actions(settings, facts, plan.notes);
                if (actions.empty())
                        return plan;
                plan.actions.insert(plan.actions.end(), actions.begin(), actions.end());
                if (plan.actions.size() > most_actions)
                        throw Error(failure::internal, "the plan for the disks has no end");
        }
}

std::string show_storage_plan(const StoragePlan& plan)
{
        std::string shown;
        for (const auto& action : plan.actions)
                shown += text_of(action) + "\n";
        for (const auto& note : plan.notes)
                shown += fmt::format("note: {}\n", note);
        return shown.empty() ? "nothing to do: the instance store is mounted\n" : shown;
}

Json storage_plan_as_json(const StoragePlan& plan)
{
        auto actions = Json::array();
        for (const auto& action : plan.actions) {
                Json item{{"action", name_of(action.kind)}};
                if (!action.serials.empty())
                        item["disks"] = action.serials;
                if (!action.command.empty())
                        item["command"] = action.command;

                for (const auto& [key, value] :
                        {std::pair("what", &action.what), {"where", &action.where}, {"type", &action.type}})
                        if (!value->empty())
                                item[key] = *value;
                actions.push_back(std::move(item));
        }

        return {{"actions", std::move(actions)}, {"notes", plan.notes}};
}

} // namespace eks
