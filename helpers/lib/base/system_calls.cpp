// SPDX-License-Identifier: Apache-2.0
#include "base/system_calls.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <vector>

// The kernel passes 64-bit arguments in the machine's byte order; the filter checks the lower half.
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);

namespace eks {

namespace {

#if defined(__x86_64__)
constexpr std::uint32_t our_architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t our_architecture = AUDIT_ARCH_AARCH64;
#else
#error "no AUDIT_ARCH_ for this architecture"
#endif

constexpr auto refused_calls = std::to_array<std::uint32_t>({
        SYS_acct,
        SYS_add_key,
        SYS_adjtimex,
        SYS_bpf,
        SYS_chroot,
        SYS_clock_adjtime,
        SYS_clock_settime,
        SYS_delete_module,
        SYS_fanotify_init,
        SYS_finit_module,
        SYS_fsconfig,
        SYS_fsmount,
        SYS_fsopen,
        SYS_fspick,
        SYS_init_module,
        SYS_io_uring_enter,
        SYS_io_uring_register,
        SYS_io_uring_setup,
        SYS_kcmp,
        SYS_kexec_file_load,
        SYS_kexec_load,
        SYS_keyctl,
        SYS_mount,
        SYS_mount_setattr,
        SYS_move_mount,
        SYS_move_pages,
        SYS_open_by_handle_at,
        SYS_open_tree,
        SYS_perf_event_open,
        SYS_personality,
        SYS_pivot_root,
        SYS_process_vm_readv,
        SYS_process_vm_writev,
        SYS_ptrace,
        SYS_quotactl,
        SYS_quotactl_fd,
        SYS_reboot,
        SYS_request_key,
        SYS_setdomainname,
        SYS_sethostname,
        SYS_setns,
        SYS_settimeofday,
        SYS_syslog,
        SYS_umount2,
        SYS_unshare,
        SYS_userfaultfd,
        SYS_vhangup,
#ifdef __x86_64__
        SYS_ioperm,
        SYS_iopl,
        SYS_modify_ldt,
#endif
});

constexpr std::uint32_t new_namespaces = CLONE_NEWCGROUP | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWNS |
                                         CLONE_NEWPID | CLONE_NEWUSER | CLONE_NEWUTS;
constexpr std::uint32_t socket_type = 0xf; // beside it: SOCK_CLOEXEC, SOCK_NONBLOCK

// A filter is read from top to bottom; each rule either ends it or falls through to the next.
class Filter {
public:
        void refuse(std::uint32_t error) { end(SECCOMP_RET_ERRNO | error); }
        void allow() { end(SECCOMP_RET_ALLOW); }
        void load(std::size_t offset) { add(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset)); }
        void load_call() { load(offsetof(seccomp_data, nr)); }
        void load_argument(std::size_t number)
        {
                load(offsetof(seccomp_data, args) + number * sizeof(std::uint64_t));
        }
        void mask(std::uint32_t bits) { add(BPF_ALU | BPF_AND | BPF_K, bits); }

        // What `rules` adds counts if the value that was loaded last is, is not, or has one of the bits.
        template <typename Rules>
        void if_equal(std::uint32_t value, const Rules& rules)
        {
                unless(BPF_JMP | BPF_JEQ | BPF_K, value, false, rules);
        }
        template <typename Rules>
        void if_different(std::uint32_t value, const Rules& rules)
        {
                unless(BPF_JMP | BPF_JEQ | BPF_K, value, true, rules);
        }
        template <typename Rules>
        void if_any_of(std::uint32_t bits, const Rules& rules)
        {
                unless(BPF_JMP | BPF_JSET | BPF_K, bits, false, rules);
        }

        bool load_into_kernel()
        {
                const sock_fprog program{
                        .len = static_cast<unsigned short>(code_.size()), .filter = code_.data()};
                return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
        }

private:
        void add(unsigned code, std::uint32_t value)
        {
                code_.push_back({.code = static_cast<std::uint16_t>(code), .jt = 0, .jf = 0, .k = value});
        }
        void end(std::uint32_t action) { add(BPF_RET | BPF_K, action); }

        // A jump over `rules`, taken if the comparison comes out as `skip_if`.
        template <typename Rules>
        void unless(unsigned code, std::uint32_t value, bool skip_if, const Rules& rules)
        {
                const auto jump = code_.size();
                add(code, value);
                rules();
                const auto distance = static_cast<std::uint8_t>(code_.size() - jump - 1);
                (skip_if ? code_[jump].jt : code_[jump].jf) = distance;
        }

        std::vector<sock_filter> code_;
};

// Every rule about a call ends the filter, so that the call's number needs to be loaded only once.
void limit_sockets(Filter& filter, const SystemCallLimits& limits)
{
        filter.if_equal(SYS_socket, [&] {
                filter.load_argument(0);
                if (limits.internet)
                        for (const auto family : {AF_INET, AF_INET6, AF_NETLINK})
                                filter.if_equal(family, [&] { filter.allow(); });
                filter.if_different(AF_UNIX, [&] { filter.refuse(EAFNOSUPPORT); });
                if (!limits.connects) {
                        filter.load_argument(1);
                        filter.mask(socket_type);
                        filter.if_different(SOCK_DGRAM, [&] { filter.refuse(EAFNOSUPPORT); });
                }
                filter.allow();
        });
}

void limit_memory(Filter& filter)
{
        constexpr std::uint32_t both = PROT_WRITE | PROT_EXEC;
        filter.if_equal(SYS_mmap, [&] {
                filter.load_argument(2);
                filter.mask(both);
                filter.if_equal(both, [&] { filter.refuse(EPERM); });
                filter.allow();
        });
        for (const auto call : {SYS_mprotect, SYS_pkey_mprotect})
                filter.if_equal(static_cast<std::uint32_t>(call), [&] {
                        filter.load_argument(2);
                        filter.if_any_of(PROT_EXEC, [&] { filter.refuse(EPERM); });
                        filter.allow();
                });
        filter.if_equal(SYS_shmat, [&] {
                filter.load_argument(2);
                filter.if_any_of(SHM_EXEC, [&] { filter.refuse(EPERM); });
                filter.allow();
        });
}

// In a user namespace a process has every capability again.
void limit_namespaces(Filter& filter)
{
        filter.if_equal(SYS_clone, [&] {
                filter.load_argument(0);
                filter.if_any_of(new_namespaces, [&] { filter.refuse(EPERM); });
                filter.allow();
        });
        // Its flags are in memory, where a filter cannot look. libc then calls clone().
        filter.if_equal(SYS_clone3, [&] { filter.refuse(ENOSYS); });
}

} // namespace

bool limit_system_calls(const SystemCallLimits& limits)
{
        Filter filter;
        // Calls of another ABI have other numbers; no step makes any.
        filter.load(offsetof(seccomp_data, arch));
        filter.if_different(our_architecture, [&] { filter.refuse(EPERM); });
        filter.load_call();
#ifdef __x86_64__
        filter.if_any_of(0x4000'0000, [&] { filter.refuse(ENOSYS); }); // x32
#endif
        for (const auto call : refused_calls)
                filter.if_equal(call, [&] { filter.refuse(EPERM); });
        if (!limits.swaps)
                for (const auto call : {SYS_swapoff, SYS_swapon})
                        filter.if_equal(static_cast<std::uint32_t>(call), [&] { filter.refuse(EPERM); });
        limit_sockets(filter, limits);
        limit_memory(filter);
        limit_namespaces(filter);
        filter.allow();
        return filter.load_into_kernel();
}

} // namespace eks
