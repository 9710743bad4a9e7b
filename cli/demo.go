package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/printwire/printwire/app"
	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/logbook"
	"github.com/printwire/printwire/printer/simulator"
	"github.com/printwire/printwire/settings"
)

// Where the demo listens unless told otherwise or taken.
const (
	demoHTTP = "127.0.0.1:8000"
	demoMQTT = "127.0.0.1:1883"
)

// onlineLimit is how long the demo waits for its printers before it says that it is ready.
const onlineLimit = 10 * time.Second

// demoCmd runs the bridge with simulated printers.
type demoCmd struct {
	Speed    float64 `default:"30" help:"How many times faster than real time the printers print."`
	Printers int     `default:"3" help:"How many printers."`
	HTTP     string  `name:"http" help:"Address of the REST API; 127.0.0.1:8000 or a free port when left out." placeholder:"ADDRESS"`
	MQTT     string  `name:"mqtt" help:"Address of the MQTT broker; 127.0.0.1:1883 or a free port when left out." placeholder:"ADDRESS"`
	Data     string  `help:"Data folder; a temporary one when left out." placeholder:"DIR"`
	Access   string  `help:"Also write addresses, logins and keys to this file, as JSON." placeholder:"FILE"`
	LogLevel string  `default:"warn" help:"debug, info, warn or error."`
}

// demoPrinter is one row of the demo's list of printers.
type demoPrinter struct {
	name, model, serial string
	ams                 []string
}

// demoPrinters are the printers of the demo. More than these repeat them under other serials.
func demoPrinters() []demoPrinter {
	return []demoPrinter{
		{"Workshop A1", "A1", "03900D000000001", []string{"AMS Lite"}},
		{"Garage X1C", "X1C", "00M00D000000002", []string{"AMS", "AMS"}},
		{"Studio H2D", "H2D", "09400D000000003", nil},
	}
}

// Run runs the demo until the process is told to stop.
func (c demoCmd) Run(ctx context.Context, env Env) error {
	if c.Printers < 1 || c.Printers > 1000 || c.Speed <= 0 {
		return &usageError{errors.New("--printers must be 1 to 1000, and --speed more than 0")}
	}
	level := new(slog.LevelVar)
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return &usageError{err}
	}
	data, remove, err := c.dataFolder()
	if err != nil {
		return err
	}
	defer remove()
	printers, err := c.simulate()
	if err != nil {
		return err
	}
	simulated, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	for _, p := range printers {
		running.Go(func() { // owner: Run stops it and waits
			if err := p.Run(simulated); err != nil {
				fmt.Fprintln(env.Stderr, "printwire: simulated printer:", err)
			}
		})
	}
	loaded, err := c.settings(env, printers)
	if err != nil {
		return err
	}
	book := logbook.New(env.Stderr)
	o := app.Options{Settings: loaded, Data: data, Version: env.Version, Log: book.Logger("text", level), Book: book, Level: level}
	o.Simulated = func(serial string) bool {
		return slices.ContainsFunc(printers, func(p *simulator.Printer) bool { return p.Serial() == serial })
	}
	load := func() (app.Options, error) { return o, nil }
	return run(ctx, load, func(a *app.App, r app.Ready) error { return c.announce(ctx, env, a, r, data, printers) })
}

func (c demoCmd) dataFolder() (string, func(), error) {
	if c.Data != "" {
		return c.Data, func() {}, nil
	}
	data, err := os.MkdirTemp("", "printwire-demo-")
	if err != nil {
		return "", nil, fmt.Errorf("making a temporary data folder: %w", err)
	}
	return data, func() { _ = os.RemoveAll(data) }, nil
}

