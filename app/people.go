package app

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/secret"
)

// longestPerson is how many characters a name of Home Assistant may have here.
const longestPerson = 60

// firstAdmin makes the local administrator at the first start, unless Home
// Assistant knows the people. Nobody is told the password that it has then: a
// log is kept too long for that.
func (a *App) firstAdmin() error {
	if a.supervisor != nil {
		return nil
	}
	made, err := a.auth.FirstAdmin()
	if err != nil {
		return fmt.Errorf("making the local administrator: %w", err)
	}
	a.first = made != ""
	return nil
}

// person asks Home Assistant who somebody is. It does not tell who among its
// people is an administrator, so all may let programs do what they may do
// there themselves, and no more. fault.Denied: nobody.
func (a *App) person(ctx context.Context, name string, password secret.Text) (auth.Identity, error) {
	name = strings.ToLower(strings.TrimSpace(name))
	if utf8.RuneCountInString(name) > longestPerson {
		return auth.Identity{}, fault.New(fault.Denied, "the name is too long")
	}
	if err := a.supervisor.Login(ctx, name, password); err != nil {
		return auth.Identity{}, err
	}
	scopes, err := auth.Expand([]string{"full_access"}, false)
	if err != nil {
		return auth.Identity{}, fmt.Errorf("finding the rights of a person: %w", err)
	}
	who := auth.NewIdentity(name, scopes, nil)
	who.Owner = "ha:" + name
	return who, nil
}
