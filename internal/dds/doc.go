// Package dds joins a ROS 2 domain through Eclipse Cyclone DDS. It fulfils
// ros.Transport: raw CDR of any type in and out, and discovery as facts. It is
// the only cgo of the main module; cmd/muster makes one Participant for each
// domain.
//
// Cyclone's own threads never call into Go: they mark readers as ready in the C
// bridge (bridge.c), and the goroutines that call Take and Discover fetch from
// there, so that a pause of the garbage collector cannot stall reception. The
// package starts no goroutine.
//
// With Options.Security it joins a domain that DDS Security protects (security.go).
//
// It knows nothing of nodes, robots or messages: that is package ros.
package dds
