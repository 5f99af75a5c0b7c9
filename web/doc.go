// Package web is the stream in a browser: the receiver's API, the events, and
// the page that reads both. It shows one history.Store, whichever it is, and
// speaks MQTT only through the Client that it is given.
//
// The page lies in static/ as it is served: ES modules and style sheets,
// embedded, without a build step.
package web
