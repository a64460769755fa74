// SPDX-License-Identifier: Apache-2.0
#include "base/system_calls.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <limits>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <numeric>
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
        SYS_fchmod,
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

constexpr std::uint32_t above_all_calls = 512; // of Linux 6.18; one above is found, too, but later

constexpr std::uint32_t new_namespaces = CLONE_NEWCGROUP | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWNS |
                                         CLONE_NEWPID | CLONE_NEWUSER | CLONE_NEWUTS;
constexpr std::uint32_t socket_type = 0xf; // beside it: SOCK_CLOEXEC, SOCK_NONBLOCK

using Code = std::vector<sock_filter>;

sock_filter instruction(unsigned code, std::size_t value, std::size_t if_true = 0, std::size_t if_false = 0)
{
        return {.code = static_cast<std::uint16_t>(code),
                .jt = static_cast<std::uint8_t>(if_true),
                .jf = static_cast<std::uint8_t>(if_false),
                .k = static_cast<std::uint32_t>(value)};
}

// What is decided about calls, which are allowed otherwise. One call is decided about once.
class Filter {
public:
        Filter()
        {
                decisions_.reserve(256);
                code_.reserve(512);
                on_call(0, [&] { allow(); });                  // and above
                on_call(0x4000'0000, [&] { refuse(ENOSYS); }); // and above: x32, which other machines lack
        }

        // What `rules` adds decides about this call: it ends with allow() or refuse().
        template <typename Rules>
        void on_call(std::uint32_t call, const Rules& rules)
        {
                const auto begin = code_.size();
                rules();
                decisions_.push_back({call, part_from(begin)});
        }
        void refuse_call(std::uint32_t call, std::uint32_t error)
        {
                on_call(call, [&] { refuse(error); });
        }
        void refuse_any(std::span<const std::uint32_t> calls, std::uint32_t error)
        {
                for (const auto call : calls)
                        refuse_call(call, error);
        }

        void refuse(std::uint32_t error) { add(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error); }
        void allow() { add(BPF_RET | BPF_K, SECCOMP_RET_ALLOW); }
        void load_argument(std::size_t number)
        {
                add(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args) + number * sizeof(std::uint64_t));
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

        // The whole filter. The kernel compiles it, and runs it once for each call that exists, whenever it
        // is loaded. So equal parts are written once, and a call is found by bisection.
        Code program()
        {
                Writer writer(*this);
                return writer.code(ranges());
        }

private:
        struct Part {
                std::size_t begin;
                std::size_t end;
        };
        // About `call`; in a range, also about those up to the next range.
        struct Decision {
                std::uint32_t call;
                std::size_t part;
        };

        void add(unsigned code, std::size_t value) { code_.push_back(instruction(code, value)); }

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

        std::size_t part_from(std::size_t begin)
        {
                const auto is_same = [](const sock_filter& one, const sock_filter& other) {
                        return one.code == other.code && one.jt == other.jt && one.jf == other.jf &&
                               one.k == other.k;
                };

                for (std::size_t i = 0; i < parts_.size(); ++i)
                        if (std::equal(code_.begin() + parts_[i].begin, code_.begin() + parts_[i].end,
                                    code_.begin() + begin, code_.end(), is_same)) {
                                code_.resize(begin);
                                return i;
                        }

                parts_.push_back({begin, code_.size()});
                return parts_.size() - 1;
        }

        // Neighbours with the same decision are one range.
        std::vector<Decision> ranges()
        {
                std::ranges::sort(decisions_, {}, &Decision::call);
                const auto allowed = decisions_.front().part;
                std::vector<Decision> ranges;
                ranges.reserve(decisions_.size());
                std::uint32_t next = 0;
                const auto add_range = [&](std::uint32_t call, std::size_t part) {
                        if (ranges.empty() || ranges.back().part != part)
                                ranges.push_back({call, part});
                };

                for (const auto& [call, part] : decisions_) {
                        if (call > next)
                                add_range(next, allowed);
                        add_range(call, part);
                        next = call + 1;
                }

                return ranges;
        }

        // Writes from the end, because jumps lead forward.
        class Writer {
        public:
                explicit Writer(const Filter& filter) : filter_(&filter), places_(filter.parts_.size(), 0)
                {
                        reversed_.reserve(512);
                }

                Code code(std::span<const Decision> ranges)
                {
                        jump_to(find(ranges));
                        add(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr));

                        // Calls of another ABI have other numbers; no step makes any.
                        add(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
                        reversed_.push_back(instruction(BPF_JMP | BPF_JEQ | BPF_K, our_architecture, 1));
                        add(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch));
                        std::ranges::reverse(reversed_);

                        return std::move(reversed_);
                }

        private:
                // Of an instruction: how many follow it, and one.
                using Place = std::size_t;

                void add(unsigned code, std::size_t value) { reversed_.push_back(instruction(code, value)); }

                // From the instruction that is added next.
                std::size_t distance(Place place) const { return reversed_.size() - place; }
                // For a conditional jump, even if one instruction is added before.
                bool is_near(Place place) const
                {
                        return distance(place) < std::numeric_limits<std::uint8_t>::max();
                }
                void jump_to(Place place)
                {
                        if (distance(place) > 0)
                                add(BPF_JMP | BPF_JA, distance(place));
                }

                // Each comparison halves the numbers, of which most belong to a few wide ranges.
                Place find(std::span<const Decision> ranges)
                {
                        if (ranges.size() == 1)
                                return place_of(ranges.front().part);

                        const auto half = std::midpoint(
                                ranges.front().call, std::min(ranges.back().call, above_all_calls));
                        const auto above = std::ranges::upper_bound(
                                ranges.subspan(1, ranges.size() - 2), half, {}, &Decision::call);
                        const auto lower = static_cast<std::size_t>(above - ranges.begin());

                        auto if_above = find(ranges.subspan(lower));
                        auto if_below = find(ranges.first(lower));
                        for (auto* place : {&if_above, &if_below})
                                if (!is_near(*place)) {
                                        jump_to(*place);
                                        *place = reversed_.size();
                                }

                        reversed_.push_back(instruction(BPF_JMP | BPF_JGE | BPF_K, above->call,
                                distance(if_above), distance(if_below)));
                        return reversed_.size();
                }

                Place place_of(std::size_t part)
                {
                        auto& place = places_[part];
                        if (place == 0 || !is_near(place)) {
                                const auto [begin, end] = filter_->parts_[part];
                                for (auto i = end; i > begin; --i)
                                        reversed_.push_back(filter_->code_[i - 1]);
                                place = reversed_.size();
                        }

                        return place;
                }

                const Filter* filter_;
                std::vector<Place> places_; // of each part; 0 if it is not written yet
                Code reversed_;
        };

