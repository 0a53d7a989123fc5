// Package rcl joins a ROS 2 domain through rcl, with whatever RMW the site runs.
// It fulfils ros.Transport with github.com/tiiuae/rclgo and works around what that
// library lacks (see the README beside it): samples are taken and written raw,
// readers are spread over wait sets that are made anew on change, and the graph
// is polled. Its other files are built with the tag rclgo, where ROS 2 is.
//
// The command muster-rclgo calls it. A Transport owns a goroutine and an OS thread
// for each group of its readers, and waits for them in Close. It must not use
// rclgo's typed Publish, Serialize and Deserialize, which leak memory.
package rcl
