package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/printwire/printwire/app"
	"github.com/printwire/printwire/fault"
)

// dataFlag says whose bridge a command talks to.
type dataFlag struct {
	Data string `help:"Data folder of the bridge; PRINTWIRE_DATA or, without that, ~/.local/state/printwire when left out." placeholder:"DIR"`
	JSON bool   `help:"Answer in JSON." name:"json"`
}

// folder is the data folder that counts: the flag, PRINTWIRE_DATA, /data in
// the Home Assistant app, else the user's state folder. Where there is no user
// it has to be named: a folder that everybody can write is no place for keys.
func folder(env Env, flag string) (string, error) {
	switch {
	case flag != "":
		return flag, nil
	case env.value("PRINTWIRE_DATA") != "":
		return env.value("PRINTWIRE_DATA"), nil
	case env.value("SUPERVISOR_TOKEN") != "":
		return "/data", nil
	case env.value("XDG_STATE_HOME") != "":
		return filepath.Join(env.value("XDG_STATE_HOME"), "printwire"), nil
	case env.value("HOME") != "":
		return filepath.Join(env.value("HOME"), ".local", "state", "printwire"), nil
	}
	return "", &usageError{errors.New("name the data folder with --data or PRINTWIRE_DATA")}
}

// value is a variable of the environment, or "".
func (e Env) value(name string) string {
	for _, pair := range e.Environ {
		if n, v, ok := strings.Cut(pair, "="); ok && n == name {
			return v
		}
	}
	return ""
}

// call sends one request to the running bridge and decodes its answer into
// out. A nil body sends none, a nil out drops the answer.
func (d dataFlag) call(ctx context.Context, env Env, method, path string, body, out any) error {
	answer, err := d.open(ctx, env, method, path, body)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Close() }()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(answer).Decode(out); err != nil {
		return fmt.Errorf("reading the bridge's answer: %w", err)
	}
	return nil
}

// open is call for an answer that is read as a stream.
func (d dataFlag) open(ctx context.Context, env Env, method, path string, body any) (io.ReadCloser, error) {
	data, err := folder(env, d.Data)
	if err != nil {
		return nil, err
	}
	var payload bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&payload).Encode(body); err != nil {
			return nil, err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://bridge"+path, &payload)
	if err != nil {
		return nil, err
	}
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, "unix", app.SocketPath(data))
		},
	}}
	response, err := client.Do(request)
	if err != nil {
		return nil, unreachable(data, err)
	}
	if response.StatusCode < http.StatusBadRequest {
		return response.Body, nil
	}
	defer func() { _ = response.Body.Close() }()
	return nil, refused(response.Body)
}

func unreachable(data string, err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return fault.New(fault.Offline, "no bridge is running with the data folder %s", data).
			WithHint("start it with \"printwire serve\", or name its folder with --data")
	}
	return fmt.Errorf("talking to the bridge: %w", err)
}

// refused turns the bridge's error answer back into the error that it was.
func refused(body io.Reader) error {
	var answer app.ControlError
	if err := json.NewDecoder(body).Decode(&answer); err != nil {
		return fault.New(fault.Unsupported, "the running bridge does not understand this command").
			WithHint("it may be another version of the program: restart it")
	}
	return answer.Err()
}

// show prints v as JSON when asked to, else by text.
func (d dataFlag) show(env Env, v any, text func(io.Writer) error) error {
	if !d.JSON {
		return text(env.Stdout)
	}
	enc := json.NewEncoder(env.Stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
