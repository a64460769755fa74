// SPDX-License-Identifier: Apache-2.0
#include <chrono>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "verbs/validate-image/validate_image.hpp"

namespace eks {

namespace {

using namespace std::chrono_literals;

constexpr auto control_script = "/usr/share/eks/packer/provisioners/check-controls";
constexpr auto control_limit = 120s; // some walk through the file systems
constexpr std::size_t control_output_limit = 1U << 20U;

} // namespace

std::vector<Check> checks_of_controls(std::string_view output)
{
        std::vector<Check> checks;
        std::size_t met = 0;
        std::size_t waived = 0;

        for (const auto line : lines(output)) {
                const auto first = line.find('\t');
                const auto second = line.find('\t', first + 1);
                if (first == line.npos || second == line.npos)
                        continue; // what a program has printed that a check calls

                const auto state = line.substr(0, first);
                const auto control = line.substr(first + 1, second - first - 1);
                if (state == "met")
                        ++met;
                else if (state == "waived")
                        ++waived;
                else if (state == "broken")
                        checks.push_back({fmt::format("control {}", control), Check::State::problem,
                                std::string(line.substr(second + 1)), "in force since the build",
                                "Undo what has changed it, or replace this instance by a new one of its image"});
        }

        checks.push_back({"controls", Check::State::ok,
                fmt::format("{} are in force, {} are waived", met, waived), "", ""});
        return checks;
}

std::vector<Check> check_controls(const Root& root)
{
        if (!exists(root(control_script)))
                throw Error(failure::file_io, fmt::format("there is no '{}'", root(control_script)),
                        "Install the package eksnode whole");

        const auto result = run_program({"/usr/bin/env", "IMAGE_ROOT=" + root.prefix(), "/bin/bash",
                                                root(control_script), "--running"},
                control_limit, control_output_limit);
        if (result.timed_out || result.status != 0)
                throw Error(failure::file_io,
                        fmt::format("'{}' {}: {}", root(control_script),
                                result.timed_out ? "has not ended in time" : "has failed",
                                trim(result.output)),
                        "Run it with bash -x and --running to see where");

        return checks_of_controls(result.output);
}

} // namespace eks
