/* SPDX-License-Identifier: Apache-2.0 */
/* The only program of the images that the machine runs. Without arguments it is a pause container. With some
 * it says them, on both outputs. It waits for SIGTERM and then says goodbye. */
#include <signal.h>
#include <stdio.h>

int main(int argc, char** argv)
{
        sigset_t stop;
        int received;

        /* First of all: process 1 of a container is not killed by a signal that it does not take. */
        sigemptyset(&stop);
        sigaddset(&stop, SIGTERM);
        sigprocmask(SIG_BLOCK, &stop, NULL);
        for (int i = 1; i < argc; i++) {
                printf("said: %s\n", argv[i]);
                fprintf(stderr, "complained: %s\n", argv[i]);
        }
        fflush(stdout);
        sigwait(&stop, &received);
        if (argc > 1)
                puts("goodbye");
        return 0;
}
