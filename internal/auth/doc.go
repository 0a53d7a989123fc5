// Package auth says who makes a request: the holder of a token from a file, of a
// short-lived ticket, or nobody in particular. The API asks it for every request
// and decides by the role. Auth.Run owns one goroutine, which follows the file.
package auth
