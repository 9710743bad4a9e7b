package printer

// maxSerial is the longest serial.
const maxSerial = 50

// ValidSerial tells whether a serial can be a level of a topic, a part of an
// id and a key of storage: 1 to 50 of A–Z, 0–9, _ and -.
func ValidSerial(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-':
		default:
			return false
		}
	}
	return s != "" && len(s) <= maxSerial
}
