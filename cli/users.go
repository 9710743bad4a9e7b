package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/printwire/printwire/app"
)

// usersCmd has the commands about MQTT logins.
type usersCmd struct {
	List usersListCmd `cmd:"" help:"List the MQTT logins."`
	Show usersShowCmd `cmd:"" help:"Show a login; the password of Home Assistant's own is kept readable."`
}

type usersListCmd struct{ dataFlag }

// Run lists the logins.
func (c usersListCmd) Run(ctx context.Context, env Env) error {
	return list(ctx, env, c.dataFlag, "/users", []column[app.UserRow]{{"NAME", func(u app.UserRow) string { return u.Name }}})
}

type usersShowCmd struct {
	dataFlag
	Name string `arg:"" help:"Name of the login."`
}

// Run shows a login.
func (c usersShowCmd) Run(ctx context.Context, env Env) error {
	return tell(ctx, env, c.dataFlag, http.MethodGet, "/users/"+url.PathEscape(c.Name), nil, func(user app.UserRow) string {
		if user.Password == "" {
			return user.Name + ": the password is stored as a hash and cannot be shown"
		}
		return fmt.Sprintf("name:     %s\npassword: %s", user.Name, user.Password)
	})
}
