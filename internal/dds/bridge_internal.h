/* What the files of the bridge share. */
#ifndef MUSTER_DDS_BRIDGE_INTERNAL_H
#define MUSTER_DDS_BRIDGE_INTERNAL_H

#include <pthread.h>

#include "bridge.h"

#define TAKE_MAX 32  /* samples per ready reader and turn: fairness */
#define BESIDE_MAX 64 /* at least TAKE_MAX */
#define INCOMPATIBLE_MAX 256

struct queue { struct reader *head, *tail; };

/* A sample that was taken and has no room yet. */
struct held { struct ddsi_serdata *d; dds_sample_info_t si; uint64_t id; };

/* How samples get to the consumer. All but the ring's words and rest is guarded
   by the bridge's mu. */
struct handoff {
  struct ring ring;
  int timer;
  int64_t wake; /* when the timer was or is to wake the consumer */
  int urgent;   /* the timer is set to now */
  int direct;   /* threads that take for the ring now */
  struct held beside[BESIDE_MAX]; /* taken for the ring, and did not fit */
  int beside_n;
  struct queue telemetry, commands; /* readers that are ready, with samples left in Cyclone */
  /* taken and not yet packed; owned by the consumer */
  struct held rest[BESIDE_MAX];
  int rest_n, rest_i;
  int waiting; /* there is a rest */
};

struct bridge {
  dds_entity_t participant;
  pthread_mutex_t mu;
  pthread_cond_t idle; /* a reader is no longer being taken from */
  pthread_cond_t facts;
  int closed, wake_discover;
  struct handoff h;

  /* discovery; the loans are owned by the discovering caller */
  dds_entity_t builtin[3];
  int builtin_ready;
  void *loan[FACTS_MAX];
  struct fact *out;
  int loan_n, out_n;
  dds_entity_t loan_of;
  struct { uint64_t id; uint32_t policy; } incompatible[INCOMPATIBLE_MAX];
  int incompatible_n;
};

struct reader {
  struct bridge *b;
  uint64_t id;
  dds_entity_t topic, reader;
  int commands;
  /* guarded by b->mu */
  int queued, taking, closing;
  struct reader *next;
};

int64_t now_ns (void);

int handoff_init (struct handoff *h, int timer);
void handoff_fini (struct handoff *h);
/* on_data is the readers' listener. */
void on_data (dds_entity_t e, void *arg);
/* ready queues a reader to be taken from by the consumer; the lock is held. */
void ready (struct reader *r);
/* unqueue takes a reader off its queue; the lock is held. */
void unqueue (struct reader *r);

#endif
