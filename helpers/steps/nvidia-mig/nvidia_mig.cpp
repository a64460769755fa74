// SPDX-License-Identifier: Apache-2.0
#include "steps/nvidia-mig/nvidia_mig.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/text.hpp"

namespace eks {

namespace {

using Clock = std::chrono::steady_clock;
using Kinds = std::map<std::string, unsigned>;

// What a program said, on one line.
std::string excerpt(std::string_view output)
{
        constexpr std::size_t limit = 500; // bytes
        std::string text(trim(output));
        std::ranges::replace_if(
                text,
                [](char c) {
                        return has_control_characters({&c, 1});
                },
                ' ');

        return text.size() > limit ? text.substr(0, limit) + "…" : text;
}

// The words of a row that describes an instance or a profile: "|   0  MIG 1g.5gb  19  7/7 ... |".
std::vector<std::string_view> words_of_row(std::string_view line)
{
        auto words = split(line, ' ');
        std::erase(words, "");
        const bool is_row = words.size() > 4 && words[0] == "|" && words[2] == "MIG";
        return is_row ? words : std::vector<std::string_view>();
}

std::string text_of(const Kinds& kinds)
{
        std::vector<std::string> texts;
        for (const auto& [kind, count] : kinds)
                texts.push_back(fmt::format("{} of {}", count, kind));
        return texts.empty() ? "none" : join(texts, ", ");
}

std::string names_of(const Kinds& kinds)
{
        std::vector<std::string> names;
        for (const auto& [kind, count] : kinds)
                names.push_back(kind);
        return names.empty() ? "none" : join(names, ", ");
}

unsigned total(const Kinds& kinds)
{
        unsigned sum = 0;
        for (const auto& [kind, count] : kinds)
                sum += count;
        return sum;
}

class Divider {
public:
        Divider(Context& context, const MigProfile& profile, const NvidiaSmi& run,
                std::chrono::milliseconds deadline)
                : context_(&context), profile_(&profile), run_(&run), deadline_(deadline),
                  end_(Clock::now() + deadline)
        {
                context.wait_until(deadline, "the step fails");
        }

        void divide()
        {
                const auto gpus = enable();
                const auto offers = parse_mig_offers(call({"mig", "-lgip"}));
                auto instances = present();
                std::map<Kinds, std::vector<std::string>> to_divide; // GPUs by what they are to have
                std::vector<std::string> to_clear;

                for (const auto gpu : gpus) {
                        const auto wanted = wanted_of(gpu, offers);
                        const auto& present = instances[gpu];
                        context_->did(fmt::format("GPU {}: {}", gpu, text_of(wanted)), present != wanted);

                        if (present == wanted)
                                continue;

                        to_divide[wanted].push_back(std::to_string(gpu));
                        if (!present.empty())
                                to_clear.push_back(std::to_string(gpu));
                }

                if (!to_clear.empty()) {
                        const auto list = join(to_clear, ",");
                        answer({"mig", "-dci", "-i", list}); // there may be none
                        call({"mig", "-dgi", "-i", list});
                }

                for (const auto& [wanted, list] : to_divide)
                        create(wanted, join(list, ","));
                if (to_divide.empty())
                        return;

                instances = present();
                for (const auto& [wanted, list] : to_divide)
                        for (const auto& gpu : list)
                                if (const auto& present = instances[*parse_int<unsigned>(gpu)];
                                        present != wanted)
                                        failed(fmt::format("GPU {} has {} after it was divided, and not {}",
                                                gpu, text_of(present), text_of(wanted)));
        }

private:
        [[noreturn]] static void failed(const std::string& what,
                const std::string& remedy = "`nvidia-smi mig -lgi` and `journalctl -b -k -g NVRM` show the "
                                            "state of the GPUs")
        {
                throw Error(failure::nvidia_mig_failed, what, remedy);
        }

        [[noreturn]] void invalid(const std::string& what, const std::string& remedy) const
        {
                throw Error(failure::nvidia_mig_invalid,
                        fmt::format("{}: nvidia.mig.profile: {}", profile_->source, what), remedy);
        }

        ProcessResult answer(const std::vector<std::string>& arguments)
        {
                const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end_ - Clock::now());
                context_->awaiting(fmt::format("Waiting for nvidia-smi {}", join(arguments, " ")));

                auto result = left.count() > 0 ? (*run_)(arguments, left) : ProcessResult{.timed_out = true};
                if (result.timed_out)
                        failed(fmt::format("nvidia-smi {} did not end within {} s", join(arguments, " "),
                                       std::chrono::duration_cast<std::chrono::seconds>(deadline_).count()),
                                "`journalctl -b -k -g NVRM` shows where the driver hangs; reboot or replace "
                                "the instance");

                return result;
        }

        std::string call(const std::vector<std::string>& arguments)
        {
                const auto result = answer(arguments);
                if (result.status != 0)
                        failed(fmt::format("nvidia-smi {} failed with status {}: {}", join(arguments, " "),
                                result.status, excerpt(result.output)));
                return result.output;
        }

        // It fails if there are none.
        MigInstances list(const char* option)
        {
                const auto result = answer({"mig", option});
                if (result.status != 0 && result.output.find("instances found") == std::string::npos)
                        failed(fmt::format("nvidia-smi mig {} failed with status {}: {}", option,
                                result.status, excerpt(result.output)));
                return parse_mig_instances(result.output);
        }

