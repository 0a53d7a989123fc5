// Package stream brings the fleet to many viewers at once, see PROTOCOL.md.
//
// A viewer's Session is a cursor, not a queue. At each tick the Hub folds what
// changed in the registry into a table, encodes each frame once, and offers it
// to all sessions whose socket is idle; one that fell behind gets a merged
// frame of all that changed since its cursor. A stalled viewer costs a cursor
// and one batch of frames in flight. Every drop is counted with its reason.
//
// The package knows no socket and no clock: the api package reads and writes
// the sockets (Session.Receive, Session.Next), the caller gives the ticks.
// Hub.Run is the only goroutine and it is the caller's.
package stream
