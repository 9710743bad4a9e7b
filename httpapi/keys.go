package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/printwire/printwire/auth"
	"github.com/printwire/printwire/fault"
	"github.com/printwire/printwire/secret"
)

// KeyReport is what is shown of an API key; the key itself is not.
type KeyReport struct {
	ID          string       `json:"id"`
	Name        string       `json:"name"`
	KeyPrefix   string       `json:"key_prefix" doc:"The key, masked."`
	Masked      string       `json:"masked" doc:"The same as key_prefix."`
	Owner       *string      `json:"owner"`
	UserID      *string      `json:"user_id" doc:"The same as owner; null is a legacy key."`
	Legacy      bool         `json:"legacy" doc:"It has no owner, and so no cloud access."`
	Scopes      []auth.Scope `json:"scopes" nullable:"false"`
	Permissions []string     `json:"permissions" nullable:"false"`
	Printers    []int        `json:"printer_ids" doc:"null is all."`
	Addresses   []string     `json:"allowed_cidrs" doc:"null is everywhere."`
	Plan        auth.Plan    `json:"rate_plan"`
	Test        bool         `json:"test"`
	State       string       `json:"state" enum:"valid,revoked,expired"`
	Enabled     bool         `json:"enabled"`
	CreatedAt   *Time        `json:"created_at"`
	CreatedBy   *string      `json:"created_by"`
	NotBefore   *Time        `json:"not_before"`
	ExpiresAt   *Time        `json:"expires_at"`
	LastUsed    *Time        `json:"last_used"`
	LastUsedAt  *Time        `json:"last_used_at" doc:"The same as last_used."`
	LastIP      *string      `json:"last_used_ip"`
	LastAgent   *string      `json:"last_used_agent"`
	UseCount    uint64       `json:"use_count"`
	RotatedAt   *Time        `json:"rotated_at"`
	GraceUntil  *Time        `json:"grace_until" doc:"Until when the key before the rotation answers."`
	RevokedAt   *Time        `json:"revoked_at"`
	RevokedWhy  *string      `json:"revoked_reason"`
	Key         string       `json:"key,omitempty" doc:"The key itself: only in the answer that makes it."`
	Flags
}

// Flags are the switches that Bambuddy's clients know.
type Flags struct {
	CanQueue             bool `json:"can_queue"`
	CanControlPrinter    bool `json:"can_control_printer"`
	CanReadStatus        bool `json:"can_read_status"`
	CanManageLibrary     bool `json:"can_manage_library"`
	CanManageInventory   bool `json:"can_manage_inventory"`
	CanManageMaintenance bool `json:"can_manage_maintenance"`
	CanManageArchives    bool `json:"can_manage_archives"`
	CanManageProjects    bool `json:"can_manage_projects"`
	CanAccessCloud       bool `json:"can_access_cloud"`
	CanUpdateEnergyCost  bool `json:"can_update_energy_cost"`
}

func flags(scopes []auth.Scope) Flags {
	f := auth.Flags(scopes)
	return Flags{
		f["can_queue"], f["can_control_printer"], f["can_read_status"], f["can_manage_library"], f["can_manage_inventory"],
		f["can_manage_maintenance"], f["can_manage_archives"], f["can_manage_projects"], f["can_access_cloud"], f["can_update_energy_cost"],
	}
}

func keyState(k auth.Key, now time.Time) string {
	switch {
	case !k.Revoked.IsZero():
		return "revoked"
	case !k.Expires.IsZero() && !now.Before(k.Expires):
		return "expired"
	default:
		return "valid"
	}
}

