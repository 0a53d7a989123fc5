// Package docker is the adapter to the robots' Docker Engines. It follows the
// containers and devices on each engine and reports them to the fleet, and it
// carries out the rollout's verbs: pull, replace, roll back, commit, discard.
//
// It speaks the Engine API through github.com/moby/moby/client, the successor
// under a new name of github.com/docker/docker/client: the maintainers
// deprecated the old module with Engine 29, and what is found in it is fixed in
// the new one only. The API version is negotiated per engine, 1.40 and newer.
//
// cmd/muster makes one Engines and runs it; the rollout runner calls it as
// rollout.Engine, and Resolver as rollout.Resolver. Engines.Run owns one
// goroutine per engine and, below each, one that reads the engine's event
// stream; it waits for all. The verbs run in their caller's goroutine and own
// none. An engine that hangs or is gone never delays another.
//
// # What is reported
//
// One fleet.EngineObserved per change: the engine's state, and all containers
// that say whose they are, by the labels muster.robot, muster.namespace and
// muster.domain or else by ROBOT_ID, ROBOT_NAMESPACE and ROS_DOMAIN_ID in their
// environment. The registry makes robots of them; the inventory is the
// operator's word, so nothing here writes to it. The event stream is opened
// first, then all is listed; an event only says which container to inspect
// again, and a list every five seconds makes good for what was missed. An engine
// that does not answer is tried again after 0.2 s and up to 10 s.
//
// # How a container is replaced
//
// Names are the state, and the engine keeps them unique. For container amr and
// generation 7 of a rollout:
//
//	amr                       the container in place: what is started, always by this name
//	amr.muster-g7             the successor, created and not yet in place
//	amr.muster-previous-g7.always
//	                          the old container, kept until Commit; its restart
//	                          policy is "always"
//	amr.muster-undone-g7      the successor after a rollback; Replace of g7 refuses from now on
//
// Replace creates the successor completely (networks too) while the old one
// runs, asks once more whether the robot may be touched, renames that one away,
// sets its restart policy to "no", so that a reboot in between cannot start both,
// stops it, makes sure that it is stopped, gives
// its name to the successor and starts that name. Labels of the successor
// remember what Rollback needs, the wanted restart policy and whether the old
// container ran, and the old one's name repeats it. Each verb looks first and
// does what is missing, so it may be called again after a crash at any line and
// after any lost reply.
//
// A container is stopped and started by its name alone. So a request that an
// actor gave up, and that reaches the engine when another has gone on, finds
// nothing: the container that was rolled back has another name by then. And an
// engine goes on stopping when nobody waits for it any more: Rollback stops the
// old container before it is started, if it still runs.
//
// A container that was stopped when its turn came is replaced all the same and
// the successor is started: the rollout's gates judge it. Rollback leaves the
// old one as it was found, stopped.
//
// # What the new container takes over
//
// What the user set, and nothing that came from the old image: see successor.go.
//
// The package must not let the values of a container's environment out: only
// the robot's id, namespace and domain are read from it.
package docker
