package httpapi

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/secret"
)

// The names under which a key comes.
const (
	headerKey = "X-API-Key"
	queryKey  = "apikey"
)

// shown is the credential of a request.
type shown struct {
	text    secret.Text
	carrier auth.Carrier
	// query: it came in the URL.
	query bool
	// ambiguous: there were two different ones.
	ambiguous bool
	// ignored: the URL has one, but the URL is not taken from this address.
	ignored bool
}

// credential finds what a request shows. Empty values count as absent. Equal
// values in several places are one.
func (a *api) credential(r *http.Request) shown {
	if isOctoPrint(r.URL.Path) {
		return a.octoPrintCredential(r)
	}
	var s shown
	for _, value := range r.Header[http.CanonicalHeaderKey(headerKey)] {
		s.add(value, auth.ByHeader)
	}
	for _, value := range r.Header["Authorization"] {
		s.authorization(r, value)
	}
	if r.URL.RawQuery == "" || r.Method != http.MethodGet {
		return s
	}
	for _, value := range r.URL.Query()[queryKey] {
		switch {
		case value == "":
		case !a.queryAllowed(r):
			s.ignored = true
		default:
			s.add(value, auth.ByHeader)
			s.query = true
		}
	}
	return s
}

func (s *shown) add(value string, carrier auth.Carrier) {
	value = strings.TrimSpace(value)
	switch {
	case value == "":
	case s.text == "":
		s.text, s.carrier = secret.Text(value), carrier
	case s.text.Reveal() != value:
		s.ambiguous = true
	}
}

// authorization takes Bearer and Basic. Another scheme is a credential that
// cannot be ours.
func (s *shown) authorization(r *http.Request, value string) {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(value), " ")
	switch strings.ToLower(scheme) {
	case "":
	case "bearer":
		carrier := auth.ByBearer
		if strings.HasPrefix(strings.TrimSpace(rest), auth.AccessMark) {
			carrier = auth.ByToken
		}
		s.add(rest, carrier)
	case "basic":
		user, password, ok := (&http.Request{Header: http.Header{"Authorization": {value}}}).BasicAuth()
		switch {
		case !ok:
			s.add("malformed", auth.ByHeader)
		case password == "":
			s.add(user, auth.ByHeader)
		default:
			s.add(password, auth.ByHeader)
		}
	default:
		s.add("malformed", auth.ByHeader)
	}
}

// queryAllowed: a key in a URL lands in logs and histories, so it is taken
// from private addresses only, unless set otherwise.
func (a *api) queryAllowed(r *http.Request) bool {
	switch a.QueryKey {
	case "always":
		return true
	case "never":
		return false
	}
	addr, err := netip.ParseAddr(remote(r))
	if err != nil {
		return false
	}
	addr = addr.Unmap()
	return addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast()
}

// remote is the peer's address without its port. What proxies claim is not
// looked at.
func remote(r *http.Request) string {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return ap.Addr().String()
}

// redacted is a query as it may be logged: names, and the values of those
// that cannot be secrets.
func redacted(raw string) string {
	if raw == "" {
		return ""
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return "***"
	}
	for name := range values {
		switch strings.ToLower(name) {
		case "apikey", "api_key", "key", "token", "access_token", "ticket", "password", "code", "state":
			values[name] = []string{"***"}
		}
	}
	return values.Encode()
}