func (a *api) keyReport(k auth.Key, whole secret.Text) KeyReport {
	r := KeyReport{
		ID: k.ID, Name: k.Name, KeyPrefix: k.Masked, Masked: k.Masked, Owner: text(k.Owner), UserID: text(k.Owner), Legacy: k.Owner == "",
		Scopes: append([]auth.Scope{}, k.Scopes...), Permissions: append([]string{}, auth.Permissions(k.Scopes)...),
		Printers: k.Printers, Addresses: k.Addresses, Plan: k.Plan, Test: k.Test, State: keyState(k, a.Now()),
		CreatedAt: moment(k.Created), CreatedBy: text(k.By), NotBefore: moment(k.NotBefore), ExpiresAt: moment(k.Expires),
		LastUsed: moment(k.LastUsed), LastUsedAt: moment(k.LastUsed), LastIP: text(k.LastFrom), LastAgent: text(k.LastAgent), UseCount: k.Uses,
		RotatedAt: moment(k.Rotated), GraceUntil: moment(k.Grace), RevokedAt: moment(k.Revoked), RevokedWhy: text(k.RevokedReason),
		Flags: flags(k.Scopes), Key: whole.Reveal(),
	}
	r.Enabled = r.State == "valid"
	return r
}

// KeyFlags are the switches of a request; what is left out is nil.
type KeyFlags struct {
	CanQueue             *bool `json:"can_queue,omitempty"`
	CanControlPrinter    *bool `json:"can_control_printer,omitempty"`
	CanReadStatus        *bool `json:"can_read_status,omitempty"`
	CanManageLibrary     *bool `json:"can_manage_library,omitempty"`
	CanManageInventory   *bool `json:"can_manage_inventory,omitempty"`
	CanManageMaintenance *bool `json:"can_manage_maintenance,omitempty"`
	CanManageArchives    *bool `json:"can_manage_archives,omitempty"`
	CanManageProjects    *bool `json:"can_manage_projects,omitempty"`
	CanAccessCloud       *bool `json:"can_access_cloud,omitempty"`
	CanUpdateEnergyCost  *bool `json:"can_update_energy_cost,omitempty"`
	CanSendNotifications *bool `json:"can_send_notifications,omitempty"`
}

func (f KeyFlags) asked() map[string]bool {
	set := map[string]bool{}
	for name, on := range map[string]*bool{
		"can_queue": f.CanQueue, "can_control_printer": f.CanControlPrinter, "can_read_status": f.CanReadStatus,
		"can_manage_library": f.CanManageLibrary, "can_manage_inventory": f.CanManageInventory,
		"can_manage_maintenance": f.CanManageMaintenance, "can_manage_archives": f.CanManageArchives,
		"can_manage_projects": f.CanManageProjects, "can_access_cloud": f.CanAccessCloud,
		"can_update_energy_cost": f.CanUpdateEnergyCost, "can_send_notifications": f.CanSendNotifications,
	} {
		if on != nil {
			set[name] = *on
		}
	}
	return set
}

// KeyRequest asks for a key, in any of the vocabularies.
type KeyRequest struct {
	Name        string     `json:"name" minLength:"1" maxLength:"64" doc:"Printable text."`
	Scopes      []string   `json:"scopes,omitempty" maxItems:"100" doc:"Scopes, or terms that stand for several; none is read."`
	Permissions []string   `json:"permissions,omitempty" maxItems:"100" doc:"Permissions by name, as in \"Read Printers\"."`
	Scope       string     `json:"scope,omitempty" maxLength:"100" doc:"One term, as in read_only."`
	Printers    *[]int     `json:"printer_ids,omitempty" minItems:"1" maxItems:"1000" doc:"Only these printers; left out is all."`
	Addresses   *[]string  `json:"allowed_cidrs,omitempty" minItems:"1" maxItems:"32" doc:"Only from these networks; left out is everywhere."`
	Plan        *auth.Plan `json:"rate_plan,omitempty"`
	Test        bool       `json:"test,omitempty" doc:"A key for which nothing is really done."`
	NotBefore   *Time      `json:"not_before,omitempty"`
	ExpiresAt   *Time      `json:"expires_at,omitempty"`
	KeyFlags
}

func (r KeyRequest) terms() []string {
	return auth.Asked{Scopes: r.Scopes, Permissions: r.Permissions, Scope: r.Scope, Flags: r.asked()}.Terms()
}

type makeKeyCall struct{ Body KeyRequest }

type keyAnswer struct {
	Status   int
	Location string `header:"Location"`
	Body     KeyReport
}

