package admin

import (
	"context"
	"encoding/json"
	"slices"

	"entrepot/auth"
	"entrepot/gateway"
)

// A method is one row of the table.
type method struct {
	run runner
	// may tells system.version whether a caller would be let; the gateway
	// decides when it is called.
	may     func(gateway.Powers) bool
	changes bool // failures are written down
	local   bool // for the machine itself only
}

// A runner reads parameters and carries a method out. The target is what the
// call was about, for the administrators' log.
type runner func(f *Face, ctx context.Context, raw json.RawMessage) (result any, target string, err error)

// targeted parameters know what the call is about.
type targeted interface{ target() string }

// with makes a runner of a function of typed parameters.
func with[P, R any](do func(f *Face, ctx context.Context, p P) (R, error)) runner {
	return func(f *Face, ctx context.Context, raw json.RawMessage) (any, string, error) {
		p, err := params[P](raw)
		target := ""
		if t, ok := any(p).(targeted); ok {
			target = t.target()
		}
		if err != nil {
			return nil, target, err
		}
		result, err := do(f, ctx, p)
		return result, target, err
	}
}

// Who may call what.
func anyone(p gateway.Powers) bool   { return p.Known }
func owners(p gateway.Powers) bool   { return p.Owner || p.Admin }
func viewers(p gateway.Powers) bool  { return p.Known }
func listers(p gateway.Powers) bool  { return p.Owner || p.Reads }
func readers(p gateway.Powers) bool  { return p.Reads }
func managers(p gateway.Powers) bool { return p.Admin }

// Names of the methods that the command line calls.
const (
	MethodVersion       = "system.version"
	MethodLog           = "system.log"
	MethodAccountCreate = "account.create"
	MethodAccountGet    = "account.get"
	MethodAccountUpdate = "account.update"
	MethodAccountDelete = "account.delete"
	MethodAccountList   = "account.list"
	MethodUserCreate    = "user.create"
	MethodUserUpdate    = "user.update"
	MethodUserDelete    = "user.delete"
	MethodUserPassword  = "user.set_password"
	MethodUserList      = "user.list"
	MethodUserGet       = "user.get"
)

// table is the one table of methods, for both doors.
func table(d Deps) map[string]method {
	t := map[string]method{
		MethodVersion:       {run: with((*Face).version), may: anyone},
		MethodLog:           {run: with((*Face).log), may: readers},
		MethodAccountCreate: {run: with((*Face).createAccount), may: managers, changes: true},
		MethodAccountGet:    {run: with((*Face).getAccount), may: viewers},
		MethodAccountUpdate: {run: with((*Face).updateAccount), may: managers, changes: true},
		MethodAccountDelete: {run: with((*Face).deleteAccount), may: managers, changes: true},
		MethodAccountList:   {run: with((*Face).listAccounts), may: readers},
		MethodUserCreate:    {run: with((*Face).createUser), may: owners, changes: true},
		MethodUserUpdate:    {run: with((*Face).updateUser), may: owners, changes: true},
		MethodUserDelete:    {run: with((*Face).deleteUser), may: owners, changes: true},
		MethodUserPassword:  {run: with((*Face).setPassword), may: anyone, changes: true},
		MethodUserList:      {run: with((*Face).listUsers), may: listers},
		MethodUserGet:       {run: with((*Face).getUser), may: anyone},
	}
	if d.Containers != nil {
		t["container.list"] = method{run: with((*Face).listContainers), may: viewers}
		t["container.create"] = method{run: with((*Face).createContainer), may: owners, changes: true}
		t["container.delete"] = method{run: with((*Face).deleteContainer), may: owners, changes: true}
		t["upload.ticket"] = method{run: with((*Face).uploadTicket), may: anyone, changes: true}
		t["download.ticket"] = method{run: with((*Face).downloadTicket), may: anyone, changes: true}
	}
	if d.Applications != nil && d.Credentials != nil {
		addApplications(t)
	}
	if d.Depots != nil {
		t[MethodDepotCalls] = method{run: with((*Face).depotCalls), may: managers}
	}
	if d.Replication != nil {
		addReplication(t)
	}
	if d.Snapshots != nil {
		addSnapshots(t)
	}
	if d.Maintenance != nil {
		addMaintenance(t)
	}
	return t
}

// Nothing is what methods without parameters take.
type Nothing struct{}

// Version is the answer of system.version.
type Version struct {
	Version string   `json:"version"`
	Methods []string `json:"methods"` // those that the caller may use
}

func (f *Face) version(ctx context.Context, _ Nothing) (Version, error) {
	p := auth.PrincipalOf(ctx)
	powers := gateway.PowersOf(p)
	out := Version{Version: f.deps.Version, Methods: []string{}}
	for name, m := range f.methods {
		if m.may(powers) && (!m.local || p.User == auth.LocalUser) {
			out.Methods = append(out.Methods, name)
		}
	}
	slices.Sort(out.Methods)
	return out, nil
}
