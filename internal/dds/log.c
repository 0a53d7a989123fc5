#define _GNU_SOURCE
#include "bridge.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

#include <dds/ddsrt/log.h>

/* Cyclone's log is one for the process, and a hostile peer can fill it: a ring
   of lines, the newest are dropped when nobody reads. */
#define LINES 64
#define LINE 512

static struct { uint32_t category; char text[LINE]; } ring[LINES];
static unsigned head, count;
static uint64_t lost;
static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;

static void sink (void *arg, const dds_log_data_t *d)
{
  (void) arg;
  pthread_mutex_lock (&mu);
  if (count == LINES) {
    lost++;
  } else {
    unsigned i = (head + count++) % LINES;
    ring[i].category = d->priority;
    strncpy (ring[i].text, d->message, LINE - 1);
    ring[i].text[LINE - 1] = 0;
  }
  pthread_mutex_unlock (&mu);
}

void log_install (void) { dds_set_log_sink (sink, NULL); }

uint32_t log_next (char *buf, size_t cap, uint64_t *dropped)
{
  uint32_t category = 0;
  pthread_mutex_lock (&mu);
  *dropped = lost;
  lost = 0;
  if (count > 0) {
    category = ring[head].category ? ring[head].category : 1;
    strncpy (buf, ring[head].text, cap - 1);
    buf[cap - 1] = 0;
    head = (head + 1) % LINES;
    count--;
  }
  pthread_mutex_unlock (&mu);
  return category;
}

const char *cyclone_path (void)
{
  Dl_info i;
  return dladdr ((void *) dds_create_participant, &i) ? i.dli_fname : "";
}
