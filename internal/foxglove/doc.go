// Package foxglove serves one robot's topics, and those of its domain that a 3D view
// needs (transforms, the map), in the Foxglove WebSocket protocol,
// so that Foxglove and Lichtblick show it in 3D, plots and images
// (https://github.com/foxglove/ws-protocol, version 1).
//
// The API hands it upgraded requests through Server.ServeRobot, after it has
// checked who asks and from where. A session owns three goroutines (one writes,
// one follows the robot's topics, one for each subscription reads it) and waits
// for them. DDS is subscribed to only while a client wants a channel. It is
// read-only: nothing that a client sends reaches the robot.
package foxglove
