#include "bridge_internal.h"

#include <stdlib.h>
#include <string.h>

/* wait_until waits on c until the monotonic time at; it returns 0 when that has
   come. */
static int wait_until (pthread_cond_t *c, pthread_mutex_t *mu, int64_t at)
{
  struct timespec t = { .tv_sec = at / 1000000000, .tv_nsec = at % 1000000000 };
  return pthread_cond_timedwait (c, mu, &t) == 0;
}

static void on_incompatible (dds_entity_t e, const dds_requested_incompatible_qos_status_t status, void *arg)
{
  (void) e;
  struct reader *r = arg;
  struct bridge *b = r->b;
  pthread_mutex_lock (&b->mu);
  if (b->incompatible_n < INCOMPATIBLE_MAX && !r->closing) {
    b->incompatible[b->incompatible_n].id = r->id;
    b->incompatible[b->incompatible_n].policy = status.last_policy_id;
    b->incompatible_n++;
    pthread_cond_signal (&b->facts);
  }
  pthread_mutex_unlock (&b->mu);
}

static void on_builtin (dds_entity_t e, void *arg)
{
  (void) e;
  struct bridge *b = arg;
  pthread_mutex_lock (&b->mu);
  b->builtin_ready = 1;
  pthread_cond_signal (&b->facts);
  pthread_mutex_unlock (&b->mu);
}

static void init_cond (pthread_cond_t *c)
{
  pthread_condattr_t a;
  pthread_condattr_init (&a);
  pthread_condattr_setclock (&a, CLOCK_MONOTONIC);
  pthread_cond_init (c, &a);
  pthread_condattr_destroy (&a);
}

struct bridge *bridge_new (dds_entity_t participant, int timer)
{
  static const dds_entity_t topics[3] = {
    DDS_BUILTIN_TOPIC_DCPSPARTICIPANT, DDS_BUILTIN_TOPIC_DCPSPUBLICATION, DDS_BUILTIN_TOPIC_DCPSSUBSCRIPTION };
  struct bridge *b = calloc (1, sizeof (*b));
  if (b == NULL)
    return NULL;
  b->participant = participant;
  if (!handoff_init (&b->h, timer)) {
    free (b);
    return NULL;
  }
  b->builtin_ready = 1;
  pthread_mutex_init (&b->mu, NULL);
  init_cond (&b->idle);
  init_cond (&b->facts);
  dds_listener_t *l = dds_create_listener (NULL);
  dds_lset_data_available_arg (l, on_builtin, b, true);
  for (int i = 0; i < 3; i++) {
    b->builtin[i] = dds_create_reader (participant, topics[i], NULL, l);
    if (b->builtin[i] < 0) {
      dds_delete_listener (l);
      handoff_fini (&b->h);
      free (b);
      return NULL;
    }
  }
  dds_delete_listener (l);
  return b;
}

void bridge_close (struct bridge *b)
{
  pthread_mutex_lock (&b->mu);
  b->closed = 1;
  pthread_cond_broadcast (&b->facts);
  pthread_mutex_unlock (&b->mu);
  bridge_wake_take (b);
}

void bridge_free (struct bridge *b)
{
  for (int i = 0; i < 3; i++)
    dds_delete (b->builtin[i]); /* waits for its listener */
  pthread_mutex_destroy (&b->mu);
  pthread_cond_destroy (&b->idle);
  pthread_cond_destroy (&b->facts);
  handoff_fini (&b->h);
  free (b);
}

static dds_duration_t duration (int64_t ns) { return ns > 0 ? ns : DDS_INFINITY; }

static dds_qos_t *make_qos (const struct qos *q, const char *user_data, int ignore_local)
{
  dds_qos_t *d = dds_create_qos ();
  dds_qset_reliability (d, q->reliable ? DDS_RELIABILITY_RELIABLE : DDS_RELIABILITY_BEST_EFFORT, DDS_MSECS (100));
  dds_qset_durability (d, q->transient_local ? DDS_DURABILITY_TRANSIENT_LOCAL : DDS_DURABILITY_VOLATILE);
  int32_t depth = q->depth > 0 ? q->depth : 1;
  if (q->keep_all) {
    dds_qset_history (d, DDS_HISTORY_KEEP_ALL, 0);
    dds_qset_resource_limits (d, 16384, DDS_LENGTH_UNLIMITED, DDS_LENGTH_UNLIMITED);
  } else {
    dds_qset_history (d, DDS_HISTORY_KEEP_LAST, depth);
  }
  if (q->transient_local) /* what a late joiner gets */
    dds_qset_durability_service (d, 0, q->keep_all ? DDS_HISTORY_KEEP_ALL : DDS_HISTORY_KEEP_LAST, depth,
                                 DDS_LENGTH_UNLIMITED, DDS_LENGTH_UNLIMITED, DDS_LENGTH_UNLIMITED);
  dds_qset_deadline (d, duration (q->deadline));
  dds_qset_lifespan (d, duration (q->lifespan));
  dds_qset_liveliness (d, q->manual_by_topic ? DDS_LIVELINESS_MANUAL_BY_TOPIC : DDS_LIVELINESS_AUTOMATIC, duration (q->lease));
  if (ignore_local)
    dds_qset_ignorelocal (d, DDS_IGNORELOCAL_PARTICIPANT);
  if (user_data[0] != 0)
    dds_qset_userdata (d, user_data, strlen (user_data));
  return d;
}

