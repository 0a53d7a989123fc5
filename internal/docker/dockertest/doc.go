// Package dockertest starts the real parts that tests need: Docker Engines
// with directories of their own, an image registry, images made without any
// base image, and a proxy in front of an engine that loses replies, hangs and
// answers with errors at a chosen call.
//
// Tests of this repository call it; the product never does. It needs root and
// a dockerd in PATH, or in the directory that MUSTER_TEST_ENGINE names, and says
// so when one is missing: it never skips. What an engine leaves behind (shims,
// control groups, mounts, files) goes with it, and the engines of a test that was
// killed go when the next one starts.
//
// A test of the whole manager needs four lines:
//
//	engine, images := dockertest.StartEngine(t), dockertest.StartRegistry(t)
//	dockertest.PushImage(t, images, "amr", "2.0", dockertest.Image{})
//	proxy := dockertest.StartProxy(t, engine.Socket()) // give the manager proxy.URL()
//	held := proxy.Hold(dockertest.AfterEngine, "POST", "/rename$")
//
// then start a rollout, wait for held.Reached and kill the manager: it crashed
// after the engine's rename and before it knew.
package dockertest
