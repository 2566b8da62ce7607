package admin

import (
	"context"
	"time"

	"entrepot/auth"
	"entrepot/gateway"
)

// NewUser is what user.create takes.
type NewUser struct {
	Account  string   `json:"account,omitempty"` // default: the caller's own; made when it does not exist
	User     string   `json:"user"`
	Password string   `json:"password,omitempty"` // default: a random one
	Roles    []string `json:"roles,omitempty"`    // one; administrators only; default: user
	Groups   []string `json:"groups,omitempty"`   // administrators only
	Networks []string `json:"networks,omitempty"` // addresses that the user may come from; none: any
	Email    string   `json:"email,omitempty"`
}

func (n NewUser) target() string { return n.User }

func (f *Face) createUser(ctx context.Context, n NewUser) (Created, error) {
	role, err := oneRole(n.Roles)
	if err != nil {
		return Created{}, err
	}
	if role == "" {
		role = auth.RoleUser
	}
	u := gateway.NewUser{
		Name: n.User, Account: accountName(ctx, n.Account), Role: role, Groups: n.Groups, Networks: n.Networks, Email: n.Email,
	}
	if err := f.deps.Accounts.MayAddUser(ctx, u); err != nil {
		return Created{}, err
	}
	hash, made, err := f.password(n.Password)
	if err != nil {
		return Created{}, err
	}
	u.PasswordHash = hash
	return Created{Account: accountPrefix + u.Account, User: n.User, Password: made}, f.deps.Accounts.AddUser(ctx, u)
}

// oneRole reads a list of roles, of which a user has one.
func oneRole(list []string) (auth.Role, error) {
	switch len(list) {
	case 0:
		return "", nil
	case 1:
		return auth.Role(list[0]), nil
	}
	return "", badCall(codeParams, "a user has one role")
}

// UserName is what user.get and user.delete take.
type UserName struct {
	Account string `json:"account,omitempty"` // refused when the user belongs to another
	User    string `json:"user"`
}

func (n UserName) target() string { return n.User }

// member refuses a user who does not belong to the account that was named, if
// one was.
func (f *Face) member(ctx context.Context, account, user string) error {
	if account == "" {
		return nil
	}
	return f.deps.Accounts.CheckMember(ctx, accountName(ctx, account), user)
}

func (f *Face) deleteUser(ctx context.Context, n UserName) (Deleted, error) {
	if err := f.member(ctx, n.Account, n.User); err != nil {
		return Deleted{}, err
	}
	err := f.deps.Accounts.DeleteUser(ctx, n.User)
	f.deps.Changed(n.User)
	return Deleted{err == nil}, err
}

// NewPassword is what user.set_password takes.
type NewPassword struct {
	Account  string `json:"account,omitempty"`
	User     string `json:"user,omitempty"`     // default: the caller
	Password string `json:"password,omitempty"` // default: a random one
}

func (n NewPassword) target() string { return n.User }

func (f *Face) setPassword(ctx context.Context, n NewPassword) (Created, error) {
	if n.User == "" {
		n.User = auth.PrincipalOf(ctx).User
	}
	if err := f.member(ctx, n.Account, n.User); err != nil {
		return Created{}, err
	}
	if err := f.deps.Accounts.MaySetPassword(ctx, n.User); err != nil {
		return Created{}, err
	}
	hash, made, err := f.password(n.Password)
	if err != nil {
		return Created{}, err
	}
	err = f.deps.Accounts.SetPassword(ctx, n.User, hash)
	f.deps.Changed(n.User)
	return Created{User: n.User, Password: made}, err
}

// UserUpdate is what user.update takes. Absent members change nothing.
type UserUpdate struct {
	Account  string    `json:"account,omitempty"`
	User     string    `json:"user"`
	Roles    []string  `json:"roles,omitempty"`  // one; administrators only
	Groups   *[]string `json:"groups,omitempty"` // administrators only
	Disabled *bool     `json:"disabled,omitempty"`
	Networks *[]string `json:"networks,omitempty"`
	Email    *string   `json:"email,omitempty"`
}

func (u UserUpdate) target() string { return u.User }

func (f *Face) updateUser(ctx context.Context, u UserUpdate) (User, error) {
	role, err := oneRole(u.Roles)
	if err != nil {
		return User{}, err
	}
	if err := f.member(ctx, u.Account, u.User); err != nil {
		return User{}, err
	}
	change := gateway.UserChange{Groups: u.Groups, Disabled: u.Disabled, Networks: u.Networks, Email: u.Email}
	if role != "" {
		change.Role = &role
	}
	err = f.deps.Accounts.UpdateUser(ctx, u.User, change)
	f.deps.Changed(u.User)
	if err != nil {
		return User{}, err
	}
	return f.getUser(ctx, UserName{User: u.User})
}

// User is a login in answers.
type User struct {
	User     string    `json:"user"`
	Account  string    `json:"account"`
	Roles    []string  `json:"roles"`
	Groups   []string  `json:"groups"`
	Networks []string  `json:"networks"` // addresses that the user may come from; none: any
	Email    string    `json:"email,omitempty"`
	Created  time.Time `json:"created"`
	Password bool      `json:"password"` // has one
	Disabled bool      `json:"disabled"`
}

func shownUser(u *gateway.UserInfo) User {
	return User{
		User: u.Name, Account: accountPrefix + u.Account, Roles: []string{string(u.Role)}, Groups: list(u.Groups),
		Networks: list(u.Networks), Email: u.Email, Created: u.Created, Password: u.HasPassword, Disabled: u.Disabled,
	}
}

// list is a list that is written as [] when it is empty.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

func (f *Face) getUser(ctx context.Context, n UserName) (User, error) {
	if n.User == "" {
		n.User = auth.PrincipalOf(ctx).User
	}
	u, err := f.deps.Accounts.UserInfo(ctx, n.User)
	if err != nil {
		return User{}, err
	}
	return shownUser(&u), nil
}

// UserPage is what user.list takes.
type UserPage struct {
	Account string `json:"account,omitempty"` // default: the caller's own; of all for an administrator with All
	All     bool   `json:"all,omitempty"`
	Marker  string `json:"marker,omitempty"`
	Limit   int    `json:"limit,omitempty"` // 1 to 1,000; default 1,000
}

// Users is the answer of user.list. Marker is there when more follow.
type Users struct {
	Users  []User `json:"users"`
	Marker string `json:"marker,omitempty"`
}

func (f *Face) listUsers(ctx context.Context, p UserPage) (Users, error) {
	limit, err := page(p.Limit)
	if err != nil {
		return Users{}, err
	}
	account := accountName(ctx, p.Account)
	if p.All {
		account = ""
	}
	found, err := f.deps.Accounts.Users(ctx, account, p.Marker, limit)
	out := Users{Users: make([]User, len(found))}
	for i := range found {
		out.Users[i] = shownUser(&found[i])
	}
	if len(found) == limit {
		out.Marker = found[limit-1].Name
	}
	return out, err
}
