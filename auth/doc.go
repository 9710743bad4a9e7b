// Package auth owns the answer to "who is asking and what may they do": scopes
// and the terms that expand to them, API keys, people and their sessions,
// tickets, MQTT users and their topic rules, rate limits and the audit. It
// knows no transport: HTTP and the broker ask it and render its refusals
// themselves; OAuth's protocol is auth/oauth.
//
// A credential is checked in memory: keys are kept as SHA-256 (they have 256
// random bits, so a slow hash buys nothing), passwords as argon2id. A valid key
// passes whatever others do from the same address; only failures are limited.
// Checking never writes; what was learnt about use is flushed once a minute.
//
// What an edge calls, in the order of a request:
//
//	TakeAddress(remote) Rate              routes that ask for no credential
//	Check(Credential) (Identity, error)   keys and access tokens; the error is a *Refusal
//	Redeem(ticket, remote) (Identity, error)  instead, for a stream opened by a browser
//	Session(cookie) (Identity, error)     instead, for the pages of a person
//	Identity.MayChange, Has, Require, MayPrinter, Manages(Key)
//	Identity.Rotated, Identity.Sunset     set when an old secret answered: Deprecation and Sunset
//	Take(Identity, Class) Rate            the limits; Rate.Headers has the five values
//	CloudFences(Identity, func(owner string) CloudState) error  the fences of the cloud routes, in their order
//
// Keys:
//
//	Asked{Scopes, Scope, Permissions, Flags}.Terms() → NewKey.Terms
//	CreateKey(NewKey) (secret.Text, Key, error)
//	EditKey(id, KeyEdit) (Key, error)
//	RotateKey(id, Rotation) (secret.Text, Key, error)
//	RevokeKey(id, by, reason) (Key, error)
//	Keys() []Key, Key(id) (Key, error)
//	Permissions(scopes), Flags(scopes)    what is held in the words of others
//	ErrNotGranted                         in the chain: the request is refused as such (400), not invalid (422)
//
// People and streams:
//
//	Ticket(Identity) (secret.Text, time.Time, error)
//	SignIn(ctx, SignIn) (secret.Text, Identity, error), StartSession(Identity), EndSession(cookie)
//	FirstAdmin() (secret.Text, error), SetAdmin(password), ResetAdmin() (secret.Text, error)
//	PutOwner, DeleteOwner, Owner          what the owner of keys may, and that it is gone
//
// Audit:
//
//	Audit().Record(AuditEntry)            what an edge wants noted
//	Audit().List(AuditFilter) ([]AuditEntry, next uint64)
package auth
