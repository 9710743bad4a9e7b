package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/secret"
)

// HomeAssistant is the name of Home Assistant's own login.
const HomeAssistant = "homeassistant"

// userRoot starts the store's keys of users.
const userRoot = "auth/user/"

// loginWidth is how many characters the password of Home Assistant's login has.
const loginWidth = 64

// User is somebody who logs in to the broker with a password.
type User struct {
	Name string
	// Password is plain text or an argon2id hash in its text form.
	Password secret.Text
	// Topics are the rules; nil is DefaultTopics.
	Topics []TopicRule
}

// account is a user in memory.
type account struct {
	name  string
	hash  passwordHash
	plain secret.Text // of Home Assistant's login alone
	rules []TopicRule
	fixed bool // from the settings
}

// keptUser is a user as it is kept.
type keptUser struct {
	Version  int         `json:"v"`
	Name     string      `json:"name"`
	Password string      `json:"password,omitempty"` // readable: Home Assistant's alone
	Hash     string      `json:"argon2id,omitempty"`
	Topics   []TopicRule `json:"topics,omitempty"`
}

// loadUsers reads the kept users, then those of the settings, and makes Home
// Assistant's login if nobody did.
func (a *Auth) loadUsers() error {
	users := make(map[string]*account)
	kept, err := a.o.Store.Values(userRoot)
	if err != nil {
		return fmt.Errorf("reading users: %w", err)
	}
	var problems []error
	for name, value := range kept {
		if err := a.loadKept(users, name, value); err != nil {
			problems = append(problems, err)
		}
	}
	seen := make(map[string]bool)
	for i, u := range a.o.Users {
		field := fmt.Sprintf("mqtt.users[%d]", i)
		if seen[u.Name] {
			problems = append(problems, fault.New(fault.Invalid, "the name %s is taken", printable(u.Name)).At(field+".name"))
			continue
		}
		seen[u.Name] = true
		made, err := a.newAccount(u, field)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		made.fixed = true
		users[u.Name] = made
	}
	if len(problems) > 0 {
		return errors.Join(problems...)
	}
	if users[HomeAssistant] == nil {
		if err := a.makeLogin(users); err != nil {
			return err
		}
	}
	a.users.Store(&users)
	return nil
}

func (a *Auth) loadKept(users map[string]*account, key string, value []byte) error {
	var k keptUser
	if err := json.Unmarshal(value, &k); err != nil {
		return fault.New(fault.Internal, "user record %s: %w", key, err)
	}
	if k.Version > recordVersion {
		return fault.New(fault.Unsupported, "user record %s has version %d, this program knows %d", key, k.Version, recordVersion)
	}
	account := &account{name: k.Name, plain: secret.Text(k.Password), rules: a.rulesOf(k.Name, k.Topics)}
	if k.Hash != "" {
		hash, err := parsePasswordHash(k.Hash)
		if err != nil {
			return fmt.Errorf("user record %s: %w", key, err)
		}
		account.hash = hash
	}
	users[k.Name] = account
	return nil
}

// rulesOf is the rules of a user: own ones or the defaults.
func (a *Auth) rulesOf(name string, own []TopicRule) []TopicRule {
	switch {
	case own != nil:
		return slices.Clone(own)
	case name == HomeAssistant:
		return homeAssistantTopics(a.o.Prefix)
	default:
		return DefaultTopics(a.o.Prefix, a.o.DiscoveryPrefix)
	}
}

