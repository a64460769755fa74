// SPDX-License-Identifier: Apache-2.0
// The disks of a machine as JSON, and the plan for them.
#pragma once

#include "document/layer.hpp"
#include "steps/instance-store/instance_store.hpp"

namespace eks {

// The form is in eksnode-storage(1). Throws Error (usage) if it is another.
StorageFacts storage_facts(const Json& description);

// All that has to be done, as the step would do it one by one.
struct StoragePlan {
        std::vector<StorageAction> actions;
        std::vector<std::string> notes;
};
StoragePlan plan_storage(const LocalStorage& settings, StorageFacts facts);

std::string show_storage_plan(const StoragePlan& plan);
Json storage_plan_as_json(const StoragePlan& plan);

} // namespace eks
