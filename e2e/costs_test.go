package e2e_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// printed is what REST says of a print's file and of what it cost.
type printed struct {
	ID         int      `json:"id"`
	Status     string   `json:"status"`
	Printer    int      `json:"printer_id"`
	Planned    *float64 `json:"planned_grams"`
	Cost       *float64 `json:"filament_cost"`
	Currency   *string  `json:"currency"`
	Height     *float64 `json:"layer_height"`
	Bed        *string  `json:"bed_type"`
	Size       *int     `json:"file_size"`
	SlicedFor  *string  `json:"sliced_for_model"`
	Objects    *int     `json:"object_count"`
	Picture    *string  `json:"thumbnail_url"`
	Progress   *int     `json:"progress"`
	RunCount   int      `json:"run_count"`
	Filaments  []filled `json:"filaments"`
	Successful int      `json:"successful_run_count"`
}

type filled struct {
	Type       string   `json:"type"`
	Planned    *float64 `json:"planned_grams"`
	PricePerKg *float64 `json:"price_per_kg"`
}

func (a access) decode(t *testing.T, key, path string, into any) {
	t.Helper()
	text := a.get(t, path, a.Keys[key], http.StatusOK)
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%s: %v: %.300s", path, err, text)
	}
}

// TestDemo_WhatPrintsCost follows one print of the demo from the printer's
// file to its record. It is one that was running when the bridge first saw it,
// and gets its record after a minute.
func TestDemo_WhatPrintsCost(t *testing.T) {
	ends(t)
	_, a := demo(t)
	id := a.Printers[1].ID
	status := "/api/v1/printers/" + strconv.Itoa(id)
	var number int
	keys := []string{"read", "control", "full"} // each may ask a hundred times a minute
	eventually(t, "the status names the record of the print under way", patience, func() (bool, string) {
		keys = append(keys[1:], keys[0])
		var s struct {
			Archive *int `json:"current_archive_id"`
		}
		a.decode(t, keys[0], status+"/status", &s)
		if s.Archive != nil {
			number = *s.Archive
		}
		return s.Archive != nil, fmt.Sprint(s)
	})
	record := "/api/v1/archives/" + strconv.Itoa(number)
	var p printed
	eventually(t, "the record knows the file", patience, func() (bool, string) {
		p = printed{}
		a.decode(t, "full", record, &p)
		return p.Planned != nil, fmt.Sprintf("%+v", p)
	})
	if p.Printer != id || p.Height == nil || p.Bed == nil || p.Size == nil || *p.Size < 1000 || p.SlicedFor == nil || p.Objects == nil || *p.Objects < 1 || p.Picture == nil || p.RunCount != 1 {
		t.Errorf("the record is %+v", p)
	}
	p.costs(t)
	for _, view := range []string{"plate", "small", "top", "pick"} {
		for _, path := range []string{*p.Picture, status + "/cover"} {
			if got := a.get(t, path+"?view="+view, a.Keys["read"], http.StatusOK); !strings.HasPrefix(got, "\x89PNG") {
				t.Errorf("%s of %s: %.20q", view, path, got)
			}
		}
	}
	a.tellsCosts(t)
}

// costs wants the print to cost what its filament does at the demo's prices.
func (p printed) costs(t *testing.T) {
	t.Helper()
	want := 0.0
	for _, f := range p.Filaments {
		price := 25.0 // the demo's prices
		if f.Type == "PLA" {
			price = 22.5
		}
		if f.Planned == nil {
			continue // it fed the print, and the file does not name it
		}
		if f.PricePerKg == nil || *f.PricePerKg != price {
			t.Errorf("%+v costs, want %v", f, price)
		}
		want += *f.Planned * price / 1000
	}
	if p.Status == "printing" { // so far
		if p.Progress == nil {
			t.Fatalf("the record is %+v", p)
		}
		want *= float64(*p.Progress) / 100
	}
	if p.Cost == nil || p.Currency == nil || *p.Currency != "EUR" || math.Abs(*p.Cost-want) > 0.011 {
		t.Errorf("the record is %+v, its filament costs %.4f EUR", p, want)
	}
}

// tellsCosts wants the settings and the statistics to tell the currency.
func (a access) tellsCosts(t *testing.T) {
	t.Helper()
	var shown struct {
		Currency string `json:"currency"`
		Filament struct {
			Prices []map[string]any `json:"prices"`
		} `json:"filament"`
	}
	if a.decode(t, "full", "/api/v1/settings", &shown); shown.Currency != "EUR" || len(shown.Filament.Prices) != 1 || shown.Filament.Prices[0]["material"] != "PLA" {
		t.Errorf("the settings are %+v", shown)
	}
	var sums struct {
		Currency *string          `json:"currency"`
		Costs    []map[string]any `json:"costs"`
	}
	if a.decode(t, "full", "/api/v1/statistics", &sums); sums.Currency == nil || *sums.Currency != "EUR" || len(sums.Costs) != 1 {
		t.Errorf("the statistics are %+v", sums)
	}
}
