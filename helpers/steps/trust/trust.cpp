// SPDX-License-Identifier: Apache-2.0
#include "steps/trust/trust.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fcntl.h>
#include <map>
#include <unistd.h>

#include <fmt/format.h>

#include "base/fd.hpp"
#include "base/fs.hpp"
#include "base/process.hpp"
#include "base/text.hpp"

namespace eks {

namespace {

constexpr std::string_view prefix = "eks-trust-";
constexpr std::string_view suffix = ".crt"; // update-ca-certificates takes no other name
constexpr std::string_view changing = "changing\n";
constexpr const char* scratch = "/run/eks"; // of the tool

// A distribution's store.
struct Store {
        std::string_view program;
        std::string_view fresh;   // its argument to remove what is no longer there
        std::string_view sources; // directory
        std::string_view bundle;  // what Go and OpenSSL read
        std::string_view partial; // a killed run leaves it, and the next one would append to it
};
constexpr std::array stores{Store{.program = "/usr/bin/update-ca-trust", // Amazon Linux, Fedora
                                    .fresh = "",
                                    .sources = "/etc/pki/ca-trust/source/anchors",
                                    .bundle = "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
                                    .partial = ""},
        Store{.program = "/usr/sbin/update-ca-certificates", // Debian
                .fresh = "--fresh",
                .sources = "/usr/local/share/ca-certificates",
                .bundle = "/etc/ssl/certs/ca-certificates.crt",
                .partial = "/etc/ssl/certs/ca-certificates.crt.new"}};

const Store* find_store(const Root& root)
{
        const auto* store =
                std::ranges::find_if(stores, [&](const Store& one) { return exists(root(one.program)); });
        return store == stores.end() ? nullptr : store;
}

[[noreturn]] void failed(const std::string& what, const std::string& remedy)
{
        throw Error(failure::trust_store_failed, what, remedy);
}

using Files = std::map<std::string, std::string>; // name to content

Files files_of(const std::vector<Certificate>& certificates)
{
        Files files;
        for (const auto& certificate : certificates)
                files[fmt::format("{}{}{}", prefix, certificate.fingerprint, suffix)] = certificate.pem;
        return files;
}

Files present_files(const std::string& directory)
{
        Files files;
        for (const auto& name : list_directory(directory))
                if (name.starts_with(prefix))
                        files[name] = read_file(directory + "/" + name);
        return files;
}

std::string stamp_of(const Files& files)
{
        std::string text;
        for (const auto& [name, content] : files)
                text += name + "\n";
        return text;
}

std::string without_blanks(std::string text)
{
        std::erase_if(text, [](char c) { return c == '\n' || c == '\r' || c == ' '; });
        return text;
}

// The first one that is not in the bundle. update-ca-trust leaves out what is not a CA certificate.
const Certificate* find_missing(const std::string& bundle, const std::vector<Certificate>& wanted)
{
        const auto text = without_blanks(read_file_if_exists(bundle).value_or(""));
        const auto missing = std::ranges::find_if(wanted, [&](const Certificate& certificate) {
                return certificate.is_ca && text.find(without_blanks(certificate.pem)) == text.npos;
        });
        return missing == wanted.end() ? nullptr : &*missing;
}

// What a program said, on one line.
std::string reported(const std::string& output)
{
        constexpr std::size_t limit = 500; // bytes
        std::string text(trim(output));
        std::ranges::replace_if(
                text,
                [](char c) {
                        return has_control_characters({&c, 1});
                },
                ' ');

        return text.size() > limit ? "…" + text.substr(text.size() - limit) : text;
}

void run_tool(const Root& root, const Store& store, bool fresh, std::chrono::milliseconds deadline)
{
        if (!store.partial.empty() && exists(root(store.partial)))
                remove_if_exists(root(store.partial));
        if (exists(root(scratch)))
                ::setenv("TMPDIR", root(scratch).c_str(), 1);
        std::vector<std::string> command{root(store.program)};
        if (fresh && !store.fresh.empty())
                command.emplace_back(store.fresh);

        const auto result = run_program(command, deadline);
        const auto remedy = fmt::format("Run `{}` by hand and remove what it complains of", store.program);
        if (result.timed_out)
                failed(fmt::format("{} did not end within {} s", store.program,
                               std::chrono::duration_cast<std::chrono::seconds>(deadline).count()),
                        remedy);

        if (result.status != 0)
                failed(fmt::format("{} failed with status {}: {}", store.program, result.status,
                               reported(result.output)),
                        remedy);
}

// The stamp must not be on disk before the store is. The tools do not sync their files.
void sync_filesystem_of(const std::string& path)
{
        if (const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)); fd)
                ::syncfs(fd.get());
}

} // namespace

