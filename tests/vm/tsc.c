// SPDX-License-Identifier: Apache-2.0
// Print how many kHz the time stamp counter of this machine has. QEMU gives it to an emulated processor,
// whose kernel measures it wrongly when the host is busy: its clock then runs several times too fast.
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

struct reading {
        int64_t nanoseconds;
        uint64_t ticks;
};

// Both clocks at one moment: of many attempts that with the fewest ticks in between.
static struct reading now(void)
{
        struct reading best = {0, 0};
        uint64_t least = UINT64_MAX;
        for (int i = 0; i < 1000; i++) {
                struct timespec time;
                const uint64_t before = __rdtsc();
                clock_gettime(CLOCK_MONOTONIC_RAW, &time);
                const uint64_t taken = __rdtsc() - before;
                if (taken < least) {
                        least = taken;
                        best.nanoseconds = time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
                        best.ticks = before + taken / 2;
                }
        }
        return best;
}

int main(void)
{
        const struct timespec pause = {0, 200000000};
        const struct reading first = now();
        nanosleep(&pause, NULL);
        const struct reading last = now();
        printf("%.0f\n",
                (double)(last.ticks - first.ticks) * 1e6 / (double)(last.nanoseconds - first.nanoseconds));
        return 0;
}
