// Package decode undoes the encodings of payloads that people cannot read: gzip,
// CBOR (RFC 8949) and Sparkplug B, in one another too.
//
//	payload ─ gzip? ─ Sparkplug B? ─ image? ─ text? ─ CBOR? ─► Result
//	          magic   by the topic   magic    UTF-8   well-formed
//
// CBOR and Sparkplug B become JSON with all digits, in the order of the payload;
// what JSON does not have becomes a text: bytes in hex, NaN by its name. An image
// is only named and measured. Whatever a payload holds, the work and the result
// are bounded.
//
// How JSON is shown is stream/jsonview's; filters see payloads as they came.
package decode