TrustPlan plan_trust(const NodeInputs& node, std::time_t now)
{
        auto found = trusted_certificates(node.root, node.spec.host.trust, now);
        for (const auto& missing : found.missing)
                found.problems.add(missing.text, missing.remedy);
        found.problems.throw_if_any(failure::certificate_invalid);

        File file{.path = std::string(trusted_path), .content = {}};
        std::vector<std::string> decisions;

        for (const auto& certificate : found.certificates) {
                file.content += certificate.pem;
                decisions.push_back(fmt::format("trusts '{}'", certificate.subject));
        }

        if (found.certificates.empty())
                file.kind = File::Kind::absent;

        return {.step = {.files = {std::move(file)},
                        .notes = std::move(found.notes),
                        .decisions = std::move(decisions)},
                .certificates = std::move(found.certificates)};
}

void update_store(
        Context& context, const std::vector<Certificate>& wanted, std::chrono::milliseconds deadline)
{
        const auto& root = context.root();
        const auto stamp_path = root(trust_stamp);

        const auto* store = find_store(root);
        if (store == nullptr) {
                if (!wanted.empty())
                        failed(fmt::format("there is neither {} nor {} to put certificates into the "
                                           "system's store",
                                       stores[0].program, stores[1].program),
                                "Install the package ca-certificates");
                remove_if_exists(stamp_path); // the files went with the package
                return;
        }

        const auto sources = root(store->sources);
        const auto files = files_of(wanted);
        const auto present = present_files(sources);
        const auto stamp = read_file_if_exists(stamp_path).value_or("");
        if (present == files && stamp == stamp_of(files) &&
                find_missing(root(store->bundle), wanted) == nullptr)
                return context.did("the store has these certificates", false);

        context.wait_until(deadline, "the step fails");
        context.awaiting(fmt::format("Waiting for {}", store->program));
        write_atomically(stamp_path, changing, 0644, Durability::synced);

        for (const auto& [name, content] : files)
                if (const auto old = present.find(name); old == present.end() || old->second != content)
                        write_atomically(sources + "/" + name, content, 0644, Durability::synced);

        for (const auto& name : list_directory(sources)) // of a killed run; update-ca-trust would read them
                if (name.starts_with(fmt::format(".#{}", prefix)))
                        remove_if_exists(sources + "/" + name);

        bool fresh = stamp == changing;
        for (const auto& [name, content] : present)
                if (!files.contains(name))
                        fresh = remove_if_exists(sources + "/" + name) || fresh;
        run_tool(root, *store, fresh, deadline);

        if (const auto* missing = find_missing(root(store->bundle), wanted))
                failed(fmt::format("{} has run, and '{}' lacks the certificate '{}'", store->program,
                               store->bundle, missing->subject),
                        fmt::format(
                                "Look for a rule of this machine that distrusts it, and run `{}` by hand",
                                store->program));
        sync_filesystem_of(root(store->bundle));

        if (files.empty())
                remove_if_exists(stamp_path);
        else
                write_atomically(stamp_path, stamp_of(files), 0644, Durability::synced);
        context.did(fmt::format("{} has run; the store has {} {} of the configuration", store->program,
                            files.size(), files.size() == 1 ? "certificate" : "certificates"),
                true);
}

Access trust_access()
{
        // What trust.certificates may name; see config/trust_settings.cpp.
        return {.reads = {"/etc/credstore", "/etc/eks", "/etc/pki", "/etc/ssl", "/opt", "/run/credentials",
                        "/run/credstore", "/run/eks", "/usr/local/share", "/usr/share"},
                .writes = {"/run/eks", "/var/lib/eks"},
                .changes = {"/etc/pki", "/etc/ssl/certs", "/usr/local/share"},
                // Debian's tool runs the hooks of other packages, which read settings there.
                .of_programs = {"/etc"},
                .runs_programs = true,
                .changes_attributes = true};
}

} // namespace eks
