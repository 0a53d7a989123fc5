#include "bridge_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>

/* The pause between two wakes for telemetry: a wake of Go costs as much as ten
   samples. */
#define PAUSE_NS 3000000
#define DIRECT_MAX 8 /* samples that a listener takes at once; mostly there is one */
#define RING_LARGEST (RING_SIZE / 8)

/* The ring's words are read and written on both sides without a lock. */
#define LOAD(x) __atomic_load_n (&(x), __ATOMIC_SEQ_CST)
#define STORE(x, v) __atomic_store_n (&(x), (v), __ATOMIC_SEQ_CST)

int64_t now_ns (void)
{
  struct timespec t;
  clock_gettime (CLOCK_MONOTONIC, &t);
  return (int64_t) t.tv_sec * 1000000000 + t.tv_nsec;
}

int handoff_init (struct handoff *h, int timer)
{
  h->timer = timer;
  h->ring.data = malloc (RING_SIZE);
  return h->ring.data != NULL;
}

void handoff_fini (struct handoff *h)
{
  for (int i = 0; i < h->beside_n; i++)
    ddsi_serdata_unref (h->beside[i].d);
  for (int i = h->rest_i; i < h->rest_n; i++)
    ddsi_serdata_unref (h->rest[i].d);
  free (h->ring.data);
}

struct ring *bridge_ring (struct bridge *b) { return &b->h.ring; }

static struct queue *queue_of (struct reader *r) { return r->commands ? &r->b->h.commands : &r->b->h.telemetry; }

static void push (struct reader *r)
{
  struct queue *q = queue_of (r);
  if (r->queued)
    return;
  r->next = NULL;
  r->queued = 1;
  if (q->tail)
    q->tail->next = r;
  else
    q->head = r;
  q->tail = r;
}

static struct reader *pop (struct queue *q)
{
  struct reader *r = q->head;
  if (r == NULL)
    return NULL;
  q->head = r->next;
  if (q->head == NULL)
    q->tail = NULL;
  r->queued = 0;
  return r;
}

void unqueue (struct reader *r)
{
  if (!r->queued)
    return;
  struct queue *q = queue_of (r), rest = *q;
  *q = (struct queue) { NULL, NULL };
  for (struct reader *x; (x = pop (&rest)) != NULL;)
    if (x != r)
      push (x);
}

/* arm sees to it that the consumer is woken: at the end of the pause that began
   with its last wake, or now. The lock is held. */
static void arm (struct handoff *h, int urgent)
{
  if (LOAD (h->ring.armed) && (h->urgent || !urgent))
    return;
  int64_t now = now_ns (), at = h->wake + PAUSE_NS;
  if (urgent || at < now)
    at = now;
  h->wake = at;
  h->urgent = urgent;
  STORE (h->ring.armed, 1);
  struct itimerspec t = { .it_value = { .tv_sec = at / 1000000000, .tv_nsec = at % 1000000000 } };
  timerfd_settime (h->timer, TFD_TIMER_ABSTIME, &t, NULL);
}

void bridge_wake_take (struct bridge *b)
{
  pthread_mutex_lock (&b->mu);
  arm (&b->h, 1);
  pthread_mutex_unlock (&b->mu);
}

static int64_t room_for (const struct ddsi_serdata *d)
{
  return (int64_t) sizeof (struct sample_head) + (((int64_t) ((const struct blob *) d)->size + 7) & ~7LL);
}

/* pack writes one sample and frees it. */
static void pack (unsigned char *to, uint64_t id, struct ddsi_serdata *d, const dds_sample_info_t *si)
{
  const struct blob *s = (const struct blob *) d;
  struct sample_head h = { .id = id, .source = si->source_timestamp, .writer = si->publication_handle, .size = s->size };
  memcpy (to, &h, sizeof (h));
  memcpy (to + sizeof (h), s->data, s->size);
  ddsi_serdata_unref (d);
}

/* put appends a sample to the ring, or sets it beside; the lock is held. */
static void put (struct handoff *h, uint64_t id, struct ddsi_serdata *d, const dds_sample_info_t *si)
{
  if (!si->valid_data) {
    ddsi_serdata_unref (d);
    return;
  }
  struct ring *g = &h->ring;
  uint64_t want = (uint64_t) room_for (d), tail = g->tail, at = tail % RING_SIZE;
  uint64_t skip = at + want > RING_SIZE ? RING_SIZE - at : 0;
  if (h->beside_n > 0 || want > RING_LARGEST || tail + skip + want - LOAD (g->head) > RING_SIZE) {
    h->beside[h->beside_n++] = (struct held) { d, *si, id };
    STORE (g->slow, 1);
    return;
  }
  if (skip > 0) {
    memset (g->data + at, 0, sizeof (uint64_t));
    at = 0;
  }
  pack (g->data + at, id, d, si);
  STORE (g->tail, tail + skip + want);
}

/* may_take says whether a listener may take for the ring. It may not where the
   reader has older samples that go the other way, or where what it takes could
   find no room even beside the ring. */
