// Package wirepbconnect holds the client and the handler of AgentService, generated from internal/wire/proto.
//
// Nothing in it may be written by hand: change the schema and run "make generate". It must hold no rule.
package wirepbconnect
