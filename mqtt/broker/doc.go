// Package broker owns the MQTT broker inside this process: its listeners, the
// guard around the library, logins through a Gate, retained messages, and the
// Bus that the other parts publish and subscribe on. It does not know printers
// or Home Assistant, and it does not decide who may do what.
//
// # Life
//
// New checks the options. Listen binds the addresses; retained values can then be
// published before any client is let in. Run accepts until its context ends, then
// sends out what is queued, says goodbye and returns within StopTimeout.
//
// # What a client gets
//
// MQTT 3.1, 3.1.1 and 5 over TCP, TLS and WebSocket. Publishes are taken at every
// quality of service; subscribers are granted QoS 0. A publish that is not allowed
// is acknowledged and dropped. Retained messages follow the SUBACK, complete and
// in order with what comes after. What waits for a client is bounded by bytes: one
// that does not read is cut off, and gets the retained values when it returns. Anonymous logins, shared subscriptions and
// system topics are refused. A login is answered 134 (5 in 3.1.1) only when the
// gate says that the credentials are wrong: some clients then give up for good.
//
// # The library and its traps
//
// Only this package imports mochi-mqtt/server. The library is fast and, as it
// comes, not safe. Each trap has a guard (guards.go) and a test, traps_test.go,
// that fails with the guard switched off.
//
//	T1  a v5 SUBSCRIBE without options panics            listen.go rescue
//	T2  a stalled QoS 1 subscriber stops everybody       fanout.go, outbox.go; hook.go OnSubscribe: QoS 0
//	T3  take-over waits for a stalled client             session.go takeOver; outbox.go
//	T4  two logins with one id orphan each other         idlock.go, held from login to enter
//	T5  a will ignores the write rule                    session.go login
//	T6  a keepalive above 43690 overflows                hook.go OnConnect
//	T7  a denied 3.1.1 publish disconnects               hook.go OnACLCheck, OnPublish
//	T8  '$' topics are not acknowledged                  hook.go OnPacketRead
//	T9  silent connections stay                          listen.go serve: read deadline; admit
//	T10 a header allocates 256 MB                        broker.go settings: packet size
//	T11 retained messages vanish after a day             retained.go; broker.go settings: no message expiry
//	T12 and when the clock jumps                         the same
//	T13 a stalled client that talks is never cut         conn.go pump, SetDeadline
//	T14 retained replay is incomplete                    replay.go from retained.go; the library holds none
//	T15 64 kB for each idle client                       broker.go settings: the library queues nothing
//	T16 sessions are kept for ever                       broker.go settings; hook.go OnPacketRead, OnClientExpired; session.go trimSessions
//	T17 other refusals of a publish go wrong             hook.go OnPublish answers CodeSuccessIgnore only
//	T18 rules do not see topic aliases                   broker.go settings; hook.go OnConnect
//	T19 a session is inherited by another user           session.go login
//	T20 the bundled rules are not reliable               not used; one hook answers
//	T21 statistics stop the world each second            broker.go settings: interval
//	T22 Close can hang                                   listen.go stop, close; no listeners of the library
//	T23 a large packet holds earlier ones back           outbox.go message
//	T24 the old connection of an id stays open           session.go end
//	T25 no hook selects subscribers                      broker.go Deliver: straight into the client's outbox
//
// Found beside them and put right: an empty will is refused (OnPacketRead), a will
// is delayed though its session ends at once (OnConnect), codes of version 5 in an
// older CONNACK (connack), DISCONNECT sent to older clients (OnPacketEncode), a
// publish that is sent again is answered with an error (OnPacketEncode), the
// subscriptions of an expired session stay (OnClientExpired), "a/#" does not replay
// "a" (replay.go), "a/+/#" does not match "a/b" (fanout.go), a filter costs a
// kilobyte and a message fifteen allocations for each subscriber (fanout.go), an answer
// waits for a message that is never written (broker.go settings), malformed filters are accepted (OnSubscribe), topic aliases towards clients break when a message is
// dropped (OnConnect), a client named "inline" takes our own place (newBroker).
package broker