// newAccount checks a user and hashes its password; all problems at once.
func (a *Auth) newAccount(u User, field string) (*account, error) {
	var problems []error
	if !validName(u.Name) || strings.TrimSpace(u.Name) != u.Name {
		problems = append(problems, fault.New(fault.Invalid, "expected 1 to 64 printable characters").At(field+".name"))
	}
	if err := checkPassword(u.Password); err != nil {
		problems = append(problems, err.At(field+".password"))
	}
	for i, r := range u.Topics {
		if err := checkRule(r); err != nil {
			problems = append(problems, fmt.Errorf("%s.topics[%d]: %w", field, i, err))
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	account := &account{name: u.Name, rules: a.rulesOf(u.Name, u.Topics)}
	var err error
	switch {
	case strings.HasPrefix(u.Password.Reveal(), hashMark):
		account.hash, err = parsePasswordHash(u.Password.Reveal())
	case u.Name == HomeAssistant:
		account.plain = u.Password
	default:
		account.hash, err = newPasswordHash(a.o.Random, u.Password)
	}
	if err != nil {
		return nil, fmt.Errorf("%s.password: %w", field, err)
	}
	return account, nil
}

func checkPassword(p secret.Text) *fault.Error {
	switch text := p.Reveal(); {
	case text == "":
		return fault.New(fault.Invalid, "a user needs a password")
	case len(text) > 1024:
		return fault.New(fault.Invalid, "expected at most 1024 bytes")
	case strings.HasPrefix(text, keyMark):
		return fault.New(fault.Invalid, "a password does not start with %s: that is an API key", keyMark)
	}
	return nil
}

// makeLogin makes and keeps Home Assistant's login.
func (a *Auth) makeLogin(users map[string]*account) error {
	password, err := randomText(a.o.Random, loginWidth)
	if err != nil {
		return err
	}
	account := &account{name: HomeAssistant, plain: password, rules: a.rulesOf(HomeAssistant, nil)}
	if err := a.keep(account, nil); err != nil {
		return fmt.Errorf("keeping Home Assistant's login: %w", err)
	}
	users[HomeAssistant] = account
	return nil
}

// keep writes a user; topics are its own rules, nil for the defaults.
func (a *Auth) keep(u *account, topics []TopicRule) error {
	k := keptUser{Version: recordVersion, Name: u.name, Password: u.plain.Reveal(), Topics: topics}
	if u.plain == "" {
		k.Hash = u.hash.String()
	}
	value, err := json.Marshal(k)
	if err != nil {
		return fault.New(fault.Internal, "encoding a user: %w", err)
	}
	return a.o.Store.Put(map[string][]byte{userRoot + u.name: value})
}

// randomText is letters and digits from random, each equally likely.
func randomText(random io.Reader, width int) (secret.Text, error) {
	const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	const fair = 256 / len(letters) * len(letters)
	text := make([]byte, 0, width)
	b := make([]byte, 1)
	for len(text) < width {
		if _, err := io.ReadFull(random, b); err != nil {
			return "", fault.New(fault.Internal, "reading random bytes for a password: %w", err)
		}
		if int(b[0]) < fair {
			text = append(text, letters[int(b[0])%len(letters)])
		}
	}
	return secret.Text(text), nil
}

// Login is the readable password of a user. Only Home Assistant's has one;
// fault.Unsupported: this user's is a hash. fault.NotFound: no such user.
func (a *Auth) Login(name string) (secret.Text, error) {
	u := (*a.users.Load())[name]
	switch {
	case u == nil:
		return "", fault.New(fault.NotFound, "there is no user %s", printable(name))
	case u.plain == "":
		return "", fault.New(fault.Unsupported, "the password of %s is kept as a hash", printable(name))
	}
	return u.plain, nil
}

// UserInfo is what may be shown of a user.
type UserInfo struct {
	Name string
	// Settings: it comes from the settings and is changed there.
	Settings bool
	// Readable: Login shows its password.
	Readable bool
	Topics   []TopicRule
}

// Users are the users by name.
func (a *Auth) Users() []UserInfo {
	var infos []UserInfo
	for _, u := range *a.users.Load() {
		infos = append(infos, UserInfo{Name: u.name, Settings: u.fixed, Readable: u.plain != "", Topics: slices.Clone(u.rules)})
	}
	slices.SortFunc(infos, func(x, y UserInfo) int { return strings.Compare(x.Name, y.Name) })
	return infos
}

// PutUser makes or replaces a kept user; its sessions end. fault.Invalid names
// the field; fault.Conflict: the user comes from the settings.
func (a *Auth) PutUser(u User) error {
	made, err := a.newAccount(u, "user")
	if err != nil {
		return err
	}
	return a.changeUsers(u.Name, func(users map[string]*account) error {
		users[u.Name] = made
		return a.keep(made, u.Topics)
	})
}

// DeleteUser removes a kept user and ends its sessions. Home Assistant's login
// is made anew at the next start.
func (a *Auth) DeleteUser(name string) error {
	return a.changeUsers(name, func(users map[string]*account) error {
		if users[name] == nil {
			return fault.New(fault.NotFound, "there is no user %s", printable(name))
		}
		delete(users, name)
		return a.o.Store.Put(map[string][]byte{userRoot + name: nil})
	})
}

func (a *Auth) changeUsers(name string, change func(map[string]*account) error) error {
	if err := a.changeUsersLocked(name, change); err != nil {
		return err
	}
	if a.o.Revoked != nil {
		a.o.Revoked(name)
	}
	return nil
}

func (a *Auth) changeUsersLocked(name string, change func(map[string]*account) error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	users := maps.Clone(*a.users.Load())
	if u := users[name]; u != nil && u.fixed {
		return fault.New(fault.Conflict, "the user %s comes from the settings and is changed there", printable(name))
	}
	if err := change(users); err != nil {
		return err
	}
	a.users.Store(&users)
	a.proofs.forget()
	return nil
}

// samePlain compares a readable password in constant time.
func samePlain(have, given secret.Text) bool {
	x, y := sha256.Sum256([]byte(have.Reveal())), sha256.Sum256([]byte(given.Reveal()))
	return have != "" && subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
