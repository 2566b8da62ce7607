package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"entrepot/protocols/admin"
)

func (p *program) accountCommand() *cobra.Command {
	out := &output{program: p}
	cmd := &cobra.Command{
		Use: "account", Short: "Manage accounts", Long: "Manage accounts: tenants with users, containers and a quota." + adminHelp,
		Args: noArgs, RunE: needsSubcommand,
	}
	out.flag(cmd)
	cmd.AddCommand(p.accountCreate(out), p.accountList(out), p.accountShow(out), p.accountUpdate(out), p.accountDelete(out), p.accountLog(out))
	return cmd
}

// shortAccount is an account's name as people type it.
func shortAccount(shown string) string { return strings.TrimPrefix(shown, "AUTH_") }

// longAccount is an account's name as the face takes it, also where the name
// itself begins with the prefix.
func longAccount(name string) string { return "AUTH_" + name }

// quota reads a limit: bytes, a number with a unit, or "none".
func quota(text string) (admin.Limit, error) {
	if text == "none" {
		return admin.Limit{Set: true, Bytes: -1}, nil
	}
	n, err := parseSize(text)
	if err != nil || n < 0 {
		return admin.Limit{}, errUsage{fmt.Errorf("a quota is a number of bytes, or one with a unit such as 10GiB, or none: %q", text)}
	}
	return admin.Limit{Set: true, Bytes: n}, nil
}

// metaOf reads NAME=VALUE; an empty value removes.
func metaOf(list []string) (map[string]string, error) {
	out := make(map[string]string, len(list))
	for _, item := range list {
		name, value, ok := strings.Cut(item, "=")
		if !ok || name == "" {
			return nil, errUsage{fmt.Errorf("--meta is NAME=VALUE: %q", item)}
		}
		out[strings.ToLower(name)] = value
	}
	return out, nil
}

const (
	quotaUsage = "limit of bytes: 1000, 10GiB, none"
	metaUsage  = "property NAME=VALUE; may be repeated"
)

func (p *program) accountCreate(out *output) *cobra.Command {
	var limit, owner, email, file string
	var meta []string
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Make an account with its owner, and print the owner's password when it is a random one",
		Args:  oneArg("account name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			n := admin.NewAccount{Account: longAccount(args[0]), User: owner, Email: email}
			if n.User == "" {
				n.User = args[0]
			}
			var err error
			if cmd.Flags().Changed("quota") {
				if n.Quota, err = quota(limit); err != nil {
					return err
				}
			}
			if n.Meta, err = metaOf(meta); err != nil {
				return err
			}
			password, err := p.password(file)
			if err != nil {
				return err
			}
			n.Password = password.Reveal()
			var made admin.Created
			if err := p.administer(cmd.Context(), admin.MethodAccountCreate, n, &made); err != nil {
				return err
			}
			return out.print(made, func(t *table) { t.line(made.Password) })
		},
	}
	cmd.Flags().StringVar(&limit, "quota", "none", quotaUsage)
	cmd.Flags().StringVar(&owner, "owner", "", "login of the owner, which is made (default: the account's name)")
	cmd.Flags().StringVar(&email, "email", "", "mail address of the owner")
	cmd.Flags().StringArrayVar(&meta, "meta", nil, metaUsage)
	passwordFlag(cmd, &file)
	return cmd
}

func (p *program) accountList(out *output) *cobra.Command {
	var prefix string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List accounts",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all := []admin.AccountRow{}
			for marker := ""; ; {
				var page admin.Accounts
				q := admin.Page{Prefix: longAccount(prefix), Marker: marker}
				if err := p.administer(cmd.Context(), admin.MethodAccountList, q, &page); err != nil {
					return err
				}
				all = append(all, page.Accounts...)
				if marker = page.Marker; marker == "" {
					return out.print(all, func(t *table) { accountsTable(t, all) })
				}
			}
		},
	}
	cmd.Flags().StringVar(&prefix, "prefix", "", "only accounts whose names begin so")
	return cmd
}

func accountsTable(t *table, list []admin.AccountRow) {
	t.line("ACCOUNT", "STATE", "USED", "QUOTA")
	for _, a := range list {
		t.line(shortAccount(a.Account), a.State, size(a.Bytes), limit(a.Quota))
	}
}

// limit shows a quota; none is a dash.
func limit(quota *int64) string {
	if quota == nil {
		return "-"
	}
	return size(*quota)
}

