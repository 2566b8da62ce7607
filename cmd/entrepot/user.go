package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"entrepot/auth"
	"entrepot/protocols/admin"
)

// maxPassword bounds what is read of a password file, in bytes.
const maxPassword = 4096

func (p *program) userCommand() *cobra.Command {
	out := &output{program: p}
	cmd := &cobra.Command{
		Use: "user", Short: "Manage logins", Long: "Manage logins." + adminHelp,
		Args: noArgs, RunE: needsSubcommand,
	}
	out.flag(cmd)
	cmd.AddCommand(p.userAdd(out), p.userPasswd(out), p.userList(out), p.userShow(out), p.userDelete(out), p.userRole(out),
		p.userSwitch(out, "disable", "Refuse a login until it is enabled; its tokens end", true),
		p.userSwitch(out, "enable", "Let a disabled login in again", false), p.userAllow(out), p.appPasswordCommand(out))
	return cmd
}

func needsSubcommand(cmd *cobra.Command, _ []string) error {
	return errUsage{fmt.Errorf("%s needs a command; see %s --help", cmd.Name(), cmd.CommandPath())}
}

// noArgs and oneArg are cobra's rules for arguments, as mistakes of the command
// line.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if cmd.HasSubCommands() {
		return errUsage{fmt.Errorf("there is no command %q; see %s --help", args[0], cmd.CommandPath())}
	}
	return errUsage{fmt.Errorf("%s takes no %q", cmd.CommandPath(), args[0])}
}

func oneArg(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return errUsage{fmt.Errorf("give one %s", what)}
		}
		return nil
	}
}

func (p *program) userAdd(out *output) *cobra.Command {
	var account, role, file, email string
	var groups, networks []string
	cmd := &cobra.Command{
		Use:   "add NAME --account ACCOUNT",
		Short: "Make a login; the account is made when it does not exist",
		Args:  oneArg("user name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if account == "" {
				account = args[0]
			}
			if !auth.Role(role).Valid() {
				return errUsage{fmt.Errorf("there is no role %q: owner, user, viewer, auditor, admin", role)}
			}
			password, err := p.password(file)
			if err != nil {
				return err
			}
			var made admin.Created
			err = p.administer(cmd.Context(), admin.MethodUserCreate, admin.NewUser{
				User: args[0], Account: longAccount(account), Roles: []string{role}, Password: password.Reveal(),
				Groups: groups, Networks: networks, Email: email,
			}, &made)
			if err != nil {
				return err
			}
			return out.print(made, func(t *table) { t.line(made.Password) })
		},
	}
	cmd.Flags().StringVar(&account, "account", "", "account of the user (default: the user's name)")
	cmd.Flags().StringVar(&role, "role", string(auth.RoleOwner), "owner, user, viewer, auditor or admin")
	cmd.Flags().StringVar(&email, "email", "", "mail address of the user")
	cmd.Flags().StringSliceVar(&groups, "group", nil, "groups that the user is in")
	cmd.Flags().StringSliceVar(&networks, "allow", nil, "addresses that the user may come from (default: any)")
	passwordFlag(cmd, &file)
	return cmd
}

func passwordFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "password-file", "", "file with the password, - for standard input (default: a random one is made and printed)")
}

func (p *program) userPasswd(out *output) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "passwd NAME",
		Short: "Give a login another password; its tokens end",
		Args:  oneArg("user name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			password, err := p.password(file)
			if err != nil {
				return err
			}
			var made admin.Created
			err = p.administer(cmd.Context(), admin.MethodUserPassword, admin.NewPassword{User: args[0], Password: password.Reveal()}, &made)
			if err != nil {
				return err
			}
			return out.print(made, func(t *table) { t.line(made.Password) })
		},
	}
	passwordFlag(cmd, &file)
	return cmd
}

// password reads the password from a file or standard input; without a file it
// is empty, and the gateway makes one. One trailing line end is not part of it.
func (p *program) password(file string) (s auth.Secret, err error) {
	var r io.Reader
	switch file {
	case "":
		return s, nil
	case "-":
		r = p.stdin
	default:
		f, err := os.Open(file)
		if err != nil {
			return s, err
		}
		defer f.Close()
		r = f
	}
	text, err := io.ReadAll(io.LimitReader(bufio.NewReader(r), maxPassword+1))
	if err != nil {
		return s, err
	}
	line := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if line == "" || len(line) > maxPassword {
		return s, errors.New("the password file is empty or too long")
	}
	return auth.NewSecret(line), nil
}

