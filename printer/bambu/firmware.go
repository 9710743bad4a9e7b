package bambu

import (
	"strings"

	"github.com/printwire/printwire/printer"
)

// firmware fills what is known of a newer firmware and of its installation.
// Some printers name the version only among their modules: until those have
// been seen, an update stays what base has.
func (d *document) firmware(s *printer.State, base *printer.State) {
	up := d.field("upgrade_state")
	switch state := up.at("new_version_state").integer(0, 100); {
	case !state.Known:
	case state.Value == 1:
		s.FirmwareAvailable = d.newerFirmware(up)
		if s.FirmwareAvailable == "" && !d.versions.seen {
			s.FirmwareAvailable = base.FirmwareAvailable
		}
		if s.FirmwareAvailable == s.Firmware {
			s.FirmwareAvailable = ""
		}
	default:
		s.FirmwareAvailable = ""
	}
	if installing(up.at("status").string()) {
		set(&s.FirmwareProgress, up.at("progress").integer(0, 100))
	} else if up != nil {
		s.FirmwareProgress = printer.Opt[int]{}
	}
}

// newerFirmware is the printer's own newer version. An update that is only for
// a changer names none.
func (d *document) newerFirmware(up *node) string {
	version := up.at("ota_new_version_number").string()
	for _, e := range up.at("new_ver_list").items() {
		if version == "" && e.at("name").string() == "ota" {
			version = e.at("new_ver").string()
		}
	}
	if version == "" {
		version = d.versions.module("ota").newer
	}
	return version
}

// installing tells whether a status means work. Progress alone does not: 100
// stays there when all is done.
func installing(status string) bool {
	switch strings.ToUpper(status) {
	case "DOWNLOADING", "FLASHING", "UPGRADE_REQUEST", "PRE_FLASH_START", "PRE_FLASH_SUCCESS", "UPGRADING":
		return true
	default:
		return false
	}
}
