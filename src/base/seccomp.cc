// SPDX-License-Identifier: ISC

#include "base/seccomp.h"

#include <cerrno>
#include <cstddef>
#include <iterator>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

namespace tunnel {

namespace {

#if defined(__x86_64__)
constexpr unsigned arch = AUDIT_ARCH_X86_64;
constexpr unsigned calls_end = 0x40000000; // from here on they are x32's
#elif defined(__aarch64__)
constexpr unsigned arch = AUDIT_ARCH_AARCH64;
constexpr unsigned calls_end = 0x40000000;
#else
constexpr unsigned arch = 0;
constexpr unsigned calls_end = 0;
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#elif defined(__has_feature)
constexpr bool sanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool sanitized = false;
#endif

constexpr unsigned forbidden[] = {
    // other programs, other processes
    SYS_execve,
    SYS_execveat,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_kcmp,
    SYS_pidfd_getfd,
    SYS_process_madvise,
    SYS_perf_event_open,
    // another view of the machine
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_unshare,
    SYS_setns,
    SYS_open_tree,
    SYS_move_mount,
    SYS_fsopen,
    SYS_fsconfig,
    SYS_fsmount,
    SYS_fspick,
    SYS_open_by_handle_at,
    SYS_mknodat,
    SYS_personality,
    // the kernel, and its interfaces with the longest history of holes
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_bpf,
    SYS_userfaultfd,
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    // the machine itself
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_acct,
    SYS_quotactl,
    SYS_syslog,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_adjtimex,
    SYS_clock_adjtime,
    SYS_sethostname,
    SYS_setdomainname,
};

constexpr size_t calls = std::size(forbidden);
constexpr size_t head = 5; // instructions before the comparisons
constexpr uint32_t refuse = SECCOMP_RET_ERRNO | EPERM;

// A comparison that is true goes to the last instruction, which refuses; the one before allows.
struct Program {
    sock_filter code[head + calls + 2];

    constexpr Program() : code{}
    {
        constexpr uint16_t load = BPF_LD | BPF_W | BPF_ABS, equal = BPF_JMP | BPF_JEQ | BPF_K,
                           at_least = BPF_JMP | BPF_JGE | BPF_K, leave = BPF_RET | BPF_K;
        code[0] = {load, 0, 0, offsetof(seccomp_data, arch)};
        code[1] = {equal, 1, 0, arch};
        code[2] = {leave, 0, 0, SECCOMP_RET_KILL_PROCESS};
        code[3] = {load, 0, 0, offsetof(seccomp_data, nr)};
        code[4] = {at_least, uint8_t(calls + 1), 0, calls_end};
        for (size_t i = 0; i < calls; i++)
            code[head + i] = {equal, uint8_t(calls - i), 0, forbidden[i]};
        code[head + calls] = {leave, 0, 0, SECCOMP_RET_ALLOW};
        code[head + calls + 1] = {leave, 0, 0, refuse};
    }
};

} // namespace

bool forbid_system_calls()
{
    if (arch == 0 || sanitized || prctl(PR_GET_SECCOMP, 0, 0, 0, 0) != 0)
        return false;
    static constexpr Program program;
    const sock_fprog filter = {std::size(program.code), const_cast<sock_filter *>(program.code)};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0;
}

} // namespace tunnel
