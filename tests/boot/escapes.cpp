// SPDX-License-Identifier: Apache-2.0
// Preloaded into a step, this tries at its end, in the step's own process, what a confined step must not be
// able to do, and says on stderr what the kernel answers: "escape NAME refused" or "escape NAME allowed".
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace {

void say(const char* name, bool worked)
{
        // EROFS: systemd has made the directory read-only for the unit.
        const bool refused =
                !worked && (errno == EPERM || errno == EACCES || errno == EROFS || errno == EAFNOSUPPORT);
        dprintf(STDERR_FILENO, "escape %s %s\n", name, refused ? "refused" : "allowed");
}

bool maps_code(int fd)
{
        return fd >= 0 && write(fd, "code", 4) == 4 &&
               mmap(nullptr, 4, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) != MAP_FAILED;
}

bool connects(const char* path)
{
        const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
        return fd >= 0 && connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

__attribute__((destructor)) void try_to_escape()
{
        const char* file = std::getenv("ESCAPE_FILE");         // outside the step's paths
        const char* own = std::getenv("ESCAPE_OWN");           // which the step may make
        const char* pid = std::getenv("ESCAPE_PID");           // of another service
        const char* readable = std::getenv("ESCAPE_READABLE"); // by the step; "" if there is nothing
        if (file == nullptr || own == nullptr || pid == nullptr || readable == nullptr)
                return;

        const auto other = static_cast<pid_t>(std::atoi(pid));
        say("chmod", chmod(file, 04755) == 0);

        // A path of the step that it cannot open is a mistake of the test.
        const bool reads = readable[0] != '\0';
        const int read_only = open(reads ? readable : file, O_RDONLY | O_CLOEXEC);
        const bool opened = reads || read_only >= 0;
        say("fchmod", opened && (read_only < 0 || fchmod(read_only, 0644) == 0));
        int flags = 0;
        say("setflags", opened && (read_only < 0 || ioctl(read_only, FS_IOC_SETFLAGS, &flags) == 0));
        say("chown", chown(file, 1, 1) == 0);
        say("utime", utimensat(AT_FDCWD, file, nullptr, 0) == 0);
        say("setxattr", setxattr(file, "user.escape", "x", 1, 0) == 0);
        say("truncate", truncate(file, 0) == 0);
        say("setuid-file", open(own, O_RDWR | O_CREAT | O_CLOEXEC, 04755) >= 0);
        unlink(own);
        say("map-written", maps_code(open(own, O_RDWR | O_CREAT | O_CLOEXEC, 0600)));
        unlink(own);
        say("memfd", maps_code(memfd_create("code", MFD_CLOEXEC)));
        say("execveat", syscall(SYS_execveat, -1, "", nullptr, nullptr, AT_EMPTY_PATH) == 0);
        say("signal", kill(other, SIGCONT) == 0);
        rlimit limit{};
        say("prlimit", prlimit(other, RLIMIT_NOFILE, nullptr, &limit) == 0);
        say("containerd", connects("/run/containerd/containerd.sock"));
        say("docker", connects("/run/docker.sock"));
}

// Whether the process may make a file that the step may make.
void say_whether_it_writes(const char* name)
{
        const char* path = std::getenv("ESCAPE_WRITE");
        if (path == nullptr)
                return;
        say(name, open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) >= 0);
        unlink(path);
}

__attribute__((destructor)) void try_to_write()
{
        say_whether_it_writes("step");
}

} // namespace

// So that a step's child ends which has parsed what came from outside. In it, no destructor runs.
extern "C" [[noreturn]] void _exit(int status)
{
        say_whether_it_writes("child");
        syscall(SYS_exit_group, status);
        __builtin_unreachable();
}
