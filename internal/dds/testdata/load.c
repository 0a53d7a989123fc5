/* The other side of the measurements, and their floor: a program of Cyclone
   alone that writes a load, or takes one and drops it. It is driven by lines.

     load write  DOMAIN TOPICS COUNT FILE      reliable, KEEP_ALL, as fast as it goes
     load fleet  DOMAIN ROBOTS SECONDS FILE×3  10 Hz odometry, 1 Hz battery and diagnostics
     load floor  DOMAIN TOPICS                 takes what "write" writes
     load flock  DOMAIN ROBOTS                 takes what "fleet" writes

   It says "ready", and then: on "go", when all its writers have a reader, it
   writes and says "done SAMPLES"; on "mark" and "report" a taker starts to count
   and tells "report SAMPLES CPU_NS RSS_BYTES". It ends with its input. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "blob.h"

static atomic_ullong samples;

static void fail (const char *what, int32_t rc)
{
  fprintf (stderr, "%s: %s\n", what, dds_strretcode (-rc));
  exit (1);
}

static int64_t clock_ns (clockid_t c)
{
  struct timespec t;
  clock_gettime (c, &t);
  return (int64_t) t.tv_sec * 1000000000 + t.tv_nsec;
}

struct endpoint { dds_entity_t e; struct ddsi_sertype *st; };

static void drop (dds_entity_t reader, void *arg)
{
  (void) arg;
  struct ddsi_serdata *d[32];
  dds_sample_info_t si[32];
  int n = dds_takecdr (reader, d, 32, si, DDS_ANY_STATE);
  for (int i = 0; i < n; i++) {
    if (si[i].valid_data)
      atomic_fetch_add_explicit (&samples, 1, memory_order_relaxed);
    ddsi_serdata_unref (d[i]);
  }
}

static struct endpoint open_endpoint (dds_entity_t p, const char *topic, const char *type, int reliable, int write)
{
  struct endpoint x = { 0, blob_sertype (type) };
  dds_entity_t t = dds_create_topic_sertype (p, topic, &x.st, NULL, NULL, NULL);
  if (t < 0)
    fail (topic, t);
  dds_qos_t *q = dds_create_qos ();
  dds_qset_reliability (q, reliable ? DDS_RELIABILITY_RELIABLE : DDS_RELIABILITY_BEST_EFFORT, DDS_INFINITY);
  if (reliable)
    dds_qset_history (q, DDS_HISTORY_KEEP_ALL, 0);
  else
    dds_qset_history (q, DDS_HISTORY_KEEP_LAST, 5);
  dds_listener_t *l = dds_create_listener (NULL);
  dds_lset_data_available (l, drop);
  x.e = write ? dds_create_writer (p, t, q, NULL) : dds_create_reader (p, t, q, l);
  dds_delete_listener (l);
  dds_delete_qos (q);
  if (x.e < 0)
    fail (topic, x.e);
  return x;
}

static const char *const names[3] = { "odom", "battery_state", "diagnostics" };
static const char *const types[3] = { "nav_msgs::msg::dds_::Odometry_", "sensor_msgs::msg::dds_::BatteryState_",
                                      "diagnostic_msgs::msg::dds_::DiagnosticArray_" };

/* open_all makes kinds endpoints for each of n robots, by kind and robot. */
static struct endpoint *open_all (dds_entity_t p, int n, int kinds, int reliable, int write)
{
  struct endpoint *all = calloc ((size_t) n * kinds, sizeof (*all));
  for (int k = 0; k < kinds; k++)
    for (int i = 0; i < n; i++) {
      char topic[64];
      snprintf (topic, sizeof (topic), "rt/robot%d/%s", i, names[k]);
      all[k * n + i] = open_endpoint (p, topic, types[k], reliable, write);
    }
  return all;
}

struct payload { size_t size; unsigned char data[4096]; };

static struct payload load_file (const char *name)
{
  struct payload p;
  FILE *f = fopen (name, "rb");
  if (f == NULL) {
    perror (name);
    exit (1);
  }
  p.size = fread (p.data, 1, sizeof (p.data), f);
  fclose (f);
  return p;
}

