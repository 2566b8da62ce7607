package admin

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"entrepot/auth"
	"entrepot/gateway"
)

// accountPrefix stands in front of an account's name, as Swift has it.
const accountPrefix = "AUTH_"

// accountName takes the prefix off an account; "" is the caller's own.
func accountName(ctx context.Context, shown string) string {
	if shown == "" {
		return auth.PrincipalOf(ctx).Account
	}
	return strings.TrimPrefix(shown, accountPrefix)
}

// maxPage is how many entries a page of a list has at most, and unless asked
// otherwise.
const maxPage = 1000

// page is the size of a page that was asked for.
func page(limit int) (int, error) {
	if limit < 0 || limit > maxPage {
		return 0, badCall(codeParams, "limit is 1 to 1000")
	}
	if limit == 0 {
		return maxPage, nil
	}
	return limit, nil
}

// A Limit is a number of bytes, or null for none; absent it changes nothing.
type Limit struct {
	Set   bool
	Bytes int64 // negative: none
}

// IsZero tells that the limit is absent.
func (l Limit) IsZero() bool { return !l.Set }

// MarshalJSON writes the number or null.
func (l Limit) MarshalJSON() ([]byte, error) {
	if l.Bytes < 0 {
		return []byte("null"), nil
	}
	return json.Marshal(l.Bytes)
}

// UnmarshalJSON reads a number that is not negative, or null.
func (l *Limit) UnmarshalJSON(b []byte) error {
	l.Set, l.Bytes = true, -1
	if string(b) == "null" {
		return nil
	}
	if err := json.Unmarshal(b, &l.Bytes); err != nil {
		return err
	}
	if l.Bytes < 0 {
		return badCall(codeParams, "a quota is not negative")
	}
	return nil
}

// change is the limit as the gateway takes it.
func (l Limit) change() *int64 {
	if !l.Set {
		return nil
	}
	return &l.Bytes
}

// NewAccount is what account.create takes.
type NewAccount struct {
	Account  string            `json:"account"`
	Quota    Limit             `json:"quota,omitzero"`
	Meta     map[string]string `json:"meta,omitempty"`
	User     string            `json:"user,omitempty"`     // its owner; default: the account's name
	Password string            `json:"password,omitempty"` // of the owner; default: a random one
	Email    string            `json:"email,omitempty"`
}

func (n NewAccount) target() string { return n.Account }

// Created is the answer of account.create and user.create.
type Created struct {
	Account  string `json:"account,omitempty"`
	User     string `json:"user"`
	Password string `json:"password,omitempty"` // when it was made here
}

func (f *Face) createAccount(ctx context.Context, n NewAccount) (Created, error) {
	name := strings.TrimPrefix(n.Account, accountPrefix)
	if err := f.deps.Accounts.MayManage(ctx); err != nil {
		return Created{}, err
	}
	if n.User == "" {
		n.User = name
	}
	hash, made, err := f.password(n.Password)
	if err != nil {
		return Created{}, err
	}
	change := gateway.AccountChange{Properties: gateway.Properties{}, Quota: n.Quota.change()}
	for key, value := range n.Meta {
		change.Properties[metaName(key)] = value
	}
	owner := gateway.NewUser{Name: n.User, Role: auth.RoleOwner, PasswordHash: hash, Email: n.Email}
	if err := f.deps.Accounts.CreateTenant(ctx, name, change, owner); err != nil {
		return Created{}, err
	}
	return Created{Account: accountPrefix + name, User: n.User, Password: made}, nil
}

// password hashes a password, or makes one when there is none.
func (f *Face) password(given string) (hash, made string, err error) {
	if given == "" {
		secret, err := auth.NewPassword(f.deps.Random)
		if err != nil {
			return "", "", err
		}
		given, made = secret.Reveal(), secret.Reveal()
	}
	hash, err = f.hash(given)
	return hash, made, err
}

// AccountName is what account.get and account.delete take.
type AccountName struct {
	Account string `json:"account,omitempty"` // default of account.get: the caller's own
}

func (n AccountName) target() string { return n.Account }

// Account is the answer of account.get and account.update.
type Account struct {
	Account    string            `json:"account"`
	State      string            `json:"state"`
	Quota      *int64            `json:"quota"` // bytes; null: none
	Bytes      int64             `json:"bytes"`
	Objects    int64             `json:"objects"`
	Containers int64             `json:"containers"`
	Meta       map[string]string `json:"meta"`
	Created    time.Time         `json:"created"`
}

func (f *Face) getAccount(ctx context.Context, n AccountName) (Account, error) {
	a, err := f.deps.Accounts.Get(ctx, accountName(ctx, n.Account))
	if err != nil {
		return Account{}, err
	}
	return shownAccount(&a), nil
}

