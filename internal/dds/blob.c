#include "blob.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dds/ddsi/q_radmin.h>

static atomic_uint_fast64_t refused;

uint64_t blob_refused (void) { return atomic_load (&refused); }

static struct blob *blob_new (const struct ddsi_sertype *type, enum ddsi_serdata_kind kind, size_t size)
{
  if (size < 4 || size > BLOB_MAX) {
    atomic_fetch_add (&refused, 1);
    return NULL;
  }
  uint32_t padded = ((uint32_t) size + 3u) & ~3u;
  struct blob *b = malloc (sizeof (*b) + padded);
  if (b == NULL)
    return NULL;
  ddsi_serdata_init (&b->c, type, kind);
  b->c.hash = type->serdata_basehash; /* one instance: there is no key */
  b->size = padded;
  memset (b->data + padded - 4, 0, 4);
  return b;
}

static struct ddsi_serdata *from_ser (const struct ddsi_sertype *type, enum ddsi_serdata_kind kind, const struct nn_rdata *frag, size_t size)
{
  struct blob *b = blob_new (type, kind, size);
  if (b == NULL)
    return NULL; /* Cyclone drops the sample and goes on */
  uint32_t off = 0;
  for (; frag != NULL; frag = frag->nextfrag) {
    if (frag->maxp1 <= off)
      continue; /* a fragment that came twice */
    const unsigned char *payload = NN_RMSG_PAYLOADOFF (frag->rmsg, NN_RDATA_PAYLOAD_OFF (frag));
    uint32_t end = frag->maxp1 < size ? frag->maxp1 : (uint32_t) size;
    memcpy (b->data + off, payload + off - frag->min, end - off);
    off = end;
  }
  return &b->c;
}

static struct ddsi_serdata *from_ser_iov (const struct ddsi_sertype *type, enum ddsi_serdata_kind kind, ddsrt_msg_iovlen_t niov, const ddsrt_iovec_t *iov, size_t size)
{
  struct blob *b = blob_new (type, kind, size);
  if (b == NULL)
    return NULL;
  size_t off = 0;
  for (ddsrt_msg_iovlen_t i = 0; i < niov && off < size; i++) {
    size_t n = iov[i].iov_len < size - off ? iov[i].iov_len : size - off;
    memcpy (b->data + off, iov[i].iov_base, n);
    off += n;
  }
  return &b->c;
}

static struct ddsi_serdata *from_keyhash (const struct ddsi_sertype *type, const struct ddsi_keyhash *keyhash)
{
  (void) keyhash;
  struct blob *b = blob_new (type, SDK_KEY, 4);
  return b ? &b->c : NULL;
}

static struct ddsi_serdata *from_sample (const struct ddsi_sertype *type, enum ddsi_serdata_kind kind, const void *sample)
{
  (void) type; (void) kind; (void) sample;
  return NULL; /* samples are only ever written as CDR */
}

static struct ddsi_serdata *to_untyped (const struct ddsi_serdata *d)
{
  struct blob *b = blob_new (d->type, SDK_KEY, 4);
  if (b == NULL)
    return NULL;
  b->c.type = NULL;
  return &b->c;
}

static uint32_t get_size (const struct ddsi_serdata *d) { return ((const struct blob *) d)->size; }

static bool eqkey (const struct ddsi_serdata *a, const struct ddsi_serdata *b)
{
  (void) a; (void) b;
  return true;
}

static void to_ser (const struct ddsi_serdata *d, size_t off, size_t size, void *buf)
{
  memcpy (buf, ((const struct blob *) d)->data + off, size);
}

static struct ddsi_serdata *to_ser_ref (const struct ddsi_serdata *d, size_t off, size_t size, ddsrt_iovec_t *ref)
{
  ref->iov_base = (void *) (((const struct blob *) d)->data + off);
  ref->iov_len = (ddsrt_iov_len_t) size;
  return ddsi_serdata_ref (d);
}

static void to_ser_unref (struct ddsi_serdata *d, const ddsrt_iovec_t *ref)
{
  (void) ref;
  ddsi_serdata_unref (d);
}

static bool to_sample (const struct ddsi_serdata *d, void *sample, void **bufptr, void *buflim)
{
  (void) d; (void) sample; (void) bufptr; (void) buflim;
  return false; /* samples are only ever taken as CDR */
}

static bool untyped_to_sample (const struct ddsi_sertype *type, const struct ddsi_serdata *d, void *sample, void **bufptr, void *buflim)
{
  (void) type; (void) d; (void) sample; (void) bufptr; (void) buflim;
  return true; /* there is no key to fill in */
}

static void blob_free (struct ddsi_serdata *d) { free (d); }

static size_t print (const struct ddsi_sertype *type, const struct ddsi_serdata *d, char *buf, size_t size)
{
  return (size_t) snprintf (buf, size, "%s, %u bytes", type ? type->type_name : "", get_size (d));
}

static void get_keyhash (const struct ddsi_serdata *d, struct ddsi_keyhash *buf, bool force_md5)
{
  (void) d; (void) force_md5;
  memset (buf, 0, sizeof (*buf));
}

static const struct ddsi_serdata_ops serdata_ops = {
  .eqkey = eqkey,
  .get_size = get_size,
  .from_ser = from_ser,
  .from_ser_iov = from_ser_iov,
  .from_keyhash = from_keyhash,
  .from_sample = from_sample,
  .to_ser = to_ser,
  .to_ser_ref = to_ser_ref,
  .to_ser_unref = to_ser_unref,
  .to_sample = to_sample,
  .to_untyped = to_untyped,
  .untyped_to_sample = untyped_to_sample,
  .free = blob_free,
  .print = print,
  .get_keyhash = get_keyhash,
};

static void sertype_free (struct ddsi_sertype *tp)
{
  ddsi_sertype_fini (tp);
  free (tp);
}

static void zero_samples (const struct ddsi_sertype *tp, void *samples, size_t count)
{
  (void) tp; (void) samples; (void) count;
}

static void realloc_samples (void **ptrs, const struct ddsi_sertype *tp, void *old, size_t oldcount, size_t count)
{
  (void) tp; (void) old; (void) oldcount;
  for (size_t i = 0; i < count; i++)
    ptrs[i] = NULL;
}

static void free_samples (const struct ddsi_sertype *tp, void **ptrs, size_t count, dds_free_op_t op)
{
  (void) tp; (void) ptrs; (void) count; (void) op;
}

static bool sertype_equal (const struct ddsi_sertype *a, const struct ddsi_sertype *b)
{
  (void) a; (void) b;
  return true; /* the name, compared before, is all there is */
}

static uint32_t sertype_hash (const struct ddsi_sertype *tp)
{
  (void) tp;
  return 0;
}

static const struct ddsi_sertype_ops sertype_ops = {
  .version = ddsi_sertype_v0,
  .free = sertype_free,
  .zero_samples = zero_samples,
  .realloc_samples = realloc_samples,
  .free_samples = free_samples,
  .equal = sertype_equal,
  .hash = sertype_hash,
};

struct ddsi_sertype *blob_sertype (const char *type_name)
{
  struct ddsi_sertype *tp = calloc (1, sizeof (*tp));
  if (tp == NULL)
    return NULL;
  ddsi_sertype_init_flags (tp, type_name, &sertype_ops, &serdata_ops, DDSI_SERTYPE_FLAG_TOPICKIND_NO_KEY);
  tp->allowed_data_representation = DDS_DATA_REPRESENTATION_FLAG_XCDR1;
  return tp;
}
