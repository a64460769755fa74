// SPDX-License-Identifier: Apache-2.0
// Loaded into QEMU (LD_PRELOAD), makes the disks of its machine slow: each read waits DISK_READ_MS before it is done, and no
// more than DISK_READS of them wait at a time. This is how a new EBS volume behaves, whose blocks come from a snapshot.
// QEMU's own throttling limits rates, but it delays no single request.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <time.h>

static sem_t slots;
static struct timespec delay;
static ssize_t (*read_at)(int, const struct iovec *, int, off_t);

static void prepare(void)
{
        const long milliseconds = atol(getenv("DISK_READ_MS"));
        delay.tv_sec = milliseconds / 1000;
        delay.tv_nsec = milliseconds % 1000 * 1000000;
        sem_init(&slots, 0, (unsigned)atol(getenv("DISK_READS")));
        *(void **)&read_at = dlsym(RTLD_NEXT, "preadv64");
}

static ssize_t slow(int file, const struct iovec *parts, int count, off_t offset)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        pthread_once(&once, prepare);
        sem_wait(&slots);
        nanosleep(&delay, NULL);
        sem_post(&slots);
        return read_at(file, parts, count, offset);
}

ssize_t preadv64(int file, const struct iovec *parts, int count, off_t offset)
{
        return slow(file, parts, count, offset);
}

ssize_t preadv(int file, const struct iovec *parts, int count, off_t offset)
{
        return slow(file, parts, count, offset);
}

ssize_t pread64(int file, void *into, size_t size, off_t offset)
{
        const struct iovec part = {into, size};
        return slow(file, &part, 1, offset);
}

ssize_t pread(int file, void *into, size_t size, off_t offset)
{
        return pread64(file, into, size, offset);
}
