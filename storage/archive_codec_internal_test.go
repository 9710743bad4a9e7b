package storage

import (
	"reflect"
	"testing"
	"time"

	"github.com/printwire/printwire/archive"
	"github.com/printwire/printwire/printer"
)

func TestSummary_RoundTrip(t *testing.T) {
	some := printer.Some[float64]
	for _, s := range []archive.Summary{
		{},
		{
			ID: 7, PrinterID: 3, Created: time.UnixMicro(1_700_000_000_123_456).UTC(), Serial: "S", Printer: "P", Status: "completed",
			Seconds: printer.Some(-1), PausedSeconds: 9, Materials: "PLA, ABS", MaterialGrams: []float64{1.5, 2}, Grams: some(3.5), Metres: some(1),
			FilamentCost: some(2), EnergyCost: some(-0.5), EnergyKWh: some(0), Accuracy: some(99.5), Text: "ä\nb", Deleted: true,
		},
		{ID: 8, FilamentCost: some(2), FilamentCurrency: "EUR", EnergyCost: some(1), EnergyCurrency: "SEK"},
		{ID: 9, EnergyCost: some(1), EnergyCurrency: "EUR", Deleted: true},
	} {
		packed := packSummary(s)
		got, err := unpackSummary(packed)
		if err != nil || !reflect.DeepEqual(got, s) {
			t.Errorf("%+v became %+v (%v)", s, got, err)
		}
		for n := range packed {
			if _, err := unpackSummary(packed[:n]); err == nil {
				t.Errorf("%d bytes of %d were read", n, len(packed))
			}
		}
	}
}

// FuzzPacked wants an error or what can be packed again.
func FuzzPacked(f *testing.F) {
	f.Add(packSummary(archive.Summary{ID: 1, Text: "x", MaterialGrams: []float64{1}}))
	f.Add(packSamples([]archive.Sample{{At: time.Unix(5, 0), Nozzle: printer.Some(1.5)}, {}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := unpackSummary(data); err == nil {
			if _, err := unpackSummary(packSummary(s)); err != nil {
				t.Errorf("a summary cannot be read again: %v", err)
			}
		}
		if list, err := unpackSamples(data); err == nil {
			if again, err := unpackSamples(packSamples(list)); err != nil || len(again) != len(list) {
				t.Errorf("samples cannot be read again: %v", err)
			}
		}
		_, _ = decodeMark(data)
	})
}