func (a *api) createKey(ctx context.Context, in *makeKeyCall) (*keyAnswer, error) {
	s := sender(ctx)
	n := auth.NewKey{Name: in.Body.Name, Terms: in.Body.terms(), Test: in.Body.Test, By: &s.who, From: s.remote}
	if p := in.Body.Printers; p != nil {
		n.Printers = append([]int{}, *p...)
		for _, id := range n.Printers {
			if !a.exists(s.who, id) {
				return nil, fault.New(fault.Invalid, "names a printer that is not there").At("printer_ids")
			}
		}
	}
	if p := in.Body.Addresses; p != nil {
		n.Addresses = append([]string{}, *p...)
	}
	if p := in.Body.Plan; p != nil {
		n.Plan = *p
	}
	n.NotBefore, n.Expires = in.Body.NotBefore.time(), in.Body.ExpiresAt.time()
	whole, k, err := a.Keys.CreateKey(n)
	if err != nil {
		return nil, a.notGranted(err)
	}
	return &keyAnswer{Status: http.StatusCreated, Location: base + "/api-keys/" + k.ID, Body: a.keyReport(k, whole)}, nil
}

// notGranted: a right that keys are not given is a request refused as such.
func (a *api) notGranted(err error) error {
	if !errors.Is(err, auth.ErrNotGranted) {
		return err
	}
	p := a.problemOf(err)
	p.status = http.StatusBadRequest
	return p
}

// exists tells whether a printer is there for somebody.
func (a *api) exists(who auth.Identity, id int) bool {
	for _, s := range a.Printers.Snapshots() {
		if s.Config.ID == id {
			return who.MayPrinter(id)
		}
	}
	return false
}

type keysAnswer struct {
	Total string      `header:"X-Total-Count"`
	Body  []KeyReport `nullable:"false"`
}

type keysCall struct {
	Revoked bool `query:"revoked" doc:"Also those that were revoked."`
}

func (a *api) keys(ctx context.Context, in *keysCall) (*keysAnswer, error) {
	who, list := caller(ctx), []KeyReport{}
	for _, k := range a.Keys.Keys() {
		if mayRead(who, k) && (in.Revoked || k.Revoked.IsZero()) {
			list = append(list, a.keyReport(k, ""))
		}
	}
	return &keysAnswer{Total: decimal(len(list)), Body: list}, nil
}

// mayRead: an administrator sees all keys, others those of the same owner.
func mayRead(who auth.Identity, k auth.Key) bool {
	return who.Has(auth.Admin) || k.Owner == who.Owner && k.Owner != "" || k.ID == who.KeyID
}

// KeyPath names a key.
type KeyPath struct {
	ID string `path:"id" maxLength:"64" doc:"The key's id." example:"key_01JPA4G0000000000000000000"`
}

func (a *api) key(ctx context.Context, in *KeyPath) (*keyAnswer, error) {
	k, err := a.Keys.Key(in.ID)
	if err != nil || !k.Revoked.IsZero() || !mayRead(caller(ctx), k) {
		return nil, keyMissing()
	}
	return &keyAnswer{Status: http.StatusOK, Body: a.keyReport(k, "")}, nil
}

func keyMissing() error { return fault.New(fault.NotFound, "API key not found") }

// manage is the key that a path names, if the caller may change it.
func (a *api) manage(ctx context.Context, id string) (session, auth.Key, error) {
	s := sender(ctx)
	k, err := a.Keys.Key(id)
	if err != nil || !k.Revoked.IsZero() || !s.who.Manages(k) {
		return s, auth.Key{}, keyMissing()
	}
	return s, k, nil
}

