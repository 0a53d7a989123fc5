// Package rollout decides how a new image reaches the robots, and runs it.
//
// NewPlan and Next are pure: they take values and the time and return values,
// so every decision can be repeated, explained and tested without a robot.
// Runner is the one loop with effects; it owns the goroutines that carry out
// actions and waits for them. What it needs of the world stands in seam.go.
//
// The package never imports an adapter and never reads a clock outside
// runner.go.
package rollout
