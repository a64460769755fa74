// SPDX-License-Identifier: Apache-2.0
// nodeadm: init, config check and config dump of the EKS image of Amazon Linux 2023.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <span>
#include <unistd.h>

#include <fmt/format.h>

#include "base/fs.hpp"
#include "compat/bootstrap/apply_call.hpp"
#include "compat/commands/commands.hpp"
#include "compat/nodeadm/arguments.hpp"
#include "compat/nodeadm/dump.hpp"
#include "compat/nodeadm/init.hpp"
#include "compat/nodeadm/nodeadm.hpp"
#include "version.hpp"

namespace {

using namespace eks;
constexpr int failed = 1; // of every kind, as nodeadm has it
using Clock = std::chrono::steady_clock;

// In the form of nodeadm's log: a level, the origin, the text, and fields as JSON.
void say(const char* level, std::string_view text, const Json& fields = nullptr)
{
        fmt::print(stderr, "{} nodeadm {}{}{}\n", level, hide_secrets(text), fields.is_null() ? "" : " ",
                fields.is_null()
                        ? ""
                        : hide_secrets(fields.dump(-1, ' ', false, Json::error_handler_t::replace)));
}

void say_info(const std::string& text)
{
        say("info", text);
}

// Uses the cache if no source contains a NodeConfig.
Chain load_chain(const Root& root, const NodeadmOptions& options)
{
        try {
                return evaluate_chain(
                        root, options.sources, [&] { return user_data_of_machine(root); },
                        [](const std::string& warning) { say("warn", warning); });
        } catch (const Error& e) {
                if (e.what() != empty_chain || options.cache.empty() || !exists(root(options.cache)))
                        throw;
                auto cached = load_cache(root, options.cache);
                say("warn", "no config in chain, using the cached one", {{"path", options.cache}});
                return cached;
        }
}

int check(const Root& root, const NodeadmOptions& options)
{
        const auto findings = check_chain(root, load_chain(root, options));
        for (const auto& note : findings.notes)
                say("warn", note.text);

        if (findings.problems.empty()) {
                say_info("Configuration is valid");
                return 0;
        }

        for (const auto& problem : findings.problems.all())
                say("error", problem.text,
                        problem.remedy.empty() ? Json() : Json{{"remedy", problem.remedy}});
        say("fatal", "Command failed", {{"error", findings.problems.all().back().text}});

        return failed;
}

int dump(const Root& root, const NodeadmOptions& options)
{
        std::vector<std::string> left_out;
        const auto text = dump_node_config(load_chain(root, options), left_out);

        for (const auto& key : left_out)
                say("warn", fmt::format("NodeConfig has no place for {}, leaving it out", key));

        if (options.output.empty()) {
                fmt::print("{}", text);
                return std::fflush(stdout) == 0 ? 0 : 1;
        }

        write_atomically(options.output, text, 0600, Durability::unsynced);
        say("info", "wrote the configuration", {{"path", options.output}});

        return 0;
}

int run(const NodeadmOptions& options)
{
        const Root root;
        const auto begin = Clock::now();

        switch (options.command) {
        case NodeadmCommand::help:
                fmt::print("{}", nodeadm_usage);
                return 0;
        case NodeadmCommand::version:
                fmt::print("Version: {}\n", version);
                return 0;
        case NodeadmCommand::check:
                return check(root, options);
        case NodeadmCommand::dump:
                return dump(root, options);
        case NodeadmCommand::init:
                break;
        }

        if (::geteuid() != 0)
                throw Error(failure::usage, "must run as root", "Run it with sudo");

        init_node(root, options, load_chain(root, options), say_info,
                [](const std::string& text) { say("warn", text); });
        const std::chrono::duration<double> taken = Clock::now() - begin;
        say("info", "done!", {{"duration", fmt::format("{:.3f}s", taken.count())}});

        return 0;
}

} // namespace

int eks::nodeadm_command(int argc, char** argv)
{
        NodeadmOptions options;
        try {
                options = parse_nodeadm_options({argv + std::min(argc, 1), argv + argc});
        } catch (const Error& e) {
                fmt::print(stderr, "nodeadm: {}\n\n{}", e.what(), nodeadm_usage);
                if (std::ranges::count(std::span(argv, argv + argc), std::string_view("init")) > 0)
                        record_failure("nodeadm", "nodeadm", e, static_cast<int>(Errc::usage));
                return static_cast<int>(Errc::usage);
        }

        try {
                return run(options);
        } catch (const Error& e) {
                Json fields{{"error", e.what()}};
                if (!e.remedy().empty())
                        fields["remedy"] = e.remedy();
                say("fatal", "Command failed", fields);
                if (options.command == NodeadmCommand::init)
                        record_failure("nodeadm", "nodeadm", e, failed);
        } catch (const std::exception& e) {
                say("fatal", "Command failed", {{"error", without_input(e.what())}});
        }

        return failed;
}
