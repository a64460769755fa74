// SPDX-License-Identifier: Apache-2.0
#include "verbs/versions/versions.hpp"
#include "base/json.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <fnmatch.h>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/fs.hpp"
#include "base/process.hpp"
#include "base/text.hpp"
#include "verbs/versions/digest.hpp"
#include "version.hpp"

namespace eks {

namespace {

using namespace std::chrono_literals;
using ComponentState = Component::State;

constexpr auto patience = 30s;
constexpr auto unknown = "unknown";
constexpr std::string_view provider_record = "/etc/eks/credential-provider-version.txt";
constexpr auto broken = "broken"; // a program that cannot be run has no version that could be right

// Where a component is looked for: its packages; a program with the option that prints its version; a file,
// and what is in front of the version in it.
struct Source {
        std::string_view name;
        std::string_view variable; // of the image build
        std::vector<std::string_view> packages;
        std::vector<std::string_view> programs;
        std::string_view option;
        std::string_view file;
        std::string_view prefix;
};

const std::vector<Source>& sources()
{
        static const std::vector<Source> all{
                {"kubernetes", "kubernetes_version", {}, {"/usr/bin/kubelet"}, "--version", "", ""},
                {"containerd", "containerd_version", {"containerd", "containerd.io"},
                        {"/usr/bin/containerd", "/usr/local/bin/containerd"}, "--version", "", ""},
                {"runc", "runc_version", {"runc"},
                        {"/usr/bin/runc", "/usr/sbin/runc", "/usr/local/sbin/runc"}, "--version", "", ""},
                {"cni-plugins", "cni_plugin_version", {}, {"/opt/cni/bin/bridge", "/usr/lib/cni/bridge"}, "",
                        "", ""},
                {"credential-provider", "credential_provider_version", {},
                        {"/etc/eks/image-credential-provider/ecr-credential-provider"}, "--version", "", ""},
                {"kernel", "kernel_version", {}, {}, "", "", ""},
                {"ssm-agent", "ssm_agent_version", {"amazon-ssm-agent"}, {}, "", "", ""},
                {"soci-snapshotter", "soci_snapshotter_version", {"soci-snapshotter"},
                        {"/usr/bin/soci", "/usr/local/bin/soci"}, "--version", "", ""},
                {"crictl", "crictl_version", {}, {"/usr/bin/crictl"}, "--version", "", ""},
                {"nerdctl", "nerdctl_version", {"nerdctl"}, {"/usr/bin/nerdctl", "/usr/local/bin/nerdctl"},
                        "--version", "", ""},
                {"pause", "pause_container_image", {}, {}, "", "/etc/eks/pause-image.txt", ""},
                {"nvidia-driver", "nvidia_driver_version",
                        {"kmod-nvidia-open-dkms", "kmod-nvidia-latest-dkms", "nvidia-open-kernel-dkms"}, {},
                        "", "/sys/module/nvidia/version", ""},
                {"cuda", "cuda_version", {}, {}, "", "/usr/local/cuda/version.json", "\"CUDA SDK\","},
                {"efa", "efa_version", {}, {}, "", "/opt/amazon/efa_installed_packages",
                        "EFA installer version:"},
                {"neuron", "neuron_driver_version", {"aws-neuronx-dkms"}, {}, "",
                        "/sys/module/neuron/version", ""},
                {"kontain", "kontain_version", {}, {}, "", "/etc/eks/kontain-version.txt", ""},
                {"kkm", "kontain_version", {}, {}, "", "/sys/module/kkm/version", ""},
        };
        return all;
}

// The first word that looks like a version, without v.
std::string version_in(std::string_view text)
{
        constexpr std::string_view blanks = " \t\r\n\",:";
        while (!text.empty()) {
                const auto end = std::min(text.find_first_of(blanks), text.size());
                auto word = text.substr(0, end);
                if (word.starts_with('v'))
                        word.remove_prefix(1);
                if (!word.empty() && is_digit(word.front()) && word.find('.') != word.npos)
                        return std::string(word);

                text.remove_prefix(std::min(end + 1, text.size()));
        }

        return unknown;
}

std::string_view value_of(std::string_view line, std::string_view key)
{
        return line.starts_with(key) ? trim(line.substr(key.size())) : std::string_view();
}

// Name to version of Debian's packages that are installed. The database is a text file.
std::map<std::string, std::string> debian_packages(const std::string& database)
{
        std::map<std::string, std::string> found;
        std::string_view name;
        bool installed = false;

        for (const auto line : lines(database)) {
                if (line.empty())
                        name = {};
                else if (const auto package = value_of(line, "Package:"); !package.empty())
                        name = package;
                else if (const auto status = value_of(line, "Status:"); !status.empty())
                        installed = status.ends_with(" installed");
                else if (const auto version = value_of(line, "Version:"); !version.empty() && installed)
                        found.emplace(name, version.substr(version.find(':') + 1)); // without the epoch
        }

        return found;
}

std::map<std::string, std::string> rpm_packages(const Root& root)
{
        std::map<std::string, std::string> found;
        const auto program = root("/usr/bin/rpm");
        if (!exists(program))
                return found;

        std::vector<std::string> call{program};
        if (!root.prefix().empty())
                call.insert(call.end(), {"--root", root.prefix()});
        call.insert(call.end(), {"--query", "--queryformat", "%{NAME}\\t%{VERSION}-%{RELEASE}\\n"});

        for (const auto& source : sources())
                call.insert(call.end(), source.packages.begin(), source.packages.end());

        const auto result = run_program(call, patience);
        for (const auto line : lines(result.output))
                if (const auto tab = line.find('\t'); tab != line.npos)
                        found.emplace(line.substr(0, tab), line.substr(tab + 1));

        return found;
}

std::string version_of_program(const std::string& program, const Source& source)
{
        std::vector<std::string> call{program};
        if (!source.option.empty())
                call.emplace_back(source.option);

        try {
                const auto result = run_program(call, patience);
                if (result.status == 0)
                        return version_in(result.output.substr(0, result.output.find('\n')));
                // Not every version of it has the option.
                return source.name == "credential-provider" && result.status < 126 ? unknown : broken;
        } catch (const Error&) {
                return broken;
        }
}

// The credential provider does not say its version. The image build writes it down beside the SHA-256 of the
// program, so that nothing is said of another program in its place.
std::string version_of_provider(const Root& root, const std::string& program, const Source& source)
{
        const auto record = read_file_if_exists(root(provider_record)).value_or("");
        const auto text = trim(record);
        const auto blank = text.find(' ');
        if (blank != text.npos && trim(text.substr(blank)) == sha256_of_file(program))
                return std::string(text.substr(0, blank));
        return version_of_program(program, source);
}

// The kernel that runs, if this is its machine: a container has the kernel of its host. Else the newest.
std::string kernel_of(const Root& root)
{
        auto running =
                std::string(trim(read_file_if_exists(root("/proc/sys/kernel/osrelease")).value_or("")));
        if (!running.empty() && exists(root("/usr/lib/modules/" + running)))
                return running;

        std::string newest;
        for (const auto& name : list_directory(root("/boot")))
                if (constexpr std::string_view prefix = "vmlinuz-"; name.starts_with(prefix))
                        if (const auto kernel = name.substr(prefix.size());
                                newest.empty() || ::strverscmp(kernel.c_str(), newest.c_str()) > 0)
                                newest = kernel;

        return newest;
}

std::string version_in_file(const Root& root, const Source& source)
{
        if (source.file.empty())
                return "";

        const auto text = read_file_if_exists(root(source.file));
        if (!text)
                return "";
        if (source.name == "pause") // it is the name of an image
                return exists(root("/etc/eks/pause.tar")) ? std::string(trim(*text)) : "";

        const auto at = text->find(source.prefix);
        return version_in(
                std::string_view(*text).substr(at == std::string::npos ? 0 : at + source.prefix.size()));
}

std::string find(const Root& root, const Source& source, const std::map<std::string, std::string>& packages)
{
        if (source.name == "kernel")
                return kernel_of(root);

        for (const auto package : source.packages)
                if (const auto at = packages.find(std::string(package)); at != packages.end())
                        return at->second;

        for (const auto program : source.programs)
                if (exists(root(program)))
                        return source.name == "credential-provider"
                                       ? version_of_provider(root, root(program), source)
                                       : version_of_program(root(program), source);

        return version_in_file(root, source);
}

// 2.10.1~rc1 as {2, 10, 1}.
std::vector<unsigned> numbers(std::string_view text)
{
        std::vector<unsigned> found;
        while (!text.empty() && is_digit(text.front())) {
                std::size_t length = 0;
                while (length < text.size() && is_digit(text[length]))
                        ++length;
                found.push_back(parse_int<unsigned>(text.substr(0, length)).value_or(0));
                text.remove_prefix(length);

                if (!text.starts_with('.'))
                        break;

                text.remove_prefix(1);
        }

        while (!found.empty() && found.back() == 0)
                found.pop_back(); // 2.0 is 2

        return found;
}

bool is_in_range(std::string_view version, std::string_view range)
{
        const auto found = numbers(version);
        for (auto rest = trim(range); !rest.empty(); rest = trim(rest)) {
                const auto digits = rest.find_first_not_of("<>= ,");
                if (digits == rest.npos)
                        return false;

                const auto end = std::min(rest.find_first_of(" ,<>", digits), rest.size());
                const auto sign = trim(rest.substr(0, digits));
                const auto bound = numbers(rest.substr(digits, end - digits));

                const bool fits = sign.ends_with(">=")   ? found >= bound
                                  : sign.ends_with("<=") ? found <= bound
                                  : sign.ends_with('>')  ? found > bound
                                  : sign.ends_with('<')  ? found < bound
                                                         : found == bound;
                if (!fits)
                        return false;

                rest.remove_prefix(end);
        }

        return true;
}

std::string_view without_v(std::string_view text)
{
        return text.size() > 1 && text.front() == 'v' && is_digit(text[1]) ? text.substr(1) : text;
}

ComponentState state_of(const Component& one)
{
        if (one.installed.empty())
                return ComponentState::missing;
        if (one.installed == unknown && (one.built.empty() || one.built == unknown))
                return ComponentState::unmanaged; // else it is not what the build installed
        if (!is_version_of(one.installed, one.wanted))
                return ComponentState::differs;

        return one.built.empty() || one.built == one.installed ? ComponentState::ok
                                                               : ComponentState::changed;
}

std::string remedy_of(const Component& one, std::string_view variable)
{
        if (one.name == "kernel" && one.state == ComponentState::differs)
                return "Reboot if the kernel was updated, or build the image again with the kernel_version= that is meant";
        return fmt::format("Install {}, or change {}= and build the image again",
                one.wanted == "latest" || one.wanted == "*"
                        ? "it"
                        : fmt::format("a version that is {}", one.wanted),
                variable);
}

std::string_view name_of(ComponentState state)
{
        return std::array{"ok", "-", "changed", "differs", "missing"}.at(static_cast<std::size_t>(state));
}

std::string value_at(const std::map<std::string, std::string>& map, const std::string& key)
{
        const auto at = map.find(key);
        return at == map.end() ? "" : at->second;
}

} // namespace

std::map<std::string, std::string> installed_versions(const Root& root)
{
        const auto database = read_file_if_exists(root("/var/lib/dpkg/status"));
        const auto packages = database ? debian_packages(*database) : rpm_packages(root);
        std::map<std::string, std::string> found;
        for (const auto& source : sources())
                if (auto text = find(root, source, packages); !text.empty())
                        found.emplace(source.name, std::move(text));
        found.emplace("eksnode", version);

        return found;
}

bool is_version_of(std::string_view installed, const std::string& wanted)
{
        const auto expected = without_v(wanted);
        const auto found = without_v(installed);
        if (found == broken)
                return false;
        if (expected.empty() || expected == "*" || expected == "latest")
                return true;
        if (expected.find_first_of("<>=") != expected.npos)
                return is_in_range(found, expected);
        if (expected.find_first_of("*?[") != expected.npos)
                return ::fnmatch(std::string(expected).c_str(), std::string(found).c_str(), 0) == 0;

        constexpr std::string_view separators = ".-+~";
        return found == expected ||
               (found.starts_with(expected) && separators.find(found[expected.size()]) != separators.npos);
}

std::vector<Component> compare_versions(
        const std::map<std::string, std::string>& installed, const std::optional<ImageManifest>& manifest)
{
        std::vector<Component> components;
        const auto add = [&](std::string_view key, std::string_view variable) {
                Component one{.name = std::string(key),
                        .state = ComponentState::unmanaged,
                        .installed = {},
                        .wanted = {},
                        .built = {},
                        .remedy = {}};
                one.installed = value_at(installed, one.name);

                if (manifest) {
                        one.wanted = value_at(manifest->wanted, one.name);
                        one.built = value_at(manifest->built, one.name);
                }

                if (one.installed.empty() && one.wanted.empty())
                        return;

                if (!one.wanted.empty())
                        one.state = state_of(one);
                else if (!one.built.empty() && one.built != one.installed)
                        one.state = ComponentState::changed;

                if (one.is_wrong())
                        one.remedy = remedy_of(one, variable);
                components.push_back(std::move(one));
        };

        for (const auto& source : sources())
                add(source.name, source.variable);
        add("eksnode", "package_directory");

        return components;
}

std::string render_versions(const std::vector<Component>& components)
{
        std::size_t width = 0;
        for (const auto& one : components)
                width = std::max(width, one.name.size());

        std::string text;

        for (const auto& one : components) {
                text += fmt::format("{:<7}  {:<{}}  {}", name_of(one.state), one.name, width,
                        one.installed.empty() ? "not installed" : one.installed);

                if (!one.wanted.empty() && one.wanted != one.installed)
                        text += fmt::format("; wanted: {}", one.wanted);
                if (one.state == ComponentState::changed)
                        text += fmt::format("; the build installed {}", one.built);
                text += '\n';

                if (!one.remedy.empty())
                        text += fmt::format("         {}\n", one.remedy);
        }

        return text;
}

std::string render_versions_as_json(const std::vector<Component>& components, bool has_manifest)
{
        using Ordered = OrderedJson;
        auto list = Ordered::array();
        for (const auto& one : components)
                list.push_back({{"name", one.name},
                        {"state", one.state == ComponentState::unmanaged ? "unmanaged" : name_of(one.state)},
                        {"installed", one.installed}, {"wanted", one.wanted}, {"built", one.built},
                        {"remedy", one.remedy}});

        return Ordered{{"manifest", has_manifest}, {"components", list}}.dump(
                       4, ' ', false, Ordered::error_handler_t::replace) +
               "\n";
}

} // namespace eks