func (p *program) accountShow(out *output) *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME",
		Short: "Show an account",
		Args:  oneArg("account name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var a admin.Account
			if err := p.administer(cmd.Context(), admin.MethodAccountGet, admin.AccountName{Account: longAccount(args[0])}, &a); err != nil {
				return err
			}
			return out.print(a, func(t *table) { accountLines(t, &a) })
		},
	}
}

func accountLines(t *table, a *admin.Account) {
	t.line("account", shortAccount(a.Account))
	t.line("state", a.State)
	t.line("containers", strconv.FormatInt(a.Containers, 10))
	t.line("objects", strconv.FormatInt(a.Objects, 10))
	t.line("used", size(a.Bytes))
	t.line("quota", limit(a.Quota))
	t.line("made", day(a.Created))
	for _, name := range slices.Sorted(maps.Keys(a.Meta)) {
		value := a.Meta[name]
		if strings.HasPrefix(name, "temp-url-key") {
			value = "(set)" // a key; --json shows it
		}
		t.line("meta "+name, value)
	}
}

func (p *program) accountUpdate(out *output) *cobra.Command {
	var limit, state string
	var meta []string
	cmd := &cobra.Command{
		Use:   "update NAME",
		Short: "Change quota, state or properties of an account",
		Args:  oneArg("account name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			u := admin.AccountUpdate{Account: longAccount(args[0]), State: state, Meta: map[string]*string{}}
			var err error
			if cmd.Flags().Changed("quota") {
				if u.Quota, err = quota(limit); err != nil {
					return err
				}
			}
			properties, err := metaOf(meta)
			if err != nil {
				return err
			}
			for name, value := range properties {
				u.Meta[name] = &value
			}
			if !u.Quota.Set && state == "" && len(meta) == 0 {
				return errUsage{errors.New("give --quota, --state or --meta")}
			}
			if state != "" && state != "active" && state != "suspended" {
				return errUsage{fmt.Errorf("an account is active or suspended, not %q", state)}
			}
			var now admin.Account
			if err := p.administer(cmd.Context(), admin.MethodAccountUpdate, u, &now); err != nil {
				return err
			}
			return out.print(now, nil)
		},
	}
	cmd.Flags().StringVar(&limit, "quota", "", quotaUsage)
	cmd.Flags().StringVar(&state, "state", "", "active, or suspended: nobody of the account may do anything")
	cmd.Flags().StringArrayVar(&meta, "meta", nil, metaUsage+"; NAME= removes")
	return cmd
}

func (p *program) accountDelete(out *output) *cobra.Command {
	sure := false
	cmd := &cobra.Command{
		Use:   "delete NAME --yes",
		Short: "Delete an account with its users and all that it holds",
		Args:  oneArg("account name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !sure {
				return errUsage{fmt.Errorf("this deletes the users and all content of %s and cannot be undone: add --yes", args[0])}
			}
			return p.deleteAccount(cmd.Context(), out, args[0])
		},
	}
	cmd.Flags().BoolVar(&sure, "yes", false, "really delete it")
	return cmd
}

func (p *program) deleteAccount(ctx context.Context, out *output, name string) error {
	var gone admin.Deleted
	if err := p.administer(ctx, admin.MethodAccountDelete, admin.AccountName{Account: longAccount(name)}, &gone); err != nil {
		return err
	}
	return out.print(gone, nil)
}

// maxLogPage is the longest page of system.log.
const maxLogPage = 1000

func (p *program) accountLog(out *output) *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:   "log",
		Short: "List who administered what, newest first",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 1 {
				return errUsage{errors.New("--limit is at least 1")}
			}
			lines := []admin.LogLine{}
			for page := (admin.Log{}); ; {
				ask := admin.LogPage{Marker: page.Marker, Limit: min(limit-len(lines), maxLogPage)}
				page = admin.Log{}
				if err := p.administer(cmd.Context(), admin.MethodLog, ask, &page); err != nil {
					return err
				}
				lines = append(lines, page.Lines...)
				if page.Marker == "" || len(lines) == limit {
					break
				}
			}
			return out.print(lines, func(t *table) {
				t.line("TIME", "CALLER", "FROM", "METHOD", "TARGET", "RESULT")
				for _, l := range lines {
					t.line(day(l.Time), l.Caller, orDash(l.Address), l.Method, l.Target, l.Result)
				}
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 50, "how many lines")
	return cmd
}
