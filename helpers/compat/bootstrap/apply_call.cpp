// SPDX-License-Identifier: Apache-2.0
#include "compat/bootstrap/apply_call.hpp"

#include <array>
#include <string>

#include <fmt/format.h>

#include "base/datagram.hpp"
#include "base/fs.hpp"
#include "compat/bootstrap/stdout_to_stderr.hpp"
#include "config/command_layer.hpp"
#include "verbs/apply/apply.hpp"

namespace eks {

void apply_call(const FilesBefore& before)
{
        int status = 0;
        {
                const StdoutToStderr redirected;
                std::string name = "eksnode-apply";
                std::array<char*, 2> arguments{name.data(), nullptr};
                status = run_apply(1, arguments.data());
        }

        if (status == static_cast<int>(Errc::bad_config))
                before.restore();

        if (status != 0)
                throw Error(failure::node_not_started, "the node could not apply this call",
                        "The cause is printed above; `eksnode apply` tries again");
}

void record_failure(const char* program, const std::string& command, const Error& e, int exit_status)
{
        try {
                write_refused_call(Root(), {command, e.what(), e.remedy()});
        } catch (const std::exception&) { // another user's; the journal has the cause
        }

        const auto& kind = e.failure();
        std::string record;
        add_field(record, "MESSAGE", fmt::format("{} failed: {}", program, e.full_text()));
        add_field(record, "PRIORITY", "3");
        add_field(record, "SYSLOG_IDENTIFIER", program);
        add_field(record, "MESSAGE_ID", kind.id);
        add_field(record, "EKS_STEP", program);
        add_field(record, "EKS_RESULT", "failed");
        add_field(record, "EKS_FAILURE", kind.name);
        add_field(record, "EKS_CAUSE", e.what());
        add_field(record, "EKS_REMEDY", e.remedy());
        add_field(record, "EKS_EXIT_STATUS", fmt::format("{}", exit_status));
        send_record(record);
}

void forget_refused_call()
{
        try {
                remove_if_exists(Root()(refused_call_path), Durability::unsynced);
        } catch (const std::exception&) { // it has no effect once a cluster is named
        }
}

} // namespace eks