        // Instances that programs can use: a killed run may have left one without its compute instance, so
        // that the numbers differ.
        MigInstances present()
        {
                auto instances = list("-lgi");
                const auto compute = list("-lci");

                for (auto& [gpu, kinds] : instances) {
                        const auto found = compute.find(gpu);
                        if (found == compute.end() || total(found->second) != total(kinds))
                                kinds["incomplete"] = 1;
                }

                return instances;
        }

        // GPUs whose mode is another, and all.
        std::pair<std::vector<std::string>, std::vector<unsigned>> modes()
        {
                std::vector<std::string> others;
                std::vector<unsigned> all;

                const auto output = call({"--query-gpu=index,mig.mode.current", "--format=csv,noheader"});
                for (const auto line : lines(output)) {
                        const auto fields = split(line, ',');
                        const auto index =
                                fields.size() == 2 ? parse_int<unsigned>(trim(fields[0])) : std::nullopt;
                        if (!index)
                                failed(fmt::format(
                                        "nvidia-smi says of the GPUs' modes: {}", excerpt(output)));

                        const auto mode = trim(fields[1]);
                        if (mode != "Enabled" && mode != "Disabled")
                                invalid(fmt::format("GPU {} cannot be divided: its MIG mode is {}", *index,
                                                excerpt(mode)),
                                        "Use an instance type whose GPUs support MIG, or remove "
                                        "nvidia.mig.profile from the configuration");
                        all.push_back(*index);

                        if (mode != "Enabled")
                                others.push_back(std::to_string(*index));
                }

                if (all.empty())
                        failed("nvidia-smi finds no GPU");

                return {others, all};
        }

        // Switch the mode on. GPUs before Hopper are reset for it, where that is possible.
        std::vector<unsigned> enable()
        {
                const auto [others, all] = modes();
                if (others.empty())
                        return all;

                const auto output = call({"-i", join(others, ","), "-mig", "1"});
                if (const auto still = modes().first; !still.empty())
                        failed(fmt::format("MIG mode is not in force yet on GPU {}: {}", join(still, ", "),
                                       excerpt(output)),
                                "Reboot the instance: it needs a reset of the GPU");
                context_->did(fmt::format("enabled MIG on {} {}", others.size(),
                                      others.size() == 1 ? "GPU" : "GPUs"),
                        true);

                return all;
        }

        Kinds wanted_of(unsigned gpu, const MigInstances& offers) const
        {
                const auto found = offers.find(gpu);
                const auto offered = found == offers.end() ? Kinds() : found->second;
                const auto refuse = [&](const std::string& what) {
                        invalid(fmt::format("GPU {} {}; its profiles are {}", gpu, what, names_of(offered)),
                                "Choose among them, or another instance type; `nvidia-smi mig -lgip` "
                                "describes them");
                };

                auto wanted = profile_->counts;
                if (!profile_->all.empty())
                        wanted = {{profile_->all, 0}};

                for (auto& [kind, count] : wanted) {
                        const auto most = offered.find(kind);
                        if (most == offered.end())
                                refuse(fmt::format("has no profile '{}'", kind));
                        if (!profile_->all.empty())
                                count = most->second;

                        if (count > most->second)
                                refuse(fmt::format(
                                        "has at most {} of '{}', not {}", most->second, kind, count));
                }

                return wanted;
        }

        // The largest first, so that the small ones do not take its place.
        void create(const Kinds& wanted, const std::string& gpus)
        {
                std::vector<std::string> kinds;
                for (const auto& [kind, count] : wanted)
                        kinds.insert(kinds.end(), count, kind);
                std::ranges::stable_sort(kinds, std::ranges::greater(), [](const std::string& kind) {
                        return parse_int<unsigned>(std::string_view(kind).substr(0, kind.find('g')))
                                .value_or(0);
                });

                call({"mig", "-cgi", join(kinds, ","), "-C", "-i", gpus});
        }

        Context* context_;
        const MigProfile* profile_;
        const NvidiaSmi* run_;
        std::chrono::milliseconds deadline_;
        Clock::time_point end_;
};

} // namespace

MigInstances parse_mig_offers(std::string_view output)
{
        MigInstances offers;
        for (const auto line : lines(output)) {
                const auto words = words_of_row(line);
                if (words.size() < 6)
                        continue;

                const auto gpu = parse_int<unsigned>(words[1]);
                const auto slash = words[5].find('/');

                const auto most = slash == words[5].npos ? std::nullopt
                                                         : parse_int<unsigned>(words[5].substr(slash + 1));
                if (gpu && most)
                        offers[*gpu][std::string(words[3])] = *most;
        }

        return offers;
}

MigInstances parse_mig_instances(std::string_view output)
{
        MigInstances instances;
        for (const auto line : lines(output)) {
                const auto words = split(line, ' ');
                const auto mig = std::ranges::find(words, "MIG");
                const auto gpu = std::ranges::find_if(
                        words, [](std::string_view word) { return parse_int<unsigned>(word).has_value(); });
                if (!line.starts_with('|') || mig == words.end() || mig + 1 == words.end() || gpu > mig)
                        continue;

                ++instances[*parse_int<unsigned>(*gpu)][std::string(*(mig + 1))];
        }

        return instances;
}

void divide_gpus(Context& context, const MigProfile& profile, const NvidiaSmi& run,
        std::chrono::milliseconds deadline)
{
        Divider(context, profile, run, deadline).divide();
}

} // namespace eks