// simulate makes the printers and opens their ports.
func (c demoCmd) simulate() ([]*simulator.Printer, error) {
	authority, err := simulator.NewAuthority(time.Now())
	if err != nil {
		return nil, err
	}
	rows := demoPrinters()
	printers := make([]*simulator.Printer, c.Printers)
	for i := range printers {
		row := rows[i%len(rows)]
		serial := row.serial
		if i >= len(rows) {
			serial = fmt.Sprintf("%s%07d", row.serial[:8], i+1)
		}
		p, err := simulator.New(simulator.Options{
			Model: row.model, Serial: serial, Name: row.name, AMS: row.ams, Speed: c.Speed, Seed: uint64(i + 1),
			StartPrinting: true, Loop: true, Authority: authority, ListenFiles: "127.0.0.1:0",
		})
		if err != nil {
			return nil, err
		}
		if err := p.Listen(); err != nil {
			return nil, err
		}
		printers[i] = p
	}
	return printers, nil
}

// settings are the demo's settings: everything default but the addresses and
// the printers.
func (c demoCmd) settings(env Env, printers []*simulator.Printer) (settings.Settings, error) {
	s := settings.Default()
	s.Log.Level = c.LogLevel
	s.MQTT.Mode = "embedded"
	s.WebhookAddresses.Loopback = true // Whoever tries it has the receiver on the same machine.
	s.Filament = settings.Filament{Currency: "EUR", PricePerKg: 25, Prices: []settings.FilamentPrice{{Material: "PLA", PricePerKg: 22.5}}}
	var err error
	if s.HTTP.Listen, err = pick(env.Stdout, "http", c.HTTP, demoHTTP); err != nil {
		return s, err
	}
	if s.MQTT.Listen, err = pick(env.Stdout, "mqtt", c.MQTT, demoMQTT); err != nil {
		return s, err
	}
	rows := demoPrinters()
	for i, p := range printers {
		host, port, err := hostPort(p.Addr())
		if err != nil {
			return s, err
		}
		_, files, err := hostPort(p.FilesAddr())
		if err != nil {
			return s, err
		}
		name := rows[i%len(rows)].name
		if i >= len(rows) {
			name = fmt.Sprintf("%s %d", name, i/len(rows)+1)
		}
		s.Printers = append(s.Printers, settings.Printer{
			Name: name, Family: "bambu", Host: host, Port: port, FilesPort: files, Serial: p.Serial(), AccessCode: p.AccessCode(),
			Certificate: "verify", Roots: string(p.CertificatePEM()),
		})
	}
	return s, nil
}

// pick is the address that was given, else the usual one, or a free port when
// somebody else has that. One that was given and cannot be opened is refused
// here, before anything has started.
func pick(out io.Writer, flag, given, usual string) (string, error) {
	address := cmp.Or(given, usual)
	listener, err := net.Listen("tcp", address)
	switch {
	case err == nil:
		return address, listener.Close()
	case given == "":
		fmt.Fprintf(out, "%s: %s is taken, using a free port.\n", strings.ToUpper(flag), usual)
		return "127.0.0.1:0", nil
	}
	return "", fault.New(fault.Conflict, "--%s: %w", flag, err).WithHint("choose another address, or leave it out for a free port")
}

func hostPort(addr net.Addr) (string, int, error) {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return "", 0, fmt.Errorf("the simulated printer listens on %v, not on a TCP port", addr)
	}
	return tcp.IP.String(), tcp.Port, nil
}

// access is what --access writes.
type access struct {
	HTTP     string            `json:"http"`
	MQTT     accessMQTT        `json:"mqtt"`
	Keys     map[string]string `json:"keys"`
	Printers []accessPrinter   `json:"printers"`
}

type accessMQTT struct {
	Host     string `json:"host"`
	Port     int    `json:"port"`
	Username string `json:"username"`
	Password string `json:"password"`
}

type accessPrinter struct {
	ID         int    `json:"id"`
	Serial     string `json:"serial"`
	Model      string `json:"model"`
	Address    string `json:"address"`
	AccessCode string `json:"access_code"`
}