static int may_take (const struct handoff *h, const struct reader *r)
{
  return !r->queued && !r->taking && h->beside_n == 0 && !h->waiting && (h->direct + 1) * DIRECT_MAX <= BESIDE_MAX;
}

/* on_data runs on a Cyclone thread: it must be short and never wait. */
void on_data (dds_entity_t e, void *arg)
{
  struct reader *r = arg;
  struct bridge *b = r->b;
  struct handoff *h = &b->h;
  struct ddsi_serdata *d[DIRECT_MAX];
  dds_sample_info_t si[DIRECT_MAX];
  pthread_mutex_lock (&b->mu);
  if (!r->closing && may_take (h, r)) {
    r->taking = 1;
    h->direct++;
    pthread_mutex_unlock (&b->mu);
    int n = dds_takecdr (e, d, DIRECT_MAX, si, DDS_ANY_STATE);
    pthread_mutex_lock (&b->mu);
    h->direct--;
    r->taking = 0;
    for (int i = 0; i < n; i++)
      put (h, r->id, d[i], &si[i]);
    if (r->closing)
      pthread_cond_broadcast (&b->idle);
    else if (n == DIRECT_MAX)
      push (r);
  } else if (!r->closing) {
    push (r);
  }
  if (r->queued)
    STORE (h->ring.slow, 1);
  /* A backlog is not paused for. */
  arm (h, r->commands || h->ring.tail - LOAD (h->ring.head) > RING_SIZE / 2);
  pthread_mutex_unlock (&b->mu);
}

void ready (struct reader *r)
{
  push (r);
  STORE (r->b->h.ring.slow, 1);
  arm (&r->b->h, r->commands);
}

/* unload packs what is held. It returns 0 when buf is full. */
static int unload (struct handoff *h, unsigned char *buf, int64_t cap, int64_t *used)
{
  for (; h->rest_i < h->rest_n; h->rest_i++) {
    struct held *x = &h->rest[h->rest_i];
    int64_t want = x->si.valid_data ? room_for (x->d) : 0;
    if (*used + want > cap)
      return 0;
    if (x->si.valid_data)
      pack (buf + *used, x->id, x->d, &x->si);
    else
      ddsi_serdata_unref (x->d);
    *used += want;
  }
  h->rest_i = h->rest_n = 0;
  return 1;
}

/* take_from takes one turn of a reader; the lock is held on entry and on return.
   It returns 0 when buf is full. */
static int take_from (struct bridge *b, struct reader *r, unsigned char *buf, int64_t cap, int64_t *used)
{
  struct handoff *h = &b->h;
  struct ddsi_serdata *d[TAKE_MAX];
  dds_sample_info_t si[TAKE_MAX];
  if (r->taking) { /* by its listener, which is in the middle of it */
    push (r);
    return 1;
  }
  r->taking = 1;
  pthread_mutex_unlock (&b->mu);
  int n = dds_takecdr (r->reader, d, TAKE_MAX, si, DDS_ANY_STATE);
  for (int i = 0; i < n; i++)
    h->rest[i] = (struct held) { d[i], si[i], r->id };
  h->rest_n = n > 0 ? n : 0;
  int fits = unload (h, buf, cap, used);
  pthread_mutex_lock (&b->mu);
  r->taking = 0;
  if (r->closing)
    pthread_cond_broadcast (&b->idle);
  else if (n == TAKE_MAX)
    push (r);
  return fits;
}

/* drain takes one turn of each reader that is ready now; those with more queue up
   again. The lock is held. It returns 0 when buf is full. */
static int drain (struct bridge *b, struct queue *q, unsigned char *buf, int64_t cap, int64_t *used)
{
  struct reader *last = q->tail;
  for (struct reader *r; (r = pop (q)) != NULL;) {
    int end = r == last;
    if (!take_from (b, r, buf, cap, used))
      return 0;
    if (end)
      break;
  }
  return 1;
}

int64_t bridge_take (struct bridge *b, unsigned char *buf, int64_t cap, uint64_t *tail)
{
  struct handoff *h = &b->h;
  int64_t used = 0;
  pthread_mutex_lock (&b->mu);
  *tail = h->ring.tail;
  STORE (h->ring.slow, 0);
  int fits = unload (h, buf, cap, &used);
  if (fits && h->beside_n > 0) {
    memcpy (h->rest, h->beside, (size_t) h->beside_n * sizeof (h->rest[0]));
    h->rest_n = h->beside_n;
    h->beside_n = 0;
    fits = unload (h, buf, cap, &used);
  }
  fits = fits && drain (b, &h->commands, buf, cap, &used) && drain (b, &h->telemetry, buf, cap, &used);
  h->waiting = !fits;
  if (!fits || h->beside_n > 0 || h->commands.head || h->telemetry.head) {
    STORE (h->ring.slow, 1);
    arm (h, 1);
  }
  pthread_mutex_unlock (&b->mu);
  return used == 0 && !fits ? -(room_for (h->rest[h->rest_i].d) + 8) : used;
}
