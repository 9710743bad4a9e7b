package webhook_test

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/webhook"
)

// memory is a store of endpoints alone; deliveries are tried with the real one.
type memory struct {
	mu   sync.Mutex
	list []webhook.Endpoint
}

var _ webhook.Store = (*memory)(nil)

func (m *memory) Last() uint64 { return 0 }

func (m *memory) Cursor(context.Context) (uint64, error) { return 0, nil }

func (m *memory) Enqueue(context.Context, uint64, []webhook.Delivery) error { return nil }

func (m *memory) Endpoints(context.Context) ([]webhook.Endpoint, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.list), nil
}

func (m *memory) PutEndpoint(_ context.Context, e webhook.Endpoint) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.list = append(slices.DeleteFunc(m.list, func(o webhook.Endpoint) bool { return o.ID == e.ID }), e)
	return nil
}

func (m *memory) DeleteEndpoint(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.list = slices.DeleteFunc(m.list, func(o webhook.Endpoint) bool { return o.ID == id })
	return nil
}

func (m *memory) Healths(context.Context) (map[string]webhook.Health, error) { return nil, nil }

func (m *memory) Next(context.Context, string) (webhook.Next, error) { return webhook.Next{}, nil }

func (m *memory) Due(context.Context, string, webhook.Part, time.Time, int) ([]webhook.Delivery, error) {
	return nil, nil
}

func (m *memory) Later(context.Context, webhook.Delivery) (bool, error) { return false, nil }

func (m *memory) Record(_ context.Context, s webhook.Step) error {
	if s.Put != nil {
		return m.PutEndpoint(context.Background(), *s.Put)
	}
	return nil
}

func (m *memory) Waiting(context.Context, string) (int, error) { return 0, nil }

func (m *memory) Deliveries(context.Context, string, webhook.Query) (webhook.Page, error) {
	return webhook.Page{}, nil
}

func (m *memory) Delivery(context.Context, webhook.Key) (webhook.Delivery, error) {
	return webhook.Delivery{}, fault.New(fault.NotFound, "there is none")
}

func (m *memory) Trim(context.Context, string, int, time.Time) (int, error) { return 0, nil }
