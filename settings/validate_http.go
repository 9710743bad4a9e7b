package settings

import (
	"fmt"
	"net/url"
	"strings"
)

func (c *checker) http(h HTTP) {
	c.listen("http.listen", h.Listen)
	if h.TLSListen != "" {
		c.listen("http.tls_listen", h.TLSListen)
		if h.TLSListen == h.Listen && !strings.HasSuffix(h.Listen, ":0") {
			c.add("http.tls_listen", "must be another port than http.listen")
		}
	}
	switch {
	case h.Certificate != "" && h.Key == "":
		c.add("http.key", "must be set when http.certificate is")
	case h.Certificate == "" && h.Key != "":
		c.add("http.certificate", "must be set when http.key is")
	}
	if h.PublicURL != "" {
		c.origin("http.public_url", h.PublicURL, "must be a URL without a path, such as https://printwire.example.org")
	}
	for i, host := range h.Hosts {
		if !isHost(host) {
			c.add(fmt.Sprintf("http.hosts[%d]", i), "must be a host name without port")
		}
	}
	for i, origin := range h.CORSOrigins {
		at := fmt.Sprintf("http.cors_origins[%d]", i)
		if strings.Contains(origin, "*") {
			c.add(at, "must be one origin; * would let every page of the internet in")
			continue
		}
		c.origin(at, origin, "must be an origin without a path, such as https://panel.example.org")
	}
	c.word("http.query_key", h.QueryKey, "private", "always", "never")
	c.within("http.max_requests", h.MaxRequests, 1, 10_000)
	c.within("http.max_streams", h.MaxStreams, 1, 10_000)
}

// origin checks a scheme, a host and maybe a port: nothing else.
func (c *checker) origin(field, value, expected string) {
	u, err := url.Parse(value)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		c.add(field, "%s", expected)
	case u.User != nil:
		c.add(field, "must not have a login in it")
	case u.Path != "", u.RawQuery != "", u.Fragment != "", strings.ContainsAny(value, "?#"):
		c.add(field, "%s", expected)
	case !isHost(u.Hostname()), u.Port() == "" && strings.HasSuffix(u.Host, ":"):
		c.add(field, "the host must be a name or an IP address")
	}
}

func (c *checker) within(field string, value, least, most int) {
	if value < least || value > most {
		c.add(field, "must be %d to %d", least, most)
	}
}

func (c *checker) keys(k Keys) { c.within("keys.owner_limit", k.OwnerLimit, 1, 1_000_000) }

func (c *checker) archive(a Archive) {
	c.within("archive.records", a.Records, 1, 1_000_000)
	c.within("archive.days", a.Days, 0, 36_500)
}
