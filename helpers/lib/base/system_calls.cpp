// SPDX-License-Identifier: Apache-2.0
#include "base/system_calls.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <span>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
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

// Newer than the headers; their numbers are the same on every architecture.
constexpr std::uint32_t call_fchmodat2 = 452;
constexpr std::uint32_t call_setxattrat = 463;
constexpr std::uint32_t call_removexattrat = 466;
constexpr std::uint32_t call_file_setattr = 469;

constexpr auto refused_calls = std::to_array<std::uint32_t>({
        SYS_acct,
        SYS_add_key,
        SYS_adjtimex,
        SYS_bpf,
        SYS_chroot,
        SYS_clock_adjtime,
        SYS_clock_settime,
        SYS_delete_module,
        SYS_execveat,
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
        SYS_memfd_create,
        SYS_memfd_secret,
        SYS_mount,
        SYS_mount_setattr,
        SYS_move_mount,
        SYS_move_pages,
        SYS_open_by_handle_at,
        SYS_open_tree,
        SYS_perf_event_open,
        SYS_personality,
        SYS_pidfd_getfd,
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
        SYS_truncate, // Landlock refuses it since Linux 6.2
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

constexpr auto swap_calls = std::to_array<std::uint32_t>({SYS_swapoff, SYS_swapon});

constexpr auto attribute_calls = std::to_array<std::uint32_t>({
        SYS_fchmodat,
        call_fchmodat2,
        SYS_fchown,
        SYS_fchownat,
        SYS_fremovexattr,
        SYS_fsetxattr,
        SYS_lremovexattr,
        SYS_lsetxattr,
        SYS_removexattr,
        call_removexattrat,
        SYS_setxattr,
        call_setxattrat,
        call_file_setattr,
        SYS_utimensat,
#ifdef __x86_64__
        SYS_chmod,
        SYS_chown,
        SYS_futimesat,
        SYS_lchown,
        SYS_utime,
        SYS_utimes,
#endif
});

// Of other processes; tgkill() and kill() are looked at below.
constexpr auto process_calls = std::to_array<std::uint32_t>({
        SYS_execve,
        SYS_ioprio_set,
        SYS_pidfd_send_signal,
        SYS_rt_sigqueueinfo,
        SYS_rt_tgsigqueueinfo,
        SYS_sched_setaffinity,
        SYS_sched_setattr,
        SYS_sched_setparam,
        SYS_sched_setscheduler,
        SYS_setpriority,
        SYS_tkill,
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

        // The value that was loaded last is one of these. The kernel runs the filter for each call there is
        // when it is loaded, so it is kept short: one rule a call, and a common end.
        void refuse_any(std::span<const std::uint32_t> values, std::uint32_t error)
        {
                for (std::size_t i = 0; i < values.size(); ++i) {
                        add(BPF_JMP | BPF_JEQ | BPF_K, values[i]);
                        code_.back().jt = static_cast<std::uint8_t>(values.size() - i);
                }
                add(BPF_JMP | BPF_JA, 1);
                refuse(error);
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

// Without programs and libraries nothing is mapped executable after the start, so that what the process
// writes cannot be run.
void limit_memory(Filter& filter, bool maps_code)
{
        constexpr std::uint32_t both = PROT_WRITE | PROT_EXEC;
        filter.if_equal(SYS_mmap, [&] {
                filter.load_argument(2);
                filter.mask(maps_code ? both : PROT_EXEC);
                filter.if_equal(maps_code ? both : PROT_EXEC, [&] { filter.refuse(EPERM); });
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

// Signals reach every process of root. Where the kernel can (6.12), Landlock keeps those of programs inside.
void limit_signals(Filter& filter)
{
        const auto own = static_cast<std::uint32_t>(::getpid());
        filter.if_equal(SYS_kill, [&] {
                filter.load_argument(0);
                filter.if_equal(own, [&] { filter.allow(); });
                filter.load_argument(1); // whether a process exists may be asked
                filter.if_different(0, [&] { filter.refuse(EPERM); });
                filter.allow();
        });
        filter.if_equal(SYS_tgkill, [&] { // abort()
                filter.load_argument(0);
                filter.if_different(own, [&] { filter.refuse(EPERM); });
                filter.allow();
        });
        // A descriptor can send its owner a signal.
        filter.if_equal(SYS_fcntl, [&] {
                filter.load_argument(1);
                for (const std::uint32_t command : {F_SETOWN, F_SETSIG, F_SETOWN_EX})
                        filter.if_equal(command, [&] { filter.refuse(EPERM); });
                filter.allow();
        });
        filter.if_equal(SYS_ioctl, [&] {
                filter.load_argument(1);
                for (const std::uint32_t command : {FIOSETOWN, SIOCSPGRP})
                        filter.if_equal(command, [&] { filter.refuse(EPERM); });
                filter.allow();
        });
}

void limit_other_processes(Filter& filter, const SystemCallLimits& limits)
{
        filter.if_equal(SYS_prlimit64, [&] {
                filter.load_argument(0);
                filter.if_different(0, [&] { filter.refuse(EPERM); });
                filter.allow();
        });
        if (limits.runs_programs)
                return;
        filter.refuse_any(process_calls, EPERM);
        limit_signals(filter);
}

void refuse_mode(Filter& filter, std::uint32_t call, std::size_t argument, std::uint32_t bits)
{
        filter.if_equal(call, [&] {
                filter.load_argument(argument);
                filter.if_any_of(bits, [&] { filter.refuse(EPERM); });
                filter.allow();
        });
}

void limit_open(Filter& filter, std::uint32_t call, std::size_t flags, bool any_mode)
{
        filter.if_equal(call, [&] {
                filter.load_argument(flags);
                filter.mask(O_ACCMODE | O_TRUNC);
                // It truncates a file that can only be read; Landlock refuses it since Linux 6.2.
                filter.if_equal(O_RDONLY | O_TRUNC, [&] { filter.refuse(EPERM); });
                if (!any_mode) {
                        filter.load_argument(flags);
                        filter.if_any_of(O_CREAT | (O_TMPFILE & ~O_DIRECTORY), [&] {
                                filter.load_argument(flags + 1);
                                filter.if_any_of(S_ISUID | S_ISGID, [&] { filter.refuse(EPERM); });
                                filter.allow();
                        });
                }
                filter.allow();
        });
}

// Landlock knows no attributes of files.
void limit_files(Filter& filter, const SystemCallLimits& limits)
{
        limit_open(filter, SYS_openat, 2, limits.any_mode);
        filter.if_equal(SYS_openat2, [&] { filter.refuse(ENOSYS); }); // its flags are in memory
#ifdef __x86_64__
        limit_open(filter, SYS_open, 1, limits.any_mode);
#endif
        if (limits.any_mode)
                return;
        constexpr std::uint32_t setid = S_ISUID | S_ISGID;
        // A descriptor may be of any file that can be read.
        refuse_mode(filter, SYS_fchmod, 1, limits.changes_attributes ? setid : setid | S_IWOTH);
        refuse_mode(filter, SYS_mkdirat, 2, setid);
        refuse_mode(filter, SYS_mknodat, 2, setid);
#ifdef __x86_64__
        refuse_mode(filter, SYS_creat, 1, setid);
        refuse_mode(filter, SYS_mkdir, 1, setid);
        refuse_mode(filter, SYS_mknod, 1, setid);
#endif
        if (limits.changes_attributes) {
                refuse_mode(filter, SYS_fchmodat, 2, setid);
                refuse_mode(filter, call_fchmodat2, 2, setid);
#ifdef __x86_64__
                refuse_mode(filter, SYS_chmod, 1, setid);
#endif
                return;
        }
        filter.refuse_any(attribute_calls, EPERM);
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
        filter.refuse_any(refused_calls, EPERM);
        if (!limits.swaps)
                filter.refuse_any(swap_calls, EPERM);
        limit_sockets(filter, limits);
        limit_memory(filter, limits.runs_programs || limits.loads_libraries);
        limit_other_processes(filter, limits);
        limit_files(filter, limits);
        limit_namespaces(filter);
        filter.allow();
        return filter.load_into_kernel();
}

} // namespace eks
