// Package acceptance holds the tests that start, use, break, repair and remove real clusters on this host. They have the build tag
// "cluster", need root, and run the programs that `make localcluster` builds: see `make localcluster-test`.
//
// Nothing may import it.
package acceptance
