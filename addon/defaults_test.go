package addon_test

import (
	"testing"

	"github.com/printwire/printwire/addon"
	"github.com/printwire/printwire/settings"
)

func TestDefaults_NoBackupBesideHomeAssistants(t *testing.T) {
	for _, c := range []struct {
		name   string
		layers []settings.Layer
		want   string
	}{
		{"nothing set", nil, ""},
		{"options alone", []settings.Layer{options(t, []byte(`{"log_level": "debug"}`))}, ""},
		{"the settings file", []settings.Layer{settings.YAML("printwire.yaml", []byte("backup: { at: '04:00' }"))}, "04:00"},
	} {
		s, err := settings.Load(append([]settings.Layer{addon.Defaults()}, c.layers...)...)
		if err != nil || s.Backup.At != c.want || s.Backup.Keep != settings.Default().Backup.Keep {
			t.Errorf("%s: %+v, %v", c.name, s.Backup, err)
		}
	}
}
