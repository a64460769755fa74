// SPDX-License-Identifier: Apache-2.0
#include "checks/check_kubelet_flags.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "base/secrets.hpp"
#include "base/text.hpp"
#include "checks/check_kubelet_config.hpp"
#include "config/labels.hpp"

namespace eks {

namespace {

// Flags that the steps generate: their value, if it is the same on every node, and the effect of another
// value.
struct OwnFlag {
        std::string_view name;
        std::string_view value;
        std::string_view consequence;
};
constexpr std::array own_flags{
        OwnFlag{"bootstrap-kubeconfig", "", "kubelet takes its first credentials from elsewhere"},
        OwnFlag{"cloud-provider", "external", "the cloud controller does not set up the node"},
        OwnFlag{"config", "/etc/kubernetes/kubelet/config.json",
                "kubelet does not read eksnode's configuration"},
        OwnFlag{"config-dir", "/etc/kubernetes/kubelet/config.json.d",
                "kubelet does not read kubelet.config"},
        OwnFlag{"container-runtime-endpoint", "unix:///run/containerd/containerd.sock",
                "kubelet does not use the containerd that eksnode configures"},
        OwnFlag{"hostname-override", "",
                "the cluster knows the node by its EC2 name, and may refuse another"},
        OwnFlag{"image-credential-provider-bin-dir", "", "kubelet may not be able to pull images from ECR"},
        OwnFlag{"image-credential-provider-config", "/etc/eks/image-credential-provider/config.json",
                "kubelet may not be able to pull images from ECR"},
        OwnFlag{"kubeconfig", "/var/lib/kubelet/kubeconfig",
                "kubelet finds neither the cluster nor its credentials"},
        OwnFlag{"node-ip", "", "the address from the instance metadata is not used"},
        OwnFlag{"provider-id", "", "the cloud controller may not find the instance"},
        OwnFlag{"runtime-cgroups", "/runtime.slice/containerd.service",
                "kubelet does not account for containerd"},
};

// kubelet has keys for these too, but keeps the flags.
constexpr std::array<std::string_view, 3> lasting_flags{"log-flush-frequency", "v", "vmodule"};

class FlagChecks {
public:
        FlagChecks(const KubeletFlags& flags, LabelChecks& labels, const CheckReport& report)
                : items_(flags.arguments), flags_(flags.parsed), labels_(&labels), report_(&report)
        {
                for (const auto& item : items_)
                        shown_.push_back(beginning(item));
        }

        void run()
        {
                for (std::size_t i = 0; i < flags_.size(); ++i)
                        check(i);
        }

private:
        static std::string item_key(const KubeletFlag& flag)
        {
                return fmt::format("kubelet.flags[{}]", flag.index);
        }
        const std::string& item(const KubeletFlag& flag) const { return items_[flag.index]; }
        // For messages, of which a long list may give one for each of its items.
        const std::string& shown(const KubeletFlag& flag) const { return shown_[flag.index]; }

        // More than messages show of a value, without secrets, which may end anywhere in it.
        static std::string beginning(const std::string& item)
        {
                constexpr std::size_t limit = 400; // bytes
                return item.size() > limit ? without_secrets(item).substr(0, limit) : item;
        }

        // A word that is not a flag may be the end of a secret that a blank has cut off. A boolean is none.
        static std::string_view shown_word_of(std::string_view word)
        {
                return word == "true" || word == "false" ? word : shown_word(word);
        }

        // Whether a blank in a list has cut it in two: "--node-labels=a=b, c=d". What is left of other flags
        // is not shown, because it may be a secret.
        static bool continues_list(const KubeletFlag& before)
        {
                return (before.name == "node-labels" || before.name == "register-with-taints") &&
                       before.value && before.value->ends_with(',');
        }

