/* The bridge between Cyclone's threads and one Go consumer. Cyclone's receive
   threads put samples into a ring and set a timer, which wakes the consumer once
   for all that come in a while. */
#ifndef MUSTER_DDS_BRIDGE_H
#define MUSTER_DDS_BRIDGE_H

#include "blob.h"

struct bridge;
struct reader;

/* QoS as the Go side gives and gets it; durations in ns, 0 is infinite. */
struct qos {
  int32_t reliable, transient_local, keep_all, depth;
  int32_t manual_by_topic;
  int64_t deadline, lifespan, lease;
};

/* timer is a non-blocking timerfd on CLOCK_MONOTONIC that the consumer waits for
   and closes after bridge_free. */
struct bridge *bridge_new (dds_entity_t participant, int timer);
/* bridge_close makes every call return; the caller frees the bridge when none is
   inside any more. */
void bridge_close (struct bridge *b);
void bridge_free (struct bridge *b);

/* Both return a negative DDS error code, or 0 with *out set. */
int32_t reader_open (struct bridge *b, uint64_t id, const char *topic, const char *type, const struct qos *q,
                     const char *user_data, int ignore_local, int commands, struct reader **out);
void reader_close (struct reader *r);

struct writer { dds_entity_t topic, writer; struct ddsi_sertype *type; };
int32_t writer_open (dds_entity_t participant, const char *topic, const char *type, const struct qos *q,
                     const char *user_data, int ignore_local, struct writer *out);
void writer_close (struct writer *w);
int32_t writer_write (struct writer *w, const void *cdr, uint32_t size);
int32_t entity_guid (dds_entity_t e, unsigned char out[16]);
/* How many endpoints match; negative is a DDS error code. */
int32_t writer_matched (const struct writer *w);
int32_t reader_state (const struct reader *r, unsigned char guid[16]);

/* Before each sample stands this, and behind it the payload, padded to a multiple
   of 8. An id of 0 says that the ring goes on at its beginning. */
struct sample_head { uint64_t id; int64_t source; uint64_t writer; uint64_t size; };

/* The ring holds samples from Cyclone's threads to the one consumer, which reads
   it in place and without a call: to enter C costs Go more than a sample does. The
   positions only grow; RING_SIZE divides them. */
#define RING_SIZE (4 << 20)
struct ring {
  uint64_t tail; /* written by Cyclone's threads: up to here there are samples */
  uint64_t head; /* written by the consumer: up to here it needs them no more */
  uint32_t armed; /* the consumer is going to be woken; it sets 0 before it looks */
  uint32_t slow;  /* there is more than the ring holds: bridge_take gives it */
  unsigned char *data;
};
struct ring *bridge_ring (struct bridge *b);

/* bridge_take gives what did not go through the ring: it packs as many samples as
   fit into buf, all of them later than those in the ring up to *tail. It never
   waits. It returns the bytes used, or -n when the next sample alone wants n. */
int64_t bridge_take (struct bridge *b, unsigned char *buf, int64_t cap, uint64_t *tail);
/* The wakes make the waiting caller look at once. */
void bridge_wake_take (struct bridge *b);
void bridge_wake_discover (struct bridge *b);

/* A discovery fact. The texts belong to the bridge until bridge_facts_done. */
enum { FACT_PARTICIPANT, FACT_WRITER, FACT_READER, FACT_INCOMPATIBLE };
struct fact {
  int32_t kind, gone;
  unsigned char guid[16], participant[16];
  uint64_t handle; /* instance handle, or the reader's id for FACT_INCOMPATIBLE */
  uint32_t policy;
  const char *topic, *type;
  void *user_data; size_t user_data_size;
  char *host;
  struct qos qos;
};
#define FACTS_MAX 64

/* bridge_discover waits for facts and fills out; bridge_facts_done frees what
   they point to and must follow each call that returned more than 0. */
int32_t bridge_discover (struct bridge *b, struct fact out[FACTS_MAX], int64_t timeout_ns);
void bridge_facts_done (struct bridge *b);

/* cyclone_path is the file that Cyclone's library was loaded from. */
const char *cyclone_path (void);

/* log_install routes Cyclone's log into a ring; log_next copies the next line and
   returns its category, or 0; *dropped counts lines that found the ring full. */
void log_install (void);
uint32_t log_next (char *buf, size_t cap, uint64_t *dropped);

#endif
