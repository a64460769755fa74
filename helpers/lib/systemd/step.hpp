// SPDX-License-Identifier: Apache-2.0
// Shared by all steps: arguments, root prefix, confinement, logging, the only catch, the result event.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/confine.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/root.hpp"
#include "base/step_plan.hpp"

namespace eks {

class Context {
public:
        Context(const Root& root, const Log& log);
        Context(const Context&) = delete;
        Context& operator=(const Context&) = delete;
        ~Context();

        const Root& root() const { return *root_; }
        const Log& log() const { return *log_; }

        // What the step waits for now, for `systemctl status`. If it still waits after $EKS_WAIT_NOTICE
        // seconds, the journal and the console get the text once.
        void awaiting(std::string_view text) const;

        // From now on the texts say since when and until when the step waits, and what happens then: "the
        // step fails and is tried again".
        void wait_until(std::chrono::milliseconds limit, std::string then);
        // The wait is over; the work that follows has no known end.
        void wait_ended() { wait_.reset(); }

        // Put the files in place and log the notes. Throws Error.
        void apply(const StepPlan& plan);

        // A result that is not a file ("image is pinned").
        void did(std::string text, bool changed);

        bool changed() const { return changed_; }
        const std::vector<std::string>& written() const { return written_; }
        const std::vector<std::string>& planned() const { return planned_; } // files, also unchanged ones
        std::string summary() const;

private:
        void say(Level level, const Event& event, const std::string& path, const std::string& text) const;

        using Clock = std::chrono::system_clock;
        struct Wait {
                Clock::time_point begin;
                Clock::time_point end;
                std::string then;
        };
        class Notice;

        const Root* root_;
        const Log* log_;
        std::optional<Wait> wait_;
        mutable Clock::time_point began_; // the first wait
        mutable std::string awaited_;     // the last text
        mutable std::unique_ptr<Notice> notice_;
        bool changed_ = false;
        std::size_t unchanged_ = 0;
        std::vector<std::string> written_;
        std::vector<std::string> planned_;
        std::vector<std::string> remarks_;
};

struct Step {
        std::string_view name;    // "eks-ca": unit stem, syslog identifier, name in /usr/libexec/eksnode
        std::string_view purpose; // one line for --help
        Access access;
        // Opens the connections that the step needs before it confines itself, so that it may open no others
        // later. It reads no input. Not called with a root prefix.
        std::function<void()> connect = {};
        // Whether it is this step that says at level notice that the kernel cannot confine steps.
        bool reports_confinement = false;
        // Units that read its files only when they start. One that runs on older files is restarted when
        // they are in place; see restart_daemons.hpp. Not if the step is reloaded, because the client that
        // does so also restarts the daemons.
        std::vector<std::string_view> read_by = {};
};

// Run one step and return its exit status: 0 done or nothing to do, else Error::exit_status(). Never throws.
// Arguments: --root DIR, --debug, --help, --version, and --describe, which prints the step as JSON;
// environment: EKS_ROOT, EKS_LOG_LEVEL, EKS_UNIT.
int run_step(const Step& step, int argc, char** argv, const std::function<void(Context&)>& body);

} // namespace eks