static void put (struct endpoint *x, struct payload *p)
{
  ddsrt_iovec_t iov = { .iov_base = p->data, .iov_len = p->size };
  struct ddsi_serdata *d = ddsi_serdata_from_ser_iov (x->st, SDK_DATA, 1, &iov, p->size);
  d->timestamp.v = dds_time ();
  d->statusinfo = 0;
  int32_t rc = dds_forwardcdr (x->e, d);
  if (rc < 0)
    fail ("write", rc);
}

static void await_matched (struct endpoint *all, int n)
{
  for (int i = 0; i < n; i++) {
    dds_publication_matched_status_t s = { 0 };
    while (dds_get_publication_matched_status (all[i].e, &s) == 0 && s.current_count == 0)
      usleep (1000);
  }
}

static void await_line (const char *want)
{
  char line[64];
  if (fgets (line, sizeof (line), stdin) == NULL || strncmp (line, want, strlen (want)) != 0)
    exit (0);
}

static void say (const char *s) { puts (s); fflush (stdout); }

static void write_flat (dds_entity_t p, int topics, long count, const char *file)
{
  struct endpoint *all = open_all (p, topics, 1, 1, 1);
  struct payload data = load_file (file);
  say ("ready");
  for (;;) {
    await_line ("go");
    await_matched (all, topics);
    for (long i = 0; i < count; i++)
      put (&all[i % topics], &data);
    printf ("done %ld\n", count);
    fflush (stdout);
  }
}

/* write_fleet spreads the samples evenly: a slot is a millisecond, and each robot
   has its slot in a tenth of a second and in a second. */
static void write_fleet (dds_entity_t p, int robots, int seconds, char **files)
{
  struct endpoint *all = open_all (p, robots, 3, 0, 1);
  struct payload data[3] = { load_file (files[0]), load_file (files[1]), load_file (files[2]) };
  say ("ready");
  for (;;) {
    await_line ("go");
    await_matched (all, 3 * robots);
    int64_t at = clock_ns (CLOCK_MONOTONIC);
    long sent = 0;
    for (long ms = 0; ms < 1000L * seconds; ms++) {
      for (int i = ms % 100; i < robots; i += 100, sent++)
        put (&all[i], &data[0]);
      for (int i = ms % 1000; i < robots; i += 1000, sent += 2)
        for (int k = 1; k < 3; k++)
          put (&all[k * robots + i], &data[k]);
      at += 1000000;
      struct timespec t = { .tv_sec = at / 1000000000, .tv_nsec = at % 1000000000 };
      clock_nanosleep (CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
    }
    printf ("done %ld\n", sent);
    fflush (stdout);
  }
}

static long resident (void)
{
  long pages = 0;
  FILE *f = fopen ("/proc/self/statm", "r");
  if (f == NULL || fscanf (f, "%*d %ld", &pages) != 1)
    exit (1);
  fclose (f);
  return pages * sysconf (_SC_PAGESIZE);
}

static void floor_of (dds_entity_t p, int n, int kinds, int reliable)
{
  open_all (p, n, kinds, reliable, 0);
  say ("ready");
  unsigned long long first = 0;
  int64_t began = 0;
  char line[64];
  while (fgets (line, sizeof (line), stdin) != NULL) {
    if (strncmp (line, "mark", 4) == 0) {
      first = atomic_load (&samples);
      began = clock_ns (CLOCK_PROCESS_CPUTIME_ID);
      say ("marked");
    } else {
      printf ("report %llu %lld %ld 0 0 0\n", (unsigned long long) atomic_load (&samples) - first,
              (long long) (clock_ns (CLOCK_PROCESS_CPUTIME_ID) - began), resident ());
      fflush (stdout);
    }
  }
}

int main (int argc, char **argv)
{
  if (argc < 4)
    return 2;
  int domain = atoi (argv[2]), n = atoi (argv[3]);
  const char *what = argv[1];
  dds_entity_t p = dds_create_participant (domain, NULL, NULL);
  if (p < 0)
    fail ("join", p);
  if (strcmp (what, "write") == 0 && argc == 6)
    write_flat (p, n, atol (argv[4]), argv[5]);
  else if (strcmp (what, "fleet") == 0 && argc == 8)
    write_fleet (p, n, atoi (argv[4]), argv + 5);
  else if (strcmp (what, "floor") == 0)
    floor_of (p, n, 1, 1);
  else if (strcmp (what, "flock") == 0)
    floor_of (p, n, 3, 0);
  else
    return 2;
  dds_delete (p);
  return 0;
}
