// Package node is a node with pods for tests: fresh kernel namespaces in which real packets flow and none leaves.
//
// It is for tests only, and needs Linux. It must not know what a test looks at.
package node