        std::vector<Decision> decisions_;
        std::vector<Part> parts_; // of code_
        Code code_;
};

void limit_sockets(Filter& filter, const SystemCallLimits& limits)
{
        filter.on_call(SYS_socket, [&] {
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
        filter.on_call(SYS_mmap, [&] {
                filter.load_argument(2);
                filter.mask(maps_code ? both : PROT_EXEC);
                filter.if_equal(maps_code ? both : PROT_EXEC, [&] { filter.refuse(EPERM); });
                filter.allow();
        });

        for (const auto call : {SYS_mprotect, SYS_pkey_mprotect})
                filter.on_call(static_cast<std::uint32_t>(call), [&] {
                        filter.load_argument(2);
                        filter.if_any_of(PROT_EXEC, [&] { filter.refuse(EPERM); });
                        filter.allow();
                });

        filter.on_call(SYS_shmat, [&] {
                filter.load_argument(2);
                filter.if_any_of(SHM_EXEC, [&] { filter.refuse(EPERM); });
                filter.allow();
        });
}

// Signals reach every process of root. Where the kernel can (6.12), Landlock keeps those of programs inside.
void limit_signals(Filter& filter)
{
        const auto own = static_cast<std::uint32_t>(::getpid());
        filter.on_call(SYS_kill, [&] {
                filter.load_argument(0);
                filter.if_equal(own, [&] { filter.allow(); });
                filter.load_argument(1); // whether a process exists may be asked
                filter.if_different(0, [&] { filter.refuse(EPERM); });
                filter.allow();
        });

        filter.on_call(SYS_tgkill, [&] { // abort()
                filter.load_argument(0);
                filter.if_different(own, [&] { filter.refuse(EPERM); });
                filter.allow();
        });

        // A descriptor can send its owner a signal.
        filter.on_call(SYS_fcntl, [&] {
                filter.load_argument(1);
                for (const std::uint32_t command : {F_SETOWN, F_SETSIG, F_SETOWN_EX})
                        filter.if_equal(command, [&] { filter.refuse(EPERM); });
                filter.allow();
        });
}

// By a descriptor: who gets a signal, and attributes such as "immutable" of any file that can be read.
void limit_requests(Filter& filter, const SystemCallLimits& limits)
{
        filter.on_call(SYS_ioctl, [&] {
                const auto refuse = [&](std::uint32_t request) {
                        filter.if_equal(request, [&] { filter.refuse(EPERM); });
                };

                filter.load_argument(1);
                if (!limits.runs_programs) {
                        refuse(FIOSETOWN);
                        refuse(SIOCSPGRP);
                }

                if (!limits.changes_attributes && !limits.any_mode) {
                        refuse(static_cast<std::uint32_t>(FS_IOC_SETFLAGS));
                        refuse(static_cast<std::uint32_t>(FS_IOC_FSSETXATTR));
                }

                filter.allow();
        });
}

void limit_other_processes(Filter& filter, const SystemCallLimits& limits)
{
        filter.on_call(SYS_prlimit64, [&] {
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
        filter.on_call(call, [&] {
                filter.load_argument(argument);
                filter.if_any_of(bits, [&] { filter.refuse(EPERM); });
                filter.allow();
        });
}

void limit_open(Filter& filter, std::uint32_t call, std::size_t flags, bool any_mode)
{
        filter.on_call(call, [&] {
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
        filter.refuse_call(SYS_openat2, ENOSYS); // its flags are in memory
#ifdef __x86_64__
        limit_open(filter, SYS_open, 1, limits.any_mode);
#endif

        if (limits.any_mode)
                return;

        constexpr std::uint32_t setid = S_ISUID | S_ISGID;
        refuse_mode(filter, SYS_mkdirat, 2, setid);
        refuse_mode(filter, SYS_mknodat, 2, setid);
#ifdef __x86_64__
        refuse_mode(filter, SYS_creat, 1, setid);
        refuse_mode(filter, SYS_mkdir, 1, setid);
        refuse_mode(filter, SYS_mknod, 1, setid);
#endif

        if (limits.changes_attributes) {
                refuse_mode(filter, SYS_fchmod, 1, setid);
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
        filter.on_call(SYS_clone, [&] {
                filter.load_argument(0);
                filter.if_any_of(new_namespaces, [&] { filter.refuse(EPERM); });
                filter.allow();
        });
        // Its flags are in memory, where a filter cannot look. libc then calls clone().
        filter.refuse_call(SYS_clone3, ENOSYS);
}

} // namespace

bool limit_system_calls(const SystemCallLimits& limits)
{
        Filter filter;
        filter.refuse_any(refused_calls, EPERM);

        if (!limits.swaps)
                filter.refuse_any(swap_calls, EPERM);
        limit_sockets(filter, limits);
        limit_memory(filter, limits.runs_programs || limits.loads_libraries);
        limit_other_processes(filter, limits);
        limit_requests(filter, limits);
        limit_files(filter, limits);
        limit_namespaces(filter);
        auto code = filter.program();
        const sock_fprog program{.len = static_cast<unsigned short>(code.size()), .filter = code.data()};

        return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

} // namespace eks
