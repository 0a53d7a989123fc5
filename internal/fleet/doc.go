// Package fleet is Muster's domain: robots, the containers and devices on
// their engines, and the one registry that knows how they are now.
//
// The adapters describe what they saw as an Observation; Registry.Apply folds
// it in and gives each changed robot the next version. The stream, the rollout
// runner and the API read snapshots. The package imports the standard library
// only, starts no goroutine and never asks for the time: callers pass it in.
//
// Units are SI throughout (metres, radians, seconds, volts), times are UTC.
package fleet
