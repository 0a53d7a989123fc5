// Package dockertest starts the real parts that tests need: Docker Engines
// with directories of their own, an image registry, images made without any
// base image, and a proxy in front of an engine that loses replies, hangs and
// answers with errors at a chosen call.
//
// Tests of this repository call it; the product never does. It needs root and
// a dockerd in PATH and says so when one is missing: it never skips. Every
// process it starts is ended by its own pid.
package dockertest
