// Package querypb holds the messages of MapService, generated from internal/query/proto.
//
// Nothing in it may be written by hand: change the schema and run "make generate". It must hold no rule.
package querypb
