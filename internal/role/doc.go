// Package role is the whole line of each role on one page: agent.go and operator.go name every stage in order, build them
// all, and then run them.
//
// It must not decide anything itself. A rule belongs to a pure room, and a protocol to the room that speaks it.
package role