func (a *api) revokeKey(ctx context.Context, in *KeyPath) (*doneAnswer, error) {
	s, k, err := a.manage(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if _, err := a.Keys.RevokeKey(k.ID, s.who.Subject(), "revoked by the API"); err != nil {
		return nil, err
	}
	return done("deleted", "API key deleted"), nil
}

type rotateCall struct {
	KeyPath
	Body *struct {
		Grace *int `json:"grace_seconds,omitempty" minimum:"0" maximum:"2592000" doc:"How long the old key answers; a day without."`
	} `required:"false"`
}

func (a *api) rotateKey(ctx context.Context, in *rotateCall) (*keyAnswer, error) {
	s, k, err := a.manage(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	r := auth.Rotation{By: &s.who, From: s.remote}
	if in.Body != nil && in.Body.Grace != nil {
		grace := time.Duration(*in.Body.Grace) * time.Second
		r.Grace = &grace
	}
	whole, k, err := a.Keys.RotateKey(k.ID, r)
	if err != nil {
		return nil, err
	}
	return &keyAnswer{Status: http.StatusOK, Body: a.keyReport(k, whole)}, nil
}

// MeReport is who asks, and what they may do.
type MeReport struct {
	ID          *string      `json:"id" doc:"The key's id."`
	Name        string       `json:"name"`
	Owner       *string      `json:"owner"`
	Username    *string      `json:"username" doc:"The same as owner."`
	IsAdmin     bool         `json:"is_admin"`
	Test        bool         `json:"test"`
	Scopes      []auth.Scope `json:"scopes" nullable:"false"`
	Permissions []string     `json:"permissions" nullable:"false"`
	Printers    []int        `json:"printer_ids" doc:"null is all."`
	Client      *string      `json:"client" doc:"The OAuth client of an access token."`
	Plan        auth.Plan    `json:"rate_plan"`
	ExpiresAt   *Time        `json:"expires_at"`
	Flags
}

type meAnswer struct{ Body MeReport }

func (a *api) me(ctx context.Context, _ *nothing) (*meAnswer, error) {
	who := caller(ctx)
	return &meAnswer{Body: MeReport{
		ID: text(who.KeyID), Name: who.Name, Owner: text(who.Owner), Username: text(who.Owner), IsAdmin: who.Has(auth.Admin), Test: who.Test,
		Scopes: append([]auth.Scope{}, who.Scopes()...), Permissions: append([]string{}, auth.Permissions(who.Scopes())...),
		Printers: who.Printers(), Client: text(who.Client), Plan: who.Plan(), ExpiresAt: moment(who.Expires), Flags: flags(who.Scopes()),
	}}, nil
}

// TicketReport is a ticket for one stream.
type TicketReport struct {
	Ticket    string `json:"ticket"`
	ExpiresAt Time   `json:"expires_at"`
}

type ticketAnswer struct{ Body TicketReport }

func (a *api) ticket(ctx context.Context, _ *nothing) (*ticketAnswer, error) {
	whole, until, err := a.Keys.Ticket(caller(ctx))
	if err != nil {
		return nil, err
	}
	return &ticketAnswer{Body: TicketReport{Ticket: whole.Reveal(), ExpiresAt: Time(until)}}, nil
}

type auditCall struct {
	Act    string `query:"act" maxLength:"64" doc:"One kind of act, or a beginning with a dot at its end, as in key."`
	Key    string `query:"key" maxLength:"64" doc:"What is about this key."`
	Before uint64 `query:"before" maximum:"9007199254740991" doc:"Only what is older than this number."`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
}

// AuditReport is a page of the audit, the newest first.
type AuditReport struct {
	Entries []auth.AuditEntry `json:"entries" nullable:"false"`
	Next    *uint64           `json:"next" doc:"The value of before that gives the next page."`
}

type auditAnswer struct{ Body AuditReport }

func (a *api) auditList(ctx context.Context, in *auditCall) (*auditAnswer, error) {
	who := caller(ctx)
	f := auth.AuditFilter{Act: auth.Act(in.Act), Key: in.Key, Before: in.Before, Limit: in.Limit}
	if !who.Has(auth.Admin) {
		if who.Owner == "" {
			return &auditAnswer{Body: AuditReport{Entries: []auth.AuditEntry{}}}, nil
		}
		f.Owner = who.Owner
	}
	entries, next := a.Keys.Audit().List(f)
	r := AuditReport{Entries: append([]auth.AuditEntry{}, entries...)}
	if next > 0 {
		r.Next = &next
	}
	return &auditAnswer{Body: r}, nil
}

// audited notes what changed something, by the tag of its route.
func (a *api) audited(s session, tag, path string) {
	if strings.HasPrefix(tag, "keys.") {
		return // auth notes it itself, with the change
	}
	a.Keys.Audit().Record(auth.AuditEntry{Act: auth.Act("api." + tag), Key: s.who.KeyID, Name: s.who.Name, Owner: s.who.Owner, By: s.who.Subject(), From: s.remote, Detail: path})
}