// shownAccount is an account as its caller may see it: keys of signatures are
// shown to owners only, and the quota has a member of its own.
func shownAccount(a *gateway.Account) Account {
	out := Account{
		Account: accountPrefix + a.Name, State: string(a.State), Bytes: a.Bytes, Objects: a.Objects,
		Containers: a.Containers, Created: a.Created, Meta: map[string]string{},
	}
	if a.Limited {
		out.Quota = &a.Quota
	}
	for name, value := range a.Properties {
		if name == "quota-bytes" || strings.HasPrefix(name, "temp-url-key") && !a.Access.Owner {
			continue
		}
		out.Meta[name] = value
	}
	return out
}

// AccountUpdate is what account.update takes.
type AccountUpdate struct {
	Account string             `json:"account"`
	Quota   Limit              `json:"quota,omitzero"`
	Meta    map[string]*string `json:"meta,omitempty"` // null removes
	State   string             `json:"state,omitempty"`
}

func (u AccountUpdate) target() string { return u.Account }

func (f *Face) updateAccount(ctx context.Context, u AccountUpdate) (Account, error) {
	if err := named(u.Account); err != nil {
		return Account{}, err
	}
	name := accountName(ctx, u.Account)
	change := gateway.AccountChange{Quota: u.Quota.change(), State: gateway.AccountState(u.State), Properties: gateway.Properties{}}
	for key, value := range u.Meta {
		text := ""
		if value != nil {
			text = *value
		}
		change.Properties[metaName(key)] = text
	}
	if err := f.deps.Accounts.Update(ctx, name, change); err != nil {
		return Account{}, err
	}
	return f.getAccount(ctx, AccountName{u.Account})
}

// metaName is a property's name as it is kept, as the Swift door has it.
func metaName(key string) string { return strings.ReplaceAll(strings.ToLower(key), "_", "-") }

// named refuses the absence of an account where there is no default.
func named(account string) error {
	if account == "" {
		return badCall(codeParams, "account is missing")
	}
	return nil
}

// Deleted is the answer of methods that delete.
type Deleted struct {
	Deleted bool `json:"deleted"`
}

func (f *Face) deleteAccount(ctx context.Context, n AccountName) (Deleted, error) {
	if err := named(n.Account); err != nil {
		return Deleted{}, err
	}
	return Deleted{true}, f.deps.Accounts.Delete(ctx, accountName(ctx, n.Account))
}

// Page is what account.list takes: names that begin with Prefix and are
// greater than Marker.
type Page struct {
	Prefix string `json:"prefix,omitempty"`
	Marker string `json:"marker,omitempty"`
	Limit  int    `json:"limit,omitempty"` // 1 to 1,000; default 1,000
}

// AccountRow is one account in the answer of account.list.
type AccountRow struct {
	Account string `json:"account"`
	State   string `json:"state"`
	Bytes   int64  `json:"bytes"`
	Quota   *int64 `json:"quota"` // bytes; null: none
}

// Accounts is the answer of account.list. Marker is there when more follow.
type Accounts struct {
	Accounts []AccountRow `json:"accounts"`
	Marker   string       `json:"marker,omitempty"`
}

func (f *Face) listAccounts(ctx context.Context, p Page) (Accounts, error) {
	limit, err := page(p.Limit)
	if err != nil {
		return Accounts{}, err
	}
	list, err := f.deps.Accounts.List(ctx, gateway.AccountList{
		Prefix: strings.TrimPrefix(p.Prefix, accountPrefix), Marker: strings.TrimPrefix(p.Marker, accountPrefix), Limit: limit,
	})
	out := Accounts{Accounts: make([]AccountRow, len(list))}
	for i := range list {
		shown := shownAccount(&list[i])
		out.Accounts[i] = AccountRow{Account: shown.Account, State: shown.State, Bytes: shown.Bytes, Quota: shown.Quota}
	}
	if len(list) == limit {
		out.Marker = out.Accounts[limit-1].Account
	}
	return out, err
}

// LogPage is what system.log takes: lines before a moment, newest first.
type LogPage struct {
	Before time.Time `json:"before,omitzero"`
	Marker string    `json:"marker,omitempty"` // of the page before; "before" does not count then
	Limit  int       `json:"limit,omitempty"`  // 1 to 1,000; default 1,000
}

// LogLine is one line of the administrators' log.
type LogLine struct {
	Time    time.Time `json:"time"`
	Caller  string    `json:"caller"`
	Address string    `json:"address,omitempty"`
	Method  string    `json:"method"`
	Target  string    `json:"target"`
	Result  string    `json:"result"`
}

// Log is the answer of system.log. Marker is there when more may follow.
type Log struct {
	Lines  []LogLine `json:"lines"`
	Marker string    `json:"marker,omitempty"`
}

func (f *Face) log(ctx context.Context, p LogPage) (Log, error) {
	limit, err := page(p.Limit)
	if err != nil {
		return Log{}, err
	}
	list, next, err := f.deps.Accounts.Log(ctx, gateway.LogPage{Before: p.Before, Marker: p.Marker, Limit: limit})
	out := Log{Lines: make([]LogLine, len(list)), Marker: next}
	for i, r := range list {
		out.Lines[i] = LogLine(r)
	}
	return out, err
}
