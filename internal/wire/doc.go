// Package wire carries sightings from the agent of each node to the operator: the schema, the agent's queue and client,
// the operator's handler, and the certificates and tokens that both trust.
//
// It must not interpret what it carries. It checks that a sighting is well formed and hands it over; who the two parties
// are, and whether the sighting counts, is decided elsewhere.
package wire