static dds_entity_t make_topic (dds_entity_t participant, const char *topic, const char *type, struct ddsi_sertype **st)
{
  *st = blob_sertype (type);
  if (*st == NULL)
    return DDS_RETCODE_OUT_OF_RESOURCES;
  dds_entity_t t = dds_create_topic_sertype (participant, topic, st, NULL, NULL, NULL);
  if (t < 0)
    ddsi_sertype_unref (*st);
  return t;
}

int32_t reader_open (struct bridge *b, uint64_t id, const char *topic, const char *type, const struct qos *q,
                     const char *user_data, int ignore_local, int commands, struct reader **out)
{
  struct ddsi_sertype *st;
  dds_entity_t t = make_topic (b->participant, topic, type, &st);
  if (t < 0)
    return t;
  struct reader *r = calloc (1, sizeof (*r));
  if (r == NULL) {
    dds_delete (t);
    return DDS_RETCODE_OUT_OF_RESOURCES;
  }
  r->b = b;
  r->id = id;
  r->topic = t;
  r->commands = commands;
  dds_listener_t *l = dds_create_listener (NULL);
  dds_lset_data_available_arg (l, on_data, r, true);
  dds_lset_requested_incompatible_qos_arg (l, on_incompatible, r, true);
  dds_qos_t *d = make_qos (q, user_data, ignore_local);
  dds_entity_t created = dds_create_reader (b->participant, t, d, l);
  dds_delete_qos (d);
  dds_delete_listener (l);
  if (created < 0) {
    dds_delete (t);
    free (r);
    return created;
  }
  /* What is latched may have come before: the consumer was woken and could not take
     from a reader that was still being made. It looks once more. */
  pthread_mutex_lock (&b->mu);
  r->reader = created;
  ready (r);
  pthread_mutex_unlock (&b->mu);
  *out = r;
  return 0;
}

void reader_close (struct reader *r)
{
  struct bridge *b = r->b;
  pthread_mutex_lock (&b->mu);
  r->closing = 1;
  unqueue (r);
  while (r->taking)
    pthread_cond_wait (&b->idle, &b->mu);
  pthread_mutex_unlock (&b->mu);
  dds_delete (r->reader); /* waits for its listener */
  dds_delete (r->topic);
  free (r);
}

int32_t writer_open (dds_entity_t participant, const char *topic, const char *type, const struct qos *q,
                     const char *user_data, int ignore_local, struct writer *out)
{
  out->topic = make_topic (participant, topic, type, &out->type);
  if (out->topic < 0)
    return out->topic;
  dds_qos_t *d = make_qos (q, user_data, ignore_local);
  out->writer = dds_create_writer (participant, out->topic, d, NULL);
  dds_delete_qos (d);
  if (out->writer < 0) {
    dds_delete (out->topic);
    return out->writer;
  }
  return 0;
}

void writer_close (struct writer *w)
{
  dds_delete (w->writer);
  dds_delete (w->topic);
}

int32_t writer_write (struct writer *w, const void *cdr, uint32_t size)
{
  ddsrt_iovec_t iov = { .iov_base = (void *) cdr, .iov_len = size };
  struct ddsi_serdata *d = ddsi_serdata_from_ser_iov (w->type, SDK_DATA, 1, &iov, size);
  if (d == NULL)
    return DDS_RETCODE_BAD_PARAMETER;
  d->timestamp.v = dds_time ();
  d->statusinfo = 0;
  return dds_forwardcdr (w->writer, d); /* takes the reference */
}

int32_t entity_guid (dds_entity_t e, unsigned char out[16])
{
  dds_guid_t g;
  int32_t rc = dds_get_guid (e, &g);
  if (rc == 0)
    memcpy (out, g.v, 16);
  return rc;
}

int32_t writer_matched (const struct writer *w)
{
  dds_publication_matched_status_t s;
  int32_t rc = dds_get_publication_matched_status (w->writer, &s);
  return rc < 0 ? rc : (int32_t) s.current_count;
}

int32_t reader_state (const struct reader *r, unsigned char guid[16])
{
  dds_subscription_matched_status_t s;
  int32_t rc = entity_guid (r->reader, guid);
  if (rc == 0)
    rc = dds_get_subscription_matched_status (r->reader, &s);
  return rc < 0 ? rc : (int32_t) s.current_count;
}

void bridge_wake_discover (struct bridge *b)
{
  pthread_mutex_lock (&b->mu);
  b->wake_discover = 1;
  pthread_cond_broadcast (&b->facts);
  pthread_mutex_unlock (&b->mu);
}

