// Package web is the receiver's HTTP server: the API, the event stream, and the
// page that reads both.
//
//	request ─ secured ─ origin.Policy ─ routes ─┬─ messagesHandler, sendersHandler, … ─ history.Store
//	          headers   Host, site               ├─ eventsHandler ─ history.Follower
//	                                             ├─ publishHandler, commandHandler ─ Client (MQTT)
//	                                             └─ files: static/ and what is generated from Go
//
// A handler is a type for each resource, made in routes of what it needs; an
// error that it returns becomes a problem document (RFC 9457). The package
// shows any history.Store and reaches the broker only through a Client.
// openapi.json describes the API, and a test holds it against the handlers.
//
// The page lies in static/ as it is served: ES modules and style sheets,
// embedded, without a build step.
//
// Elsewhere: web/origin decides which requests a browser may make, web/timeline
// counts messages over time, history/remote is the client of this API and has
// the types of its requests and errors.
package web
