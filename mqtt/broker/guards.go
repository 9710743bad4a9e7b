package broker

// guards are the remedies against the library's traps, one switch each. All are
// on outside of tests, which turn one off to show what it is good for.
type guards struct {
	recover   bool // T1: a panic ends its connection, not the process
	qos0      bool // T2: subscribers are granted QoS 0
	stop      bool // T3, T24: the old client of an id is stopped before it is taken over
	lock      bool // T4: logins with one id come one after the other
	will      bool // T5: a will is subject to the write rule
	keepalive bool // T6: keepalive is clamped
	ack       bool // T7, T17: refused writes are acknowledged and dropped
	dollar    bool // T8: writes to '$' topics too
	deadline  bool // T9: CONNECT must come in time
	size      bool // T10: packets have a limit
	keep      bool // T11, T12: messages do not age
	split     bool // T13: writes have a deadline of their own
	replay    bool // T11, T14: retained messages are kept and replayed by us alone, complete
	expiry    bool // T16: sessions that do not return are forgotten
	alias     bool // T18: no topic aliases
	bind      bool // T19: a client id belongs to one user
	quiet     bool // T21: no statistics topics
	bounded   bool // T22: stopping has a limit
	fanout    bool // T2, T14, T15, T23, T25: messages go out by way of our own queues, which are bounded by bytes
}

func allGuards() guards {
	return guards{
		recover: true, qos0: true, stop: true, lock: true, will: true, keepalive: true, ack: true, dollar: true,
		deadline: true, size: true, keep: true, split: true, replay: true, expiry: true, alias: true, bind: true,
		quiet: true, bounded: true, fanout: true,
	}
}
