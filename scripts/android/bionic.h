/*
 * Corrects musl's headers where 64-bit bionic differs in what SQLite, ring, and libunwind use; included before any
 * other header. With it, their objects are identical to those compiled with bionic's own headers. Not for 32-bit ARM,
 * where time_t, off_t, and stat differ.
 */
#ifndef PUSH_AUTHENTICATOR_BIONIC_H
#define PUSH_AUTHENTICATOR_BIONIC_H
#if !defined(__ASSEMBLER__)
#define __errno_location __errno
typedef long pthread_mutexattr_t;
#define __DEFINED_pthread_mutexattr_t
typedef long pthread_condattr_t;
#define __DEFINED_pthread_condattr_t
typedef int pthread_key_t;
#define __DEFINED_pthread_key_t
#define _GNU_SOURCE 1
#include <unistd.h>
#include <math.h>
#undef isnan
#define isnan(x) __builtin_isnan(x)
#undef _SC_PAGESIZE
#undef _SC_PAGE_SIZE
#undef _SC_NPROCESSORS_CONF
#undef _SC_NPROCESSORS_ONLN
#define _SC_PAGESIZE 0x0027
#define _SC_PAGE_SIZE 0x0028
#define _SC_NPROCESSORS_CONF 0x0060
#define _SC_NPROCESSORS_ONLN 0x0061
#endif
#endif
