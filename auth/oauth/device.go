package oauth

import (
	"io"
	"strings"
	"time"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/secret"
)

// The device flow.
const (
	deviceLife    = 15 * time.Minute
	firstInterval = 5 * time.Second
	codeLetters   = "BCDFGHJKLMNPQRSTVWXZ" // no vowels, no look-alikes
	codeWidth     = 8
	mostDevices   = 100
	devicesEach   = 10 // from one address
	mostTries     = 5
)

// Device is the answer to a device that wants access.
type Device struct {
	DeviceCode secret.Text
	// UserCode is what the person types, as XXXX-XXXX.
	UserCode            string
	ExpiresIn, Interval int // seconds
}

// device waits for a person.
type device struct {
	code     digest
	user     string
	client   string
	scope    string
	until    time.Time
	interval time.Duration
	polled   time.Time
	tries    int
	denied   bool
	granted  *grant
	remote   string
}

// open tells whether the device still waits for its answer.
func (d *device) open(now time.Time) bool {
	return !d.denied && d.granted == nil && now.Before(d.until)
}

// guess counts wrong user codes of a person.
type guess struct {
	wrong int
	until time.Time
}

// DeviceAuthorize begins the flow of a device.
func (s *Server) DeviceAuthorize(l Login, scope string) (Device, error) {
	c, err := s.login(l)
	if err != nil {
		return Device{}, err
	}
	if _, err := s.offer(&c.Client, scope, auth.Person("", "")); err != nil {
		return Device{}, err
	}
	code, err := auth.NewToken(s.o.Random, deviceMark)
	if err != nil {
		return Device{}, err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	now, own := s.o.Now(), 0
	for key, d := range s.devices {
		switch {
		case !now.Before(d.until):
			delete(s.devices, key)
		case d.remote == l.Remote:
			own++
		}
	}
	if len(s.devices) >= mostDevices || own >= devicesEach {
		return Device{}, &Error{Code: RateLimited, Description: "too many devices are waiting", RetryAfter: time.Minute}
	}
	user, err := s.userCode()
	if err != nil {
		return Device{}, err
	}
	s.devices[user] = &device{code: digestOf(code), user: user, client: c.ID, scope: scope, until: now.Add(deviceLife), interval: firstInterval, remote: l.Remote}
	return Device{code, shown(user), int(deviceLife / time.Second), int(firstInterval / time.Second)}, nil
}

// userCode is a code that nobody else has, each letter equally likely.
func (s *Server) userCode() (string, error) {
	const fair = 256 / len(codeLetters) * len(codeLetters)
	for {
		code, b := make([]byte, 0, codeWidth), make([]byte, 1)
		for len(code) < codeWidth {
			if _, err := io.ReadFull(s.o.Random, b); err != nil {
				return "", fault.New(fault.Internal, "reading random bytes for a code: %w", err)
			}
			if int(b[0]) < fair {
				code = append(code, codeLetters[int(b[0])%len(codeLetters)])
			}
		}
		if s.devices[string(code)] == nil {
			return string(code), nil
		}
	}
}

func shown(user string) string { return user[:codeWidth/2] + "-" + user[codeWidth/2:] }

// typed is a user code as people type it.
func typed(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToUpper(strings.TrimSpace(text)))
}

// DeviceConsent says what to ask the person who typed a user code. Five wrong
// ones are judged in a quarter of an hour; five looks at a right one are given.
func (s *Server) DeviceConsent(userCode string, who auth.Identity, remote string) (Consent, error) {
	if who.KeyID != "" || who.Owner == "" {
		return Consent{}, fault.New(fault.Denied, "only a person can give consent")
	}
	d, c, err := s.typedCode(typed(userCode), who, remote)
	if err != nil {
		return Consent{}, err
	}
	offered, fail := s.offer(&c.Client, d.scope, who)
	if fail != nil {
		return Consent{}, fail
	}
	page, err := s.page(c.Client, who, offered, Request{ClientID: c.ID}, d)
	page.UserCode = shown(d.user)
	return page, err
}

func (s *Server) typedCode(user string, who auth.Identity, remote string) (*device, client, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	now := s.o.Now()
	g := s.guesses[who.Owner]
	if !now.Before(g.until) {
		g = guess{until: now.Add(deviceLife)}
	}
	if g.wrong >= mostTries {
		return nil, client{}, limitedFor(g.until.Sub(now))
	}
	if wait, limited := s.o.Failures.Blocked(remote); limited {
		return nil, client{}, limitedFor(wait)
	}
	d := s.devices[user]
	var c client
	if d != nil {
		d.tries++
		c = s.client(d.client)
	}
	if d == nil || c.ID == "" || d.tries > mostTries || !d.open(now) {
		g.wrong++
		s.guesses[who.Owner] = g
		return nil, client{}, s.fail(remote, refuse(InvalidGrant, "there is no device with this code"))
	}
	return d, c, nil
}

// poll answers a device that asks whether the person has decided.
func (s *Server) poll(c client, r TokenRequest) (Tokens, error) {
	if r.DeviceCode == "" {
		return Tokens{}, refuse(InvalidRequest, "device_code is missing")
	}
	have := digestOf(r.DeviceCode)
	var d *device
	for _, waiting := range s.devices {
		if waiting.code == have && waiting.client == c.ID {
			d = waiting
		}
	}
	if d == nil {
		return Tokens{}, s.fail(r.Remote, refuse(InvalidGrant, "the device code is not valid"))
	}
	now := s.o.Now()
	early := !d.polled.IsZero() && now.Sub(d.polled) < d.interval
	d.polled = now
	switch {
	case !now.Before(d.until):
		return Tokens{}, refuse(ExpiredToken, "the device code is over")
	case d.denied:
		delete(s.devices, d.user)
		return Tokens{}, refuse(AccessDenied, "the person refused")
	case early:
		d.interval += firstInterval
		return Tokens{}, refuse(SlowDown, "wait five seconds longer between questions")
	case d.granted == nil:
		return Tokens{}, refuse(Pending, "the person has not decided yet")
	}
	g := *d.granted
	tokens, err := s.issue(&g, given(&g, c))
	if err == nil {
		delete(s.devices, d.user)
	}
	return tokens, err
}