        void check(std::size_t number)
        {
                const auto& flag = flags_[number];
                const auto key = item_key(flag);

                if (flag.name.empty()) {
                        const auto value = flag.value.value_or("");
                        if (number > 0 && flag.value == item(flag) && continues_list(flags_[number - 1])) {
                                report_->problem(key, value, "not a flag",
                                        fmt::format("Write the list without blanks: --{}={}{}",
                                                flags_[number - 1].name,
                                                plain(flags_[number - 1].value.value_or("")), plain(value)));
                                return;
                        }

                        if (item(flag) == "--") {
                                check_end_of_flags(flag);
                                return;
                        }

                        const auto word = shown_word_of(value);
                        report_->problem(key, flag.value == item(flag) ? word : shown_word_of(item(flag)),
                                flag.value == item(flag) || word.empty() ? "not a flag"
                                                                         : ticked(word) + " is not a flag",
                                "Write it as --name=value");
                        return;
                }

                if (const auto blank = flag.name.find_first_of(" \t"); blank != std::string::npos) {
                        report_->problem(key, shown(flag),
                                "an argument is one flag, whose name has no blank",
                                "Write it as --name=value, or as two items");
                        return;
                }

                if (item(flag).find(" --") != std::string::npos)
                        report_->doubt(
                                key, shown(flag), "the blank and what follows are part of one argument");

                if (!flag.value && is_kubelet_switch(flag.name) == false) {
                        report_->problem(key, shown(flag), fmt::format("--{} needs a value", flag.name),
                                "Write it as --name=value");
                        return;
                }

                if (flag.name == "node-labels")
                        labels_->check_flag_labels(key, shown(flag), flag.value.value_or(""));
                else if (flag.name == "register-with-taints")
                        labels_->check_flag_taints(key, shown(flag), flag.value.value_or(""));
                else if (flag.name == "hostname-override")
                        check_hostname(flag);
                else if (flag.name == "max-pods")
                        check_max_pods(key, shown(flag), parse_int<std::int64_t>(flag.value.value_or("")),
                                *report_);
                note_own_flag_or_key(flag);
                note_repetition(number);
        }

        // kubelet reads no flags behind it, and takes no other arguments.
        void check_end_of_flags(const KubeletFlag& flag)
        {
                if (flag.index + 1 == items_.size())
                        report_->doubt(item_key(flag), item(flag), "it ends the flags, and none follows");
                else
                        report_->problem(item_key(flag), item(flag),
                                "it ends the flags, and kubelet does not start with the arguments behind it",
                                "Remove the item");
        }

        void check_hostname(const KubeletFlag& flag)
        {
                if (flag.value == "")
                        report_->doubt(item_key(flag), item(flag), "kubelet takes the machine's own name");
                else if (const auto wrong = wrong_node_name(flag.value.value_or("")); !wrong.empty())
                        report_->problem(item_key(flag), item(flag), wrong,
                                "Give a name that the cluster knows the node by, or remove the flag");
        }

        void note_own_flag_or_key(const KubeletFlag& flag)
        {
                const auto* const own = std::ranges::find(own_flags, flag.name, &OwnFlag::name);
                if (own != own_flags.end() && (own->value.empty() || flag.value != own->value)) {
                        report_->note(Level::warning, item_key(flag), shown(flag),
                                fmt::format("eksnode sets --{} itself; with this one {}; remove it unless "
                                            "you mean that, proceeding",
                                        flag.name, own->consequence));
                        return;
                }

                const auto* entry = find_kubelet_flag_key(flag.name);
                if (entry == nullptr || std::ranges::find(lasting_flags, flag.name) != lasting_flags.end())
                        return;

                const auto key = fmt::format("kubelet.config.{}", entry->key);
                const bool both = report_->is_given(key);
                report_->note(Level::warning, item_key(flag), shown(flag),
                        fmt::format("--{} is deprecated; set {}{}", flag.name, key,
                                both ? fmt::format(", which is set in {} and which it overrides",
                                               report_->where(key).text())
                                     : ""));
        }

        void note_repetition(std::size_t number)
        {
                const auto& flag = flags_[number];
                if (adds_up(flag.name))
                        return;

                const auto [found, is_new] = last_.try_emplace(flag.name, number);
                if (is_new)
                        return;

                const auto& before = flags_[std::exchange(found->second, number)];
                const auto earlier_place = report_->where(item_key(before));
                if (flag.name == "register-with-taints") // labels of several flags add up, but taints do not
                        report_->note(Level::warning, item_key(flag), shown(flag),
                                fmt::format("kubelet takes the last --register-with-taints alone; the "
                                            "taints in {} ({}) are lost, proceeding",
                                        item_key(before), earlier_place.text()));
                else if (report_->where(item_key(flag)).source == earlier_place.source)
                        report_->note(Level::warning, item_key(flag), shown(flag),
                                fmt::format(
                                        "--{} is there twice ({} too), kubelet takes the last, proceeding",
                                        plain(flag.name), item_key(before)));
                else
                        report_->note(Level::info, item_key(flag), shown(flag),
                                fmt::format("--{} overrides {} of {}", plain(flag.name),
                                        ticked(shown(before)), earlier_place.text()));
        }

        std::span<const std::string> items_;
        std::vector<std::string> shown_; // of items_
        std::span<const KubeletFlag> flags_;
        LabelChecks* labels_;
        const CheckReport* report_;
        std::map<std::string, std::size_t> last_; // flag name to its last use
};

} // namespace

void check_kubelet_flags(const KubeletFlags& flags, LabelChecks& labels, const CheckReport& report)
{
        FlagChecks(flags, labels, report).run();
}

} // namespace eks
