/*
 * A disk that fails: preloaded into a process, it harms writes to and flushes of a store's files from the moment on that the
 * file $DISK_FAULT_TRIGGER exists. $DISK_FAULT is
 *   flush        fsync and fdatasync fail with EIO
 *   write        writes fail with ENOSPC
 *   journal      writes to the journal fail with EIO
 *   slot         writes to the file that names the checkpoint fail with EIO
 *   power        at the next durable write to journal or checkpoint, half of it is written and all or some of what was
 *                written since the last flush is lost, and the process is killed
 *   power-flush  the same at the next flush of `data.mdb`
 * The first failure is told on standard output as a line `fault`.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* What a write that is not flushed yet has replaced. */
struct unflushed {
  struct unflushed *older;
  int fd;
  off_t at, file_size;
  size_t size, held;
  char bytes[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct unflushed *newest = NULL;
static int told = 0;

static int is_file(int fd, const char *beginning) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  const char *name = strrchr(path, '/');
  return name && strncmp(name + 1, beginning, strlen(beginning)) == 0;
}

static int is_data(int fd) { return is_file(fd, "data.mdb"); }
static int is_durable(int fd) { return is_file(fd, "journal-") || is_file(fd, "checkpoint"); }
static int is_store(int fd) { return is_data(fd) || is_durable(fd); }

static int is_kind(const char *kind) {
  const char *fault = getenv("DISK_FAULT");
  return fault && strcmp(fault, kind) == 0;
}

static int is_power(void) { return is_kind("power") || is_kind("power-flush"); }

static int fails(const char *kind, int fd) {
  const char *trigger = getenv("DISK_FAULT_TRIGGER");
  if (!is_kind(kind) || !trigger || access(trigger, F_OK) != 0 || !is_store(fd)) return 0;
  /* A slow flush: who acknowledges before it ends has the time to do so. */
  if (is_power()) usleep(50000);
  if (!__atomic_exchange_n(&told, 1, __ATOMIC_SEQ_CST)) (void)!write(1, "fault\n", 6);
  return 1;
}

static int flushes_itself(int fd) { return (fcntl(fd, F_GETFL) & O_DSYNC) != 0; }

static int write_fails(int fd) {
  if (fails("write", fd)) return errno = ENOSPC, 1;
  if (is_file(fd, "journal-") && fails("journal", fd)) return errno = EIO, 1;
  if (is_file(fd, "checkpoint") && fails("slot", fd)) return errno = EIO, 1;
  return 0;
}

static void remember(int fd, size_t size, off_t at) {
  struct stat before;
  if (!is_power() || flushes_itself(fd) || !is_store(fd) || fstat(fd, &before) != 0) return;
  struct unflushed *one = malloc(sizeof *one + size);
  if (!one) abort();
  ssize_t held = pread(fd, one->bytes, size, at);
  *one = (struct unflushed){newest, fd, at, before.st_size, size, held < 0 ? 0 : (size_t)held};
  newest = one;
}

static void forget(void) {
  while (newest) {
    struct unflushed *one = newest;
    newest = one->older;
    free(one);
  }
}

/* Undoes unflushed writes, newest first: all, or every second one, by the number of them. Never returns. */
static void lose_power(void) {
  int count = 0, number = 0;
  for (struct unflushed *one = newest; one; one = one->older) count++;
  for (struct unflushed *one = newest; one; one = one->older, number++) {
    if (count % 2 && number % 2) continue;
    (void)!NEXT(pwrite)(one->fd, one->bytes, one->held, one->at);
    if (count % 2 == 0 && one->file_size < one->at + (off_t)one->size) (void)!ftruncate(one->fd, one->file_size);
  }
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

static int flush(int fd, int (*next)(int)) {
  if (fails("flush", fd)) return errno = EIO, -1;
  pthread_mutex_lock(&lock);
  if (is_data(fd) && fails("power-flush", fd)) lose_power();
  int result = next(fd);
  if (result == 0 && is_data(fd)) forget();
  pthread_mutex_unlock(&lock);
  return result;
}

int fsync(int fd) { return flush(fd, NEXT(fsync)); }
int fdatasync(int fd) { return flush(fd, NEXT(fdatasync)); }

static size_t total(const struct iovec *parts, int count) {
  size_t size = 0;
  for (int part = 0; part < count; part++) size += parts[part].iov_len;
  return size;
}

#define WRITE(size, at, call)      \
  if (write_fails(fd)) return -1;  \
  pthread_mutex_lock(&lock);       \
  remember(fd, size, at);          \
  ssize_t result = call;           \
  pthread_mutex_unlock(&lock);     \
  return result;

/* A write that is durable on return, and is cut. */
static void cut(int fd, const void *bytes, size_t size, off_t at) {
  if (!is_kind("power") || !is_durable(fd) || !flushes_itself(fd) || !fails("power", fd)) return;
  pthread_mutex_lock(&lock);
  (void)!NEXT(pwrite)(fd, bytes, size / 2, at);
  lose_power();
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at) {
  cut(fd, bytes, size, at);
  WRITE(size, at, NEXT(pwrite)(fd, bytes, size, at))
}
ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at) {
  cut(fd, bytes, size, at);
  WRITE(size, at, NEXT(pwrite64)(fd, bytes, size, at))
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
  WRITE(total(parts, count), at, NEXT(pwritev)(fd, parts, count, at))
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) {
  WRITE(total(parts, count), at, NEXT(pwritev64)(fd, parts, count, at))
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
  WRITE(total(parts, count), lseek(fd, 0, SEEK_CUR), NEXT(writev)(fd, parts, count))
}
