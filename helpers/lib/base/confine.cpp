// SPDX-License-Identifier: Apache-2.0
#include "base/confine.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/confine_writes.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/fs.hpp"
#include "base/system_calls.hpp"

// Headers of Linux 6.1 define ABI 2, older ones ABI 1; the kernel reports its ABI at run time.
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

namespace eks {

namespace {

// Headers of Linux 6.1 know the first member only; ABI 6 has all.
struct RulesetAttributes {
        std::uint64_t handled_access_fs;
        std::uint64_t handled_access_net;
        std::uint64_t scoped;
};
constexpr long abi_of_scopes = 6;
constexpr std::uint64_t abstract_sockets_and_signals = 1U << 0U | 1U << 1U;

constexpr std::uint64_t read_rights = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t file_rights = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                                      LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_TRUNCATE;
constexpr std::uint64_t all_rights = (1ULL << 13) - 1; // ABI 1
constexpr std::uint64_t write_rights = read_rights | LANDLOCK_ACCESS_FS_WRITE_FILE |
                                       LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                                       LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SYM |
                                       LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_TRUNCATE;

class Ruleset {
public:
        // A process that is confined without a rule for links cannot link from one directory to another.
        bool open(bool links = false)
        {
                const auto abi = landlock_abi();
                if (abi < (links ? 2 : 1))
                        return false;

                handled_ = all_rights | (abi >= 3 ? LANDLOCK_ACCESS_FS_TRUNCATE : 0) |
                           (links ? LANDLOCK_ACCESS_FS_REFER : 0);
                const RulesetAttributes attributes{.handled_access_fs = handled_,
                        .handled_access_net = 0,
                        .scoped = abstract_sockets_and_signals};
                const auto size =
                        abi >= abi_of_scopes ? sizeof attributes : sizeof attributes.handled_access_fs;
                fd_.reset(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, size, 0)));

                return static_cast<bool>(fd_);
        }

