// Package auth owns the answer to "who is asking and what may they do": scopes
// and the terms that expand to them, API keys, MQTT users and their topic
// rules, and the limiter of failed attempts. It knows no transport: HTTP and
// the broker ask it and render its refusals themselves.
//
// A credential is checked in memory: keys are kept as SHA-256 (they have 256
// random bits, so a slow hash buys nothing), passwords as argon2id. A valid key
// passes whatever others do from the same address; only failures are limited.
// Checking never writes; what was learnt about use is flushed once a minute.
package auth
