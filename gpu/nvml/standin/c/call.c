/* What every exported function but nvmlShutdown and nvmlErrorString does first: it is counted, delayed, made to hang
 * or to fail, as the state says. */
#include "standin.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int initialized;

/* Returns what it was before. */
int set_initialized(int delta) {
  pthread_mutex_lock(&lock);
  int before = initialized;
  if (before + delta >= 0) initialized += delta;
  pthread_mutex_unlock(&lock);
  return before;
}

void wait_ms(long ms) {
  struct timespec t = {ms / 1000, ms % 1000 * 1000000};
  while (nanosleep(&t, &t) != 0 && errno == EINTR) continue; /* a signal shortens no wait */
}

static void note(const char *func, int gpu) {
  char path[TEXT], line[TEXT];
  if (!value(path, sizeof path, "calls")) return;
  int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return;
  int n = snprintf(line, sizeof line, "%s %d\n", func, gpu);
  if (write(fd, line, n) != n) perror("standin: calls");
  close(fd);
}

/* told looks a key up for a function and for all, of a GPU and in general. */
static int told(long *out, const char *what, const char *func, int gpu) {
  if (gpu >= 0 && numbered(out, "%d.%s.%s", gpu, what, func)) return 1;
  if (gpu >= 0 && numbered(out, "%d.%s.all", gpu, what)) return 1;
  return numbered(out, "%s.%s", what, func) || numbered(out, "%s.all", what);
}

/* What the state says that a call has to answer; NVML_SUCCESS: nothing. */
nvmlReturn_t forced(const char *func, int gpu) {
  long n;
  if (told(&n, "ret", func, gpu)) return (nvmlReturn_t)n;
  if (gpu >= 0 && number(0, "%d.lost", gpu)) return NVML_ERROR_GPU_IS_LOST;
  if (gpu >= 0 && number(0, "%d.reset", gpu)) return NVML_ERROR_RESET_REQUIRED;
  return NVML_SUCCESS;
}

nvmlReturn_t enter_gpu(const char *func, int gpu) {
  long n;
  if (state_refresh() != 0) return NVML_ERROR_DRIVER_NOT_LOADED;
  note(func, gpu);
  if (told(&n, "delay_ms", func, gpu)) wait_ms(n);
  while (told(&n, "hang", func, gpu) && n) {
    wait_ms(10);
    state_refresh();
  }
  return forced(func, gpu);
}

nvmlReturn_t enter(const char *func) {
  if (set_initialized(0) == 0) return NVML_ERROR_UNINITIALIZED;
  return enter_gpu(func, -1);
}

nvmlReturn_t enter_device(const char *func, nvmlDevice_t device, struct target *t) {
  if (set_initialized(0) == 0) return NVML_ERROR_UNINITIALIZED;
  if (state_refresh() != 0) return NVML_ERROR_DRIVER_NOT_LOADED;
  if (resolve(device, t) != 0) return NVML_ERROR_INVALID_ARGUMENT;
  return enter_gpu(func, t->gpu);
}
