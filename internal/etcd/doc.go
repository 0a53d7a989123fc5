// Package etcd keeps what must outlive a manager: rollouts, the robots' last
// known state, the audit log; and it elects the one manager that acts. The etcd
// is embedded (Embed) or a cluster (Dial).
//
// Under one prefix lie, as versioned JSON (compressed where large):
//
//	rollouts/<id>/plan            written once
//	rollouts/<id>/status          changed under the runner's election key only
//	rollouts/<id>/robots/<robot>  a robot's part of the status
//	rollouts/<id>/wishes/<n>      what operators want of it, until it is taken in
//	rollouts/<id>/wish            the number of the last wish
//	robots/holds/<robot>          an operator's lock on a robot
//	index/rollouts                which rollouts there are
//	generation                    the last generation that was drawn
//	election/runner               the runner, while its lease lives
//	locks/robots/<id>             who works on a robot, under the same lease
//	checkpoint/<robot>            its last known state
//	audit/<time>-<n>              who did what
//
// A term owns one goroutine, which Resign waits for; Watch owns one, which ends
// with its context. Nothing here decides anything.
package etcd