func (p *program) userList(out *output) *cobra.Command {
	var account string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List logins",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all := []admin.User{}
			for marker := ""; ; {
				var page admin.Users
				q := admin.UserPage{All: account == "", Marker: marker}
				if account != "" {
					q.Account = longAccount(account)
				}
				if err := p.administer(cmd.Context(), admin.MethodUserList, q, &page); err != nil {
					return err
				}
				all = append(all, page.Users...)
				if marker = page.Marker; marker == "" {
					return out.print(all, func(t *table) { usersTable(t, all) })
				}
			}
		},
	}
	cmd.Flags().StringVar(&account, "account", "", "only the logins of this account")
	return cmd
}

func usersTable(t *table, list []admin.User) {
	t.line("USER", "ACCOUNT", "ROLE", "STATE", "PASSWORD", "MADE")
	for _, u := range list {
		state, has := "enabled", "no"
		if u.Disabled {
			state = "disabled"
		}
		if u.Password {
			has = "yes"
		}
		t.line(u.User, shortAccount(u.Account), strings.Join(u.Roles, ","), state, has, day(u.Created))
	}
}

func (p *program) userShow(out *output) *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME",
		Short: "Show a login",
		Args:  oneArg("user name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var u admin.User
			if err := p.administer(cmd.Context(), admin.MethodUserGet, admin.UserName{User: args[0]}, &u); err != nil {
				return err
			}
			return out.print(u, func(t *table) { userLines(t, &u) })
		},
	}
}

func userLines(t *table, u *admin.User) {
	t.line("user", u.User)
	t.line("account", shortAccount(u.Account))
	t.line("role", strings.Join(u.Roles, ","))
	t.line("groups", orDash(strings.Join(u.Groups, ",")))
	t.line("allowed from", orDash(strings.Join(u.Networks, ",")))
	t.line("email", orDash(u.Email))
	t.line("password", yesNo(u.Password))
	t.line("disabled", yesNo(u.Disabled))
	t.line("made", day(u.Created))
}

func (p *program) userDelete(out *output) *cobra.Command {
	return &cobra.Command{
		Use:   "delete NAME",
		Short: "Delete a login; what it wrote stays",
		Args:  oneArg("user name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var gone admin.Deleted
			if err := p.administer(cmd.Context(), admin.MethodUserDelete, admin.UserName{User: args[0]}, &gone); err != nil {
				return err
			}
			return out.print(gone, nil)
		},
	}
}

// change makes a command that changes a login.
func (p *program) userChange(out *output, cmd *cobra.Command, change func(args []string) (admin.UserUpdate, error)) *cobra.Command {
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		u, err := change(args)
		if err != nil {
			return err
		}
		return p.updateUser(cmd.Context(), out, u)
	}
	return cmd
}

func (p *program) updateUser(ctx context.Context, out *output, u admin.UserUpdate) error {
	var now admin.User
	if err := p.administer(ctx, admin.MethodUserUpdate, u, &now); err != nil {
		return err
	}
	return out.print(now, nil)
}

func (p *program) userSwitch(out *output, name, short string, disabled bool) *cobra.Command {
	cmd := &cobra.Command{Use: name + " NAME", Short: short, Args: oneArg("user name")}
	return p.userChange(out, cmd, func(args []string) (admin.UserUpdate, error) {
		return admin.UserUpdate{User: args[0], Disabled: &disabled}, nil
	})
}

func (p *program) userRole(out *output) *cobra.Command {
	var groups []string
	cmd := &cobra.Command{
		Use:   "role NAME ROLE",
		Short: "Give a login another role: owner, user, viewer, auditor, admin",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 || !auth.Role(args[1]).Valid() {
				return errUsage{errors.New("give a user name and a role: owner, user, viewer, auditor, admin")}
			}
			return nil
		},
	}
	cmd.Flags().StringSliceVar(&groups, "group", nil, "groups that the user is in, in place of those it was in")
	return p.userChange(out, cmd, func(args []string) (admin.UserUpdate, error) {
		u := admin.UserUpdate{User: args[0], Roles: args[1:]}
		if cmd.Flags().Changed("group") {
			u.Groups = &groups
		}
		return u, nil
	})
}

func (p *program) userAllow(out *output) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "allow NAME [ADDRESS...]",
		Short: "Limit the addresses that a login may come from; none: any",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errUsage{errors.New("give a user name")}
			}
			return nil
		},
	}
	return p.userChange(out, cmd, func(args []string) (admin.UserUpdate, error) {
		networks := args[1:]
		if _, err := auth.ParseNetworks(networks); err != nil {
			return admin.UserUpdate{}, errUsage{err}
		}
		return admin.UserUpdate{User: args[0], Networks: &networks}, nil
	})
}
