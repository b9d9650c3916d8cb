/* A shim for the power-failure tests: says in a file (SYNCED_LOG) up to which byte each file is surely on the disk.
 * Built and preloaded by tests/faults/power.py; no part of the software. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void said(int fd) {
    const char *log = getenv("SYNCED_LOG");
    struct stat st;
    if (log == NULL || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) return;
    char line[80];
    int length = snprintf(line, sizeof line, "%llu %lld\n", (unsigned long long)st.st_ino, (long long)st.st_size);
    int out = open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (out < 0) return;
    if (write(out, line, (size_t)length) != length) abort();
    close(out);
}

/* The size is read before the sync: what is written meanwhile by another thread does not count. */
static int synced(int fd, const char *name) {
    struct stat before;
    int known = fstat(fd, &before) == 0;
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    int result = real(fd);
    if (result == 0 && known) said(fd);
    return result;
}

int fsync(int fd) { return synced(fd, "fsync"); }
int fdatasync(int fd) { return synced(fd, "fdatasync"); }