// announce tells where everything is, on the screen and in the file.
func (c demoCmd) announce(ctx context.Context, env Env, a *app.App, r app.Ready, data string, printers []*simulator.Printer) error {
	if r.HTTP == "" {
		return fmt.Errorf("the HTTP port %s cannot be opened", c.HTTP)
	}
	waitOnline(ctx, a)
	info, err := c.collect(ctx, a, r, printers)
	if err != nil {
		return err
	}
	if c.Access != "" {
		if err := writeWhole(c.Access, info); err != nil {
			return err
		}
	}
	var s strings.Builder
	fmt.Fprintf(&s, "\nREST API    %s/api/v1/printers\nMQTT        %s:%d  login %s  password %s\nData        %s\n\nPrinters\n",
		info.HTTP, info.MQTT.Host, info.MQTT.Port, info.MQTT.Username, info.MQTT.Password, data)
	for i, p := range info.Printers {
		if i == len(demoPrinters()) {
			fmt.Fprintf(&s, "  … and %d more\n", len(info.Printers)-i)
			break
		}
		fmt.Fprintf(&s, "  %d  %-4s %s at %s\n", p.ID, p.Model, p.Serial, p.Address)
	}
	s.WriteString("\nAPI keys\n")
	for _, p := range auth.Presets() {
		fmt.Fprintf(&s, "  %-8s %s\n", p.Name, info.Keys[p.Name])
	}
	fmt.Fprintf(&s, "\nTry\n  curl -H \"X-API-Key: %s\" %s/api/v1/printers/1/status\n  mosquitto_sub -h %s -p %d -u %s -P %s -v -t 'printwire/#'\n"+
		"  printwire printers list --data %s\n\nReady. Ctrl-C stops it.\n",
		info.Keys["read"], info.HTTP, info.MQTT.Host, info.MQTT.Port, info.MQTT.Username, info.MQTT.Password, data)
	_, err = io.WriteString(env.Stdout, s.String())
	return err
}

// waitOnline waits until every printer is connected, so that who reads "Ready"
// finds them all; not for ever, because a demo with one printer missing is
// better than none.
func waitOnline(ctx context.Context, a *app.App) {
	ctx, cancel := context.WithTimeout(ctx, onlineLimit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for slices.ContainsFunc(a.Printers(), func(r app.PrinterRow) bool { return r.Activity == "offline" }) {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (c demoCmd) collect(ctx context.Context, a *app.App, r app.Ready, printers []*simulator.Printer) (access, error) {
	info := access{HTTP: "http://" + r.HTTP, Keys: map[string]string{}}
	broker, err := net.ResolveTCPAddr("tcp", r.MQTT)
	if err != nil {
		return info, err
	}
	login, err := a.MQTTLogin()
	if err != nil {
		return info, err
	}
	info.MQTT = accessMQTT{Host: broker.IP.String(), Port: broker.Port, Username: login.Name, Password: login.Password}
	for _, p := range auth.Presets() {
		key, err := a.CreateKey(ctx, app.KeyRequest{Name: "Demo " + p.Name, Scopes: p.Terms})
		if err != nil {
			return info, err
		}
		info.Keys[p.Name] = key.Key
	}
	ids := map[string]int{}
	for _, row := range a.Printers() {
		ids[row.Serial] = row.ID
	}
	for _, p := range printers {
		info.Printers = append(info.Printers, accessPrinter{
			ID: ids[p.Serial()], Serial: p.Serial(), Model: p.Model(), Address: p.Addr().String(), AccessCode: p.AccessCode().Reveal(),
		})
	}
	return info, nil
}

// writeWhole writes v as JSON so that the file is complete when it appears.
func writeWhole(path string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".printwire-access-")
	if err != nil {
		return fmt.Errorf("writing the access file: %w", err)
	}
	_, err = file.Write(append(text, '\n'))
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
		return fmt.Errorf("writing the access file: %w", err)
	}
	return nil
}
