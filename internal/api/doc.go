// Package api serves Muster over HTTP: the JSON API that openapi.yaml
// describes, the telemetry stream's WebSocket, map tiles and the web app.
//
// cmd makes one Server and runs it. Server.Run owns the listener's goroutines,
// the loop that brings rollouts and the system's state to the stream, and,
// through net/http, one goroutine per request and one more per WebSocket; it
// waits for them all. Handlers are thin: they read a request, call the core and
// return a value or an error; errors become statuses in error.go alone.
//
// The package decides nothing about robots or rollouts, and keeps no state but
// the open sockets and a bounded cache of map tiles.
package api
