// Package ros knows ROS 2 without speaking it: names, QoS, the node graph as a
// fold over discovery facts, and the decoding of samples into fleet
// observations. What it needs of a ROS 2 domain is the small Transport
// interface; internal/dds and cmd/muster-rclgo fulfil it.
//
// Everything but Follower is pure and starts no goroutine. Follower.Run owns
// three (one takes samples, one takes discovery facts, one keeps the rhythm) and
// waits for them.
package ros
