// Package relay is a registry inside the manager that engines pull through at the
// rate of their site. The Docker Engine limits how many layers it receives at one
// time and not how fast, so somebody else has to hand the bytes out slowly.
//
// internal/docker lends an image for the time of one pull: under a password that
// only its engine is told, the manifest of one digest and what it names can be
// read, and nothing written. The relay fetches with the manager's credentials,
// from the site's mirror first where there is one. Layers pass through a buffer of
// some KiB and are kept nowhere; the engine checks them against their digests. All
// pulls of a site share one token bucket.
//
// Relay.Run owns the server's goroutines and waits for them. The package must not
// serve anything that no loan names, nor show the registries' credentials to an
// engine or to the storage that a registry redirects to.
package relay
