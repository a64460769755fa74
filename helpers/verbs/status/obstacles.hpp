// SPDX-License-Identifier: Apache-2.0
// What keeps units from being started without a failure of their own: a file that systemd refuses, a
// condition or a requirement of an admin's drop-in, a unit outside the chain that takes long.
#pragma once

#include <map>
#include <string>

#include "systemd/manager.hpp"
#include "verbs/status/status.hpp"

namespace eks {

class Obstacles {
public:
        explicit Obstacles(Manager& manager) : manager_(&manager) {}

        // Adds to `state` its obstacle, what it waits for, the command that failed and the admin's files.
        // Units outside the chain are asked for once. Throws Error (manager_unreachable).
        void add(const std::string& name, const Manager::Properties& unit, UnitState& state);

        // Adds it to units that systemd left out because they are ordered in a circle.
        static void add_cycles(UnitStates& units);

private:
        struct Other {
                std::string load;
                std::string active;
        };
        const Other& other(const std::string& name);
        void add_requirement(const std::string& name, const Manager::Properties& unit, UnitState& state);

        Manager* manager_;
        std::map<std::string, Other> others_;
};

// Adds to its drop-ins the admin's file that sets a flag which a daemon refuses.
void add_file_of_flag(UnitState& unit);

} // namespace eks
