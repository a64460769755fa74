// SPDX-License-Identifier: Apache-2.0
#include "verbs/diagnose/diagnose.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/ask_in_child.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

using State = Check::State;

constexpr std::array reported_states{
        State::problem, State::warning, State::unknown, State::ok}; // in the order of the report

State state_of(std::string_view name)
{
        return *std::ranges::find(reported_states, name, state_name);
}

// A line for the pipe between the processes.
std::string packed(const Check& check)
{
        return Json{check.name, state_name(check.state), check.found, check.wanted, check.remedy}.dump(
                -1, ' ', true, Json::error_handler_t::replace);
}

Check unpacked(const std::string& line)
{
        const auto parts = parse_json(line);
        return {.name = parts.at(0),
                .state = state_of(parts.at(1).get<std::string>()),
                .found = parts.at(2),
                .wanted = parts.at(3),
                .remedy = parts.at(4)};
}

std::vector<std::string> ask(const Question& question, const Machine& machine)
{
        std::vector<std::string> answers;
        try {
                for (const auto& check : question.ask(machine))
                        answers.push_back(packed(check));
        } catch (const Error& e) {
                answers.push_back(
                        packed({std::string(question.name), State::problem, e.what(), "", e.remedy()}));
        }

        return answers;
}

std::vector<Question> chosen(const std::vector<std::string>& names)
{
        if (names.empty())
                return questions();

        std::vector<std::string> known;
        for (const auto& question : questions())
                known.emplace_back(question.name);

        std::vector<Question> found;
        for (const auto& name : names) {
                const auto at = std::ranges::find(questions(), name, &Question::name);
                if (at == questions().end())
                        throw Error(failure::usage,
                                fmt::format("there is no check '{}'{}", name, did_you_mean(name, known)),
                                "`eksnode diagnose --list` lists all");
                found.push_back(*at);
        }

        return found;
}

std::string counted(std::size_t count, std::string_view noun)
{
        return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::vector<std::string> names_of(const std::vector<Check>& checks, State state)
{
        std::vector<std::string> names;
        for (const auto& check : checks)
                if (check.state == state)
                        names.push_back(check.name);
        return names;
}

} // namespace

Machine look_at_machine(const Root& root)
{
        Machine machine{.root = root, .node = {}, .facts = {}, .why_no_node = {}};
        try {
                machine.facts = instance_facts(load_imds(root));
        } catch (const Error&) { // the check "imds" tells
        }

        for (const auto need : {ClusterNeed::complete, ClusterNeed::as_configured})
                try {
                        machine.node = load_node_inputs(root, need);
                        return machine;
                } catch (const Error& e) {
                        machine.why_no_node = e.what();
                }

        return machine;
}

HttpOptions one_attempt(std::chrono::milliseconds limit)
{
        using namespace std::chrono_literals;
        return {.connect_timeout = std::min<std::chrono::milliseconds>(limit, 1500ms),
                .attempt_timeout = limit,
                .first_delay = 10s, // longer than the deadline
                .max_delay = 10s,
                .deadline = std::chrono::steady_clock::now() + limit};
}

const std::vector<Question>& questions()
{
        static const std::vector<Question> all{
                {"imds", "the instance metadata service answers", ask_metadata},
                {"clock", "this machine's clock against Amazon's", ask_clock},
                {"dns", "the name servers know the API server", ask_name_servers},
                {"proxy", "the proxy can be reached", ask_proxy},
                {"api-server", "route, connection and certificate of the API server", ask_api_server},
                {"credentials", "the instance's role has credentials", ask_credentials},
                {"membership", "the cluster accepts this node, and it is Ready", ask_membership},
                {"ecr", "Amazon ECR can be reached", ask_ecr},
                {"s3", "Amazon S3, which has the layers of images", ask_s3},
                {"ec2", "the API of EC2, which the VPC CNI plugin calls", ask_ec2},
                {"sts", "AWS STS", ask_sts},
                {"eks", "the API of EKS", ask_eks},
                {"containerd", "containerd answers", ask_containerd},
                {"sandbox-image", "the pause image is on the node", ask_sandbox_image},
                {"kubelet", "kubelet is healthy", ask_kubelet},
                {"cni", "a CNI plugin is configured", ask_cni},
                {"disks", "space and inodes", ask_disks},
                {"ports", "kubelet's ports are free for it", ask_ports},
                {"max-pods", "addresses for the pods that kubelet admits", ask_max_pods},
                {"files", "owners and modes of the files that decide whom kubelet trusts", ask_files},
                {"certificates", "the cluster's CA certificate", ask_certificates},
                {"devices", "GPUs and accelerators have drivers", ask_devices},
                {"host", "kernel, cgroups, swap, packet filter; see eksnode-host(1)", ask_host},
        };
        return all;
}

std::vector<Check> diagnose(
        const Machine& machine, const std::vector<std::string>& names, std::chrono::milliseconds limit)
{
        const auto asked = chosen(names);
        std::vector<AskedChild> children;
        for (const auto& question : asked)
                children.emplace_back([&] { return ask(question, machine); }, limit);

        std::vector<Check> checks;
        for (std::size_t i = 0; i < asked.size(); ++i) {
                const auto answer = children[i].answer();
                for (const auto& line : answer.lines)
                        checks.push_back(unpacked(line));
                if (!answer.wrong.empty())
                        checks.push_back({std::string(asked[i].name), State::unknown,
                                fmt::format("no result: {}", answer.wrong), "", ""});
        }

        return checks;
}

std::string verdict_of(const std::vector<Check>& checks)
{
        const auto problems = names_of(checks, State::problem);
        const auto warnings = names_of(checks, State::warning);
        if (problems.empty() && warnings.empty())
                return "● Nothing was found that hinders this node\n";
        if (problems.empty())
                return fmt::format("! {}: {}\n", counted(warnings.size(), "warning"), join(warnings, ", "));

        return fmt::format("× {}: {}{}\n", counted(problems.size(), "problem"), join(problems, ", "),
                warnings.empty() ? "" : "; " + counted(warnings.size(), "warning"));
}

std::string render_diagnosis(const std::vector<Check>& checks, bool all)
{
        std::vector<Check> shown;
        for (const auto state : reported_states)
                for (const auto& check : checks)
                        if (check.state == state && (all || state != State::ok))
                                shown.push_back(check);

        const auto fine = std::ranges::count(checks, State::ok, &Check::state);
        return verdict_of(checks) + render_checks(shown) +
               (all || fine == 0 ? ""
                                 : fmt::format("{} ok; --all shows them\n",
                                           counted(static_cast<std::size_t>(fine), "check")));
}

} // namespace eks
