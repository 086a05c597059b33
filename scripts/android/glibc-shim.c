/*
 * Stands in for bionic's libc where glibc differs, so that the x86_64 library for Android runs on a JVM on Linux.
 * Compiled into shared objects named libc.so and libdl.so, which the library requires by name; everything else comes
 * from glibc.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <unistd.h>

int *__errno(void) {
    return &errno;
}

/* Bionic's strerror_r is the POSIX version. */
extern int __xpg_strerror_r(int, char *, size_t);
int strerror_B(int error, char *text, size_t size) {
    return __xpg_strerror_r(error, text, size);
}

/* Uses bionic's constants. */
long sysconB(int name) {
    switch (name) {
    case 0x27:
    case 0x28:
        return sysconf(_SC_PAGESIZE);
    case 0x60:
        return sysconf(_SC_NPROCESSORS_CONF);
    case 0x61:
        return sysconf(_SC_NPROCESSORS_ONLN);
    default:
        errno = EINVAL;
        return -1;
    }
}
