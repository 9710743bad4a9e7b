package settings_test

import (
	"slices"
	"testing"

	"github.com/printwire/printwire/settings"
)

func TestParse_URLsGetOneSpelling(t *testing.T) {
	s, err := settings.Parse([]byte("http: { public_url: 'https://Printwire.example.org:8443/', cors_origins: ['HTTPS://Panel.example.org', 'http://[fd00::1]:3000'] }"))
	if err != nil {
		t.Fatal(err)
	}
	if s.HTTP.PublicURL != "https://printwire.example.org:8443" {
		t.Errorf("the public URL is %s", s.HTTP.PublicURL)
	}
	if want := []string{"https://panel.example.org", "http://[fd00::1]:3000"}; !slices.Equal(s.HTTP.CORSOrigins, want) {
		t.Errorf("origins are %v, want %v", s.HTTP.CORSOrigins, want)
	}
}

func TestDefault_IsShut(t *testing.T) {
	s := settings.Default()
	if s.HTTP.TLSListen != "" || len(s.HTTP.CORSOrigins) != 0 || s.HTTP.PublicURL != "" || s.Keys.AllowAdminKeys {
		t.Errorf("something is open that nobody asked for: %+v %+v", s.HTTP, s.Keys)
	}
	if s.Keys.OwnerLimit != 1000 || s.Archive.Records != 100_000 || s.Archive.Days != 0 {
		t.Errorf("limits are %+v, %+v", s.Keys, s.Archive)
	}
}

func TestSettings_Secrets(t *testing.T) {
	s := settings.Default()
	if got := s.Secrets(); len(got) != 0 {
		t.Errorf("the defaults hold %d secrets", len(got))
	}
	s.HTTP.Key, s.MQTT.Key, s.MQTT.External.Password = "one", "two", "four"
	s.MQTT.Users = []settings.User{{Name: "a", Password: "three"}}
	s.Printers = []settings.Printer{{Name: "a", AccessCode: "five"}, {Name: "b", AccessCode: "six"}}
	var got []string
	for _, text := range s.Secrets() {
		got = append(got, text.Reveal())
	}
	if !slices.Equal(got, []string{"one", "two", "three", "four", "five", "six"}) {
		t.Errorf("the secrets are %v", got)
	}
}
