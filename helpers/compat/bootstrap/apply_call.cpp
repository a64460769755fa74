// SPDX-License-Identifier: Apache-2.0
#include "compat/bootstrap/apply_call.hpp"

#include <array>
#include <string>

#include <systemd/sd-journal.h>

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
        ::sd_journal_send("MESSAGE=%s failed: %s", program, e.full_text().c_str(), "PRIORITY=3",
                "SYSLOG_IDENTIFIER=%s", program, "MESSAGE_ID=%s", std::string(kind.id).c_str(),
                "EKS_STEP=%s", program, "EKS_RESULT=failed", "EKS_FAILURE=%s",
                std::string(kind.name).c_str(), "EKS_CAUSE=%s", e.what(), "EKS_REMEDY=%s",
                e.remedy().c_str(), "EKS_EXIT_STATUS=%d", exit_status, nullptr);
}

void forget_refused_call()
{
        try {
                remove_if_exists(Root()(refused_call_path), Durability::unsynced);
        } catch (const std::exception&) { // it has no effect once a cluster is named
        }
}

} // namespace eks
