// Package observe is what an operator of Muster itself looks at: logs, metrics
// and health probes. cmd makes one of each and passes them on. Health.Run owns
// one goroutine per check and waits for them; nothing here acts on what it sees.
package observe
