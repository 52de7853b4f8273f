// Package api speaks HTTP: it parses requests, asks who is asking and whether
// they may, calls the room that knows, and renders the answer.
//
// It owns all of Fiber, the contract in openapi.yaml (from which its types and
// routing are generated) and the one table from kinds of error to HTTP status.
// It owns no decision about usage, money or tenants.
//
// Every route is listed in routes.go with the permission it needs. A route of
// the contract without one keeps the server from starting. Strings of a request
// are copied before they are kept, since Fiber reuses its buffers.
package api

//go:generate go tool -modfile=../tools/go.mod oapi-codegen --config oapi.yaml openapi.yaml
