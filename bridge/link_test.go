package bridge_test

import (
	"testing"
	"testing/synctest"

	"github.com/printwire/printwire/bridge"
	"github.com/printwire/printwire/fault"
)

func TestBridge_DisconnectAndConnect(t *testing.T) {
	play(t, newStore(), bridge.Options{}, []string{"A"}, func(t *testing.T, s *stage) {
		a := s.puppets["A"]
		a.show(printing("J", 40))
		synctest.Wait()
		if err := s.Connect(t.Context(), 1); err != nil || len(a.started()) != 1 {
			t.Errorf("connecting a printer whose reports flow: %v, %d sessions, want it left alone", err, len(a.started()))
		}
		if err := s.Disconnect(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if now := s.snapshot(1); now.State.Online || now.State.Job.ID != "J" {
			t.Errorf("after the cut: online %v, job %q, want offline with its last values", now.State.Online, now.State.Job.ID)
		}
		if err := s.Connect(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n := len(a.started()); n != 2 {
			t.Fatalf("%d sessions after connecting again, want 2", n)
		}
		a.show(printing("J", 41))
		synctest.Wait()
		if now := s.snapshot(1); !now.State.Online || now.State.Job.PeakProgress != 41 {
			t.Errorf("after connecting again: %+v", now.State)
		}
		s.told("over the cut", "printer_online", "printer_offline", "printer_online")
		for name, err := range map[string]error{"Connect": s.Connect(t.Context(), 9), "Disconnect": s.Disconnect(t.Context(), 9)} {
			if !fault.Is(err, fault.NotFound) {
				t.Errorf("%s of no printer: %v, want not found", name, err)
			}
		}
	})
}
