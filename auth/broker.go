package auth

import (
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"github.com/printwire/printwire/secret"
)

// MQTTGrant is what a client of the broker may do. It is made at login and
// does not change; when rights are taken away, Options.Revoked names it.
type MQTTGrant struct {
	// Name is the user's name, or the id of the key.
	Name string
	// Read is asked with a filter at subscribe, with a topic at delivery;
	// Write with the topic of a publish or a will. Neither allocates.
	Read, Write func(topic string) bool
}

// MQTT answers a login at the broker: an API key as password with any user
// name, or a user's name and password. The error is a Refusal, or fault.Offline
// when too many hashes are asked for at once. client is not judged here: the
// broker binds client ids to the names of grants.
func (a *Auth) MQTT(user string, password secret.Text, client, remote string) (MQTTGrant, error) {
	if strings.HasPrefix(password.Reveal(), keyMark) {
		return a.mqttKey(password, client, remote)
	}
	if user == "" || password == "" {
		return MQTTGrant{}, refuse(Missing)
	}
	u := (*a.users.Load())[user]
	now := a.o.Now()
	if u != nil && (samePlain(u.plain, password) || u.plain == "" && a.proofs.knows(user, u.hash, password, now)) {
		return u.grant(), nil
	}
	if wait, limited := a.o.Failures.Blocked(remote); limited {
		return MQTTGrant{}, limitedFor(wait)
	}
	hash := nobody() // an unknown name takes as long as a known one
	if u != nil && u.plain == "" {
		hash = u.hash
	}
	right, err := a.oneHash(func() bool { return hash.matches(password) })
	switch {
	case err != nil:
		return MQTTGrant{}, err
	case !right || u == nil || u.plain != "":
		return MQTTGrant{}, a.refused(Unknown, remote)
	}
	if (*a.users.Load())[user] != u {
		return MQTTGrant{}, a.refused(Unknown, remote) // changed or removed while it was hashed
	}
	a.proofs.learn(a.o.Random, user, u.hash, password, now)
	return u.grant(), nil
}

func (u *account) grant() MQTTGrant {
	rules := u.rules
	return MQTTGrant{
		Name:  u.name,
		Read:  func(topic string) bool { return mayRead(rules, topic) },
		Write: func(topic string) bool { return mayWrite(rules, topic) },
	}
}

// mqttKey is the login with an API key.
func (a *Auth) mqttKey(key secret.Text, client, remote string) (MQTTGrant, error) {
	c := Credential{Text: key, Remote: remote, Agent: "mqtt " + client}
	s, reason := a.lookup(c)
	if reason != "" {
		return MQTTGrant{}, a.refused(reason, remote)
	}
	e := s.e
	if !e.id.Has(MQTTSubscribe) && !e.id.Has(MQTTPublish) {
		return MQTTGrant{}, e.id.Require(MQTTSubscribe)
	}
	a.used(e, c)
	rules, digest := a.keyRules(e.id), sha256.Sum256([]byte(key.Reveal()))
	// stands tells whether what was granted at login still holds. The end of
	// the secret is looked up each time: a rotation may set one.
	stands := func() bool {
		s, known := a.keys.Load().secrets[digest]
		return known && !e.over.Load() && s.holds(a.o.Now())
	}
	return MQTTGrant{
		Name:  e.id.KeyID,
		Read:  func(topic string) bool { return stands() && mayRead(rules, topic) },
		Write: func(topic string) bool { return stands() && mayWrite(rules, topic) },
	}, nil
}

// holds tells whether the time of a secret and of its key is not over.
func (s slot) holds(now time.Time) bool {
	return (s.e.id.Expires.IsZero() || now.Before(s.e.id.Expires)) && (s.until.IsZero() || now.Before(s.until))
}

// keyRules are the topics of a key: those of the bridge and of its printers,
// and commands as far as its scopes do the same elsewhere.
func (a *Auth) keyRules(id Identity) []TopicRule {
	root := a.o.Prefix + "/"
	devices := a.devices(id)
	var rules []TopicRule
	if id.Has(MQTTPublish) && !id.Test { // a test key moves nothing
		// The two that are no printers come first: "+" would match them too.
		rules = append(rules, commands(root+"tariff", id.Has(TariffWrite))...)
		rules = append(rules, commands(root+"bridge", id.Has(SettingsWrite))...)
		for _, d := range devices {
			rules = append(rules, commands(root+d, id.Has(PrintersControl))...)
		}
	}
	if id.Has(MQTTSubscribe) {
		for _, d := range slices.Concat([]string{"status", "tariff", "bridge"}, devices) {
			rules = append(rules, TopicRule{root + d + "/#", ReadTopic})
		}
	}
	return rules
}

// devices are the serials of a key's printers, or "+" for all. A test key has
// the simulated ones alone.
func (a *Auth) devices(id Identity) []string {
	devices := []string{"+"}
	if id.printers != nil {
		devices = nil
		for _, printer := range id.printers {
			if serial, ok := a.serial(printer); ok {
				devices = append(devices, serial)
			}
		}
	}
	if !id.Test {
		return devices
	}
	var simulated []string
	if a.o.Simulated != nil {
		simulated = a.o.Simulated()
	}
	return slices.DeleteFunc(slices.Clone(simulated), func(serial string) bool {
		return id.printers != nil && !slices.Contains(devices, serial)
	})
}

// commands are the rules for the commands of one device. Where the scope is
// missing, they are denied before a wider rule can allow them.
func commands(device string, may bool) []TopicRule {
	access := DenyTopic
	if may {
		access = WriteTopic
	}
	return []TopicRule{{device + "/+/set", access}, {device + "/+/+/set", access}, {device + "/+/+/+/set", access}}
}

// serial is the serial of a printer id. One that would be a wildcard is none.
func (a *Auth) serial(id int) (string, bool) {
	if a.o.Serial == nil {
		return "", false
	}
	serial, ok := a.o.Serial(id)
	return serial, ok && serial != "" && !strings.ContainsAny(serial, "+#*/")
}
