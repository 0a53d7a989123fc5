/* An opaque DDS type: samples of it are CDR as it came from the wire or goes to
   it, with the encapsulation header, never looked into. One type name, any ROS
   type. */
#ifndef MUSTER_DDS_BLOB_H
#define MUSTER_DDS_BLOB_H

#include <dds/dds.h>
#include <dds/ddsi/ddsi_serdata.h>
#include <dds/ddsi/ddsi_sertype.h>
#include <dds/version.h>

/* The internal headers used here are the same from 0.10.2 to 0.10.5 and differ
   before and after. */
#if DDS_VERSION_MAJOR != 0 || DDS_VERSION_MINOR != 10
#error "internal/dds is written for Eclipse Cyclone DDS 0.10 (Debian: cyclonedds-dev)"
#endif
#ifndef DDS_NDEBUG
#error "compile with -DDDS_NDEBUG (pkg-config CycloneDDS), else struct nn_rdata has another layout"
#endif

/* A sample: size counts the header and is a multiple of 4. */
struct blob {
  struct ddsi_serdata c;
  uint32_t size;
  unsigned char data[];
};

/* Samples beyond this are refused as they arrive. */
#define BLOB_MAX (64u << 20)

/* blob_sertype makes a type with one reference, owned by the caller. */
struct ddsi_sertype *blob_sertype (const char *type_name);

/* blob_refused counts the samples that were too large or too short. */
uint64_t blob_refused (void);

#endif