        // A path that does not exist needs no permission.
        void allow(const std::string& path, std::uint64_t rights) const
        {
                const UniqueFd target(::open(path.c_str(), O_PATH | O_CLOEXEC));
                if (!target)
                        return;

                landlock_path_beneath_attr rule{
                        .allowed_access = rights & handled_, .parent_fd = target.get()};
                if (::syscall(SYS_landlock_add_rule, fd_.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0 &&
                        errno == EINVAL) { // a file, not a directory
                        rule.allowed_access &= file_rights;
                        ::syscall(SYS_landlock_add_rule, fd_.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
                }
        }

        bool enforce() const { return ::syscall(SYS_landlock_restrict_self, fd_.get(), 0) == 0; }

private:
        UniqueFd fd_;
        std::uint64_t handled_ = 0;
};

// Its programs make arrays and filesystems and copy directories, which may be anywhere. No path is out of
// reach of such a step until it calls confine_writes(), and it keeps the capabilities for that.
bool changes_all(const Access& access)
{
        return !access.changes.empty() && access.changes.front() == "/";
}

// For mdadm, cryptsetup, and a copy with owners, modes, devices and attributes.
constexpr std::uint32_t for_filesystems = 1U << CAP_CHOWN | 1U << CAP_DAC_OVERRIDE | 1U << CAP_FOWNER |
                                          1U << CAP_FSETID | 1U << CAP_IPC_LOCK | 1U << CAP_MKNOD |
                                          1U << CAP_SETFCAP;

Error not_confined(const std::string& why)
{
        return {failure::confinement_failed, fmt::format("the step cannot confine itself: {}", why),
                "Look for what filters its system calls, such as a drop-in of the unit (systemctl cat)"};
}

// All but those that the step needs.
void drop_capabilities(const Access& access)
{
        const std::uint32_t needed =
                (access.administers || access.swaps ? 1U << static_cast<unsigned>(CAP_SYS_ADMIN) : 0U) |
                (access.makes_devices ? 1U << static_cast<unsigned>(CAP_MKNOD) : 0U) |
                (changes_all(access) ? for_filesystems : 0U);

        // As a rule the unit's CapabilityBoundingSet= has left none to drop.
        int held_of_set = 0;
        for (unsigned long capability = 0;
                (held_of_set = ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0)) >= 0; ++capability)
                if (held_of_set != 0 && (capability >= 32 || (needed >> capability & 1U) == 0))
                        ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
        __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
        __user_cap_data_struct held[2] = {};
        ::syscall(SYS_capget, &header, &held);
        __user_cap_data_struct kept[2] = {};

        // What an admin's drop-in took stays away.
        kept[0].effective = kept[0].permitted = held[0].permitted & needed;
        ::syscall(SYS_capset, &header, &kept);

        // The state counts, not the results: a process without CAP_SETPCAP cannot drop what it does not
        // have.
        __user_cap_data_struct left[2] = {};
        if (::syscall(SYS_capget, &header, &left) != 0)
                throw not_confined(fmt::format("its capabilities cannot be read: {}", ::strerror(errno)));

        const auto extra =
                std::uint64_t{(left[0].effective | left[0].permitted | left[0].inheritable) & ~needed} |
                std::uint64_t{left[1].effective | left[1].permitted | left[1].inheritable} << 32U;
        if (extra != 0)
                throw not_confined(fmt::format("it still has the capabilities {:#x}", extra));
}

// Landlock. Returns the reason if it is not available.
std::string confine_to_paths(const Root& root, const Access& access)
{
        Ruleset rules;
        if (!rules.open())
                return fmt::format(
                        "Landlock is not available ({}), proceeding without it", ::strerror(errno));

        for (const auto& path : access.reads)
                rules.allow(root(path), read_rights);
        for (const auto& path : access.writes)
                rules.allow(root(path), write_rights);
        for (const auto& path : access.changes)
                rules.allow(root(path), write_rights);
        for (const auto& path : access.of_programs)
                rules.allow(root(path), read_rights | LANDLOCK_ACCESS_FS_EXECUTE);
        for (const auto& path : access.devices)
                rules.allow(root(path), read_rights | LANDLOCK_ACCESS_FS_WRITE_FILE);

        if (access.runs_programs) {
                rules.allow("/usr", read_rights | LANDLOCK_ACCESS_FS_EXECUTE);
                for (const auto* path : {"/lib", "/lib64", "/etc/ld.so.cache", "/proc", "/sys"})
                        rules.allow(path, read_rights | LANDLOCK_ACCESS_FS_EXECUTE);
                rules.allow("/dev/null", read_rights | LANDLOCK_ACCESS_FS_WRITE_FILE);
        }

        if (access.makes_devices)
                rules.allow(root("/dev"), LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                                                  LANDLOCK_ACCESS_FS_REMOVE_FILE);
        rules.allow("/proc/self", read_rights);
        rules.allow("/dev/console", LANDLOCK_ACCESS_FS_WRITE_FILE); // for a failure, see Log

        if (!rules.enforce())
                return fmt::format("Landlock refused ({}), proceeding without it", ::strerror(errno));

        return {};
}

} // namespace

long landlock_abi()
{
        const auto abi = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
        return abi > 0 ? abi : 0;
}

std::string confine(const Root& root, const Access& access)
{
        for (const auto& path : access.writes)
                make_directories(root(path));
        if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
                throw not_confined(fmt::format("no_new_privs cannot be set: {}", ::strerror(errno)));
        if (!root.prefix().empty())
                return confine_to_paths(root, access);

        drop_capabilities(access);
        auto missing = changes_all(access) ? std::string() : confine_to_paths(root, access);
        if (!limit_system_calls({.internet = access.internet,
                    .connects = access.connects,
                    .swaps = access.swaps,
                    .runs_programs = access.runs_programs,
                    .loads_libraries = access.loads_libraries,
                    .changes_attributes = access.changes_attributes,
                    .any_mode = changes_all(access) && access.runs_programs}))
                missing += fmt::format("{}system calls cannot be filtered ({}), proceeding without a filter",
                        missing.empty() ? "" : "; ", ::strerror(errno));

        return missing;
}

std::string confine_writes(const std::vector<std::string>& directories)
{
        Ruleset rules;
        if (!rules.open(true))
                return "Landlock with rules for links is not available, proceeding without it";

        rules.allow("/", read_rights);
        for (const auto* path : {"/usr", "/lib", "/lib64"})
                rules.allow(path, read_rights | LANDLOCK_ACCESS_FS_EXECUTE);
        for (const auto& path : directories)
                rules.allow(path, ~std::uint64_t{LANDLOCK_ACCESS_FS_EXECUTE});
        if (!rules.enforce())
                return fmt::format("Landlock refused ({}), proceeding without it", ::strerror(errno));

        return {};
}

} // namespace eks
