/*
 * A disk that fails: preloaded into a process, it makes writes to or flushes of `data.mdb` fail from the moment on that
 * the file $DISK_FAULT_TRIGGER exists. $DISK_FAULT is `flush` (fsync, fdatasync: EIO), `write` (ENOSPC) or `meta` (EIO for
 * writes through descriptors that flush each write). The first failure is told on standard output as a line `fault`.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static int told = 0;

static int is_data(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return length >= 9 && strcmp(path + length - 9, "/data.mdb") == 0;
}

static int fails(const char *kind, int fd) {
  const char *fault = getenv("DISK_FAULT"), *trigger = getenv("DISK_FAULT_TRIGGER");
  if (!fault || !trigger || strcmp(fault, kind) != 0 || access(trigger, F_OK) != 0 || !is_data(fd)) return 0;
  if (!__atomic_exchange_n(&told, 1, __ATOMIC_SEQ_CST)) (void)!write(1, "fault\n", 6);
  return 1;
}

static int write_fails(int fd) {
  if (fails("write", fd)) {
    errno = ENOSPC;
    return 1;
  }
  if ((fcntl(fd, F_GETFL) & O_DSYNC) && fails("meta", fd)) {
    errno = EIO;
    return 1;
  }
  return 0;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int fsync(int fd) {
  if (fails("flush", fd)) { errno = EIO; return -1; }
  return NEXT(fsync)(fd);
}

int fdatasync(int fd) {
  if (fails("flush", fd)) { errno = EIO; return -1; }
  return NEXT(fdatasync)(fd);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
  return write_fails(fd) ? -1 : NEXT(pwrite)(fd, bytes, count, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
  return write_fails(fd) ? -1 : NEXT(pwrite64)(fd, bytes, count, at);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
  return write_fails(fd) ? -1 : NEXT(pwritev)(fd, parts, count, at);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) {
  return write_fails(fd) ? -1 : NEXT(pwritev64)(fd, parts, count, at);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  return write_fails(fd) ? -1 : NEXT(writev)(fd, parts, count);
}
