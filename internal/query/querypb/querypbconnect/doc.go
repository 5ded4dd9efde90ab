// Package querypbconnect holds the client and the handler of MapService, generated from internal/query/proto.
//
// Nothing in it may be written by hand: change the schema and run "make generate". It must hold no rule.
package querypbconnect
