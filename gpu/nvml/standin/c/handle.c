/* Handles of GPUs and slices. A handle stands for a UUID: it dies with it. */
#include "standin.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* As many as a test that cuts GPUs anew again and again may need. */
#define HANDLES 4096

struct nvmlDevice_st {
  char uuid[TEXT];
  int gpu, slot;
};

static struct nvmlDevice_st handles[HANDLES];
static int used;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int uuid_of(char *out, size_t size, int gpu, int slot) {
  if (gpu >= number(0, "count")) return 0;
  return slot < 0 ? value(out, size, "%d.uuid", gpu) : value(out, size, "%d.mig.%d.uuid", gpu, slot);
}

static struct nvmlDevice_st *known(const char *uuid, int gpu, int slot) {
  for (int i = 0; i < used; i++) {
    struct nvmlDevice_st *h = &handles[i];
    if (h->gpu == gpu && h->slot == slot && strcmp(h->uuid, uuid) == 0) return h;
  }
  if (used == HANDLES) return NULL;
  struct nvmlDevice_st *h = &handles[used++];
  snprintf(h->uuid, sizeof h->uuid, "%s", uuid);
  h->gpu = gpu;
  h->slot = slot;
  return h;
}

/* The same handle for the same thing, as the driver's library gives it. */
nvmlDevice_t handle_of(int gpu, int slot) {
  nvmlDevice_t d = {NULL};
  char uuid[TEXT];
  if (!uuid_of(uuid, sizeof uuid, gpu, slot)) return d;
  pthread_mutex_lock(&lock);
  d.handle = known(uuid, gpu, slot);
  pthread_mutex_unlock(&lock);
  return d;
}

int resolve(nvmlDevice_t device, struct target *t) {
  struct nvmlDevice_st *h = device.handle;
  char uuid[TEXT];
  if ((uintptr_t)h < (uintptr_t)handles || (uintptr_t)h >= (uintptr_t)(handles + HANDLES)) return -1;
  t->gpu = h->gpu;
  t->slot = h->slot;
  if (!uuid_of(uuid, sizeof uuid, h->gpu, h->slot)) return -1;
  return strcmp(uuid, h->uuid) == 0 ? 0 : -1;
}

int slot_gi(const struct target *t, unsigned *gi, unsigned *ci) {
  *gi = *ci = WHOLE;
  if (t->slot < 0) return -1;
  *gi = number(0, "%d.mig.%d.gi", t->gpu, t->slot);
  *ci = number(0, "%d.mig.%d.ci", t->gpu, t->slot);
  return 0;
}

nvmlReturn_t text(char *out, unsigned size, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int n = vsnprintf(out, size, format, args);
  va_end(args);
  return n < (int)size ? NVML_SUCCESS : NVML_ERROR_INSUFFICIENT_SIZE;
}