static void read_qos (const dds_qos_t *d, struct qos *q)
{
  dds_reliability_kind_t rel;
  dds_durability_kind_t dur;
  dds_history_kind_t hist;
  dds_liveliness_kind_t liv;
  dds_duration_t ns;
  if (d == NULL)
    return;
  if (dds_qget_reliability (d, &rel, &ns))
    q->reliable = rel == DDS_RELIABILITY_RELIABLE;
  if (dds_qget_durability (d, &dur))
    q->transient_local = dur != DDS_DURABILITY_VOLATILE;
  if (dds_qget_history (d, &hist, &q->depth))
    q->keep_all = hist == DDS_HISTORY_KEEP_ALL;
  if (dds_qget_deadline (d, &ns) && ns != DDS_INFINITY)
    q->deadline = ns;
  if (dds_qget_lifespan (d, &ns) && ns != DDS_INFINITY)
    q->lifespan = ns;
  if (dds_qget_liveliness (d, &liv, &ns)) {
    q->manual_by_topic = liv == DDS_LIVELINESS_MANUAL_BY_TOPIC;
    if (ns != DDS_INFINITY)
      q->lease = ns;
  }
}

static void fill_fact (struct fact *f, int kind, const void *sample, const dds_sample_info_t *si)
{
  memset (f, 0, sizeof (*f));
  f->kind = kind;
  f->gone = si->instance_state != DDS_IST_ALIVE || !si->valid_data;
  f->handle = si->instance_handle;
  const dds_qos_t *qos;
  if (kind == FACT_PARTICIPANT) {
    const dds_builtintopic_participant_t *p = sample;
    memcpy (f->guid, p->key.v, 16);
    memcpy (f->participant, p->key.v, 16);
    qos = p->qos;
    if (!f->gone && qos)
      dds_qget_prop (qos, "__Hostname", &f->host);
  } else {
    const dds_builtintopic_endpoint_t *p = sample;
    memcpy (f->guid, p->key.v, 16);
    memcpy (f->participant, p->participant_key.v, 16);
    qos = p->qos;
    if (!f->gone) {
      f->topic = p->topic_name;
      f->type = p->type_name;
      read_qos (qos, &f->qos);
    }
  }
  if (!f->gone && qos)
    dds_qget_userdata (qos, &f->user_data, &f->user_data_size);
}

/* take_builtin takes the next facts of the first reader that has some. */
static int take_builtin (struct bridge *b, struct fact *out)
{
  static const int kinds[3] = { FACT_PARTICIPANT, FACT_WRITER, FACT_READER };
  dds_sample_info_t si[FACTS_MAX];
  for (int i = 0; i < 3; i++) {
    memset (b->loan, 0, sizeof (b->loan));
    int n = dds_take (b->builtin[i], b->loan, si, FACTS_MAX, FACTS_MAX);
    if (n <= 0)
      continue;
    b->loan_of = b->builtin[i];
    b->loan_n = n;
    for (int j = 0; j < n; j++)
      fill_fact (&out[j], kinds[i], b->loan[j], &si[j]);
    return n;
  }
  return 0;
}

int32_t bridge_discover (struct bridge *b, struct fact out[FACTS_MAX], int64_t timeout_ns)
{
  int64_t until = now_ns () + timeout_ns;
  pthread_mutex_lock (&b->mu);
  while (!b->closed && !b->wake_discover && !b->builtin_ready && b->incompatible_n == 0)
    if (!wait_until (&b->facts, &b->mu, until))
      break;
  b->wake_discover = 0;
  int n = 0;
  for (; n < b->incompatible_n && n < FACTS_MAX; n++) {
    memset (&out[n], 0, sizeof (out[n]));
    out[n].kind = FACT_INCOMPATIBLE;
    out[n].handle = b->incompatible[n].id;
    out[n].policy = b->incompatible[n].policy;
  }
  b->incompatible_n -= n;
  memmove (b->incompatible, b->incompatible + n, (size_t) b->incompatible_n * sizeof (b->incompatible[0]));
  int ready = n == 0 && b->builtin_ready && !b->closed;
  if (ready)
    b->builtin_ready = 0; /* before the take: what comes meanwhile sets it again */
  pthread_mutex_unlock (&b->mu);
  if (ready && (n = take_builtin (b, out)) > 0) {
    pthread_mutex_lock (&b->mu);
    b->builtin_ready = 1; /* there may be more */
    pthread_mutex_unlock (&b->mu);
  }
  b->out = out;
  b->out_n = n;
  return n;
}

void bridge_facts_done (struct bridge *b)
{
  for (int i = 0; i < b->out_n; i++) {
    dds_free (b->out[i].user_data);
    dds_free (b->out[i].host);
  }
  if (b->loan_n > 0)
    dds_return_loan (b->loan_of, b->loan, b->loan_n);
  b->loan_n = b->out_n = 0;
  b->out = NULL;
}
