package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"entrepot/auth"
	"entrepot/protocols/admin"
)

// maxPassword bounds what is read of a password file, in bytes.
const maxPassword = 4096

func (p *program) userCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "user", Short: "Manage logins", Args: cobra.NoArgs, RunE: needsSubcommand}
	cmd.AddCommand(p.userAdd(), p.userPasswd(), p.userList())
	return cmd
}

func needsSubcommand(cmd *cobra.Command, _ []string) error {
	return errUsage{fmt.Errorf("%s needs a command; see entrepot %s --help", cmd.Name(), cmd.Name())}
}

func oneArg(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return errUsage{fmt.Errorf("give one %s", what)}
		}
		return nil
	}
}

func (p *program) userAdd() *cobra.Command {
	var account, role, file string
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
			password, made, err := p.password(file)
			if err != nil {
				return err
			}
			err = p.administer(cmd.Context(), admin.MethodUserAdd, admin.User{
				Name: args[0], Account: account, Role: role, Password: password.Reveal(),
			}, nil)
			if err == nil && made {
				_, err = fmt.Fprintln(p.stdout, password.Reveal())
			}
			return err
		},
	}
	cmd.Flags().StringVar(&account, "account", "", "account of the user (default: the user's name)")
	cmd.Flags().StringVar(&role, "role", string(auth.RoleOwner), "owner, user, viewer, auditor or admin")
	passwordFlag(cmd, &file)
	return cmd
}

func passwordFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "password-file", "", "file with the password, - for standard input (default: a random one is made and printed)")
}

func (p *program) userPasswd() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "passwd NAME",
		Short: "Give a login another password; its tokens end",
		Args:  oneArg("user name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			password, made, err := p.password(file)
			if err != nil {
				return err
			}
			err = p.administer(cmd.Context(), admin.MethodUserPasswd, admin.Passwd{Name: args[0], Password: password.Reveal()}, nil)
			if err == nil && made {
				_, err = fmt.Fprintln(p.stdout, password.Reveal())
			}
			return err
		},
	}
	passwordFlag(cmd, &file)
	return cmd
}

// password reads the password from a file or standard input, or makes one. One
// trailing line end is not part of it.
func (p *program) password(file string) (s auth.Secret, made bool, err error) {
	var r io.Reader
	switch file {
	case "":
		s, err = randomPassword()
		return s, true, err
	case "-":
		r = p.stdin
	default:
		f, err := os.Open(file)
		if err != nil {
			return s, false, err
		}
		defer f.Close()
		r = f
	}
	text, err := io.ReadAll(io.LimitReader(bufio.NewReader(r), maxPassword+1))
	if err != nil {
		return s, false, err
	}
	line := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if line == "" || len(line) > maxPassword {
		return s, false, errors.New("the password file is empty or too long")
	}
	return auth.NewSecret(line), false, nil
}

func (p *program) userList() *cobra.Command {
	var account string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List logins",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := tabwriter.NewWriter(p.stdout, 0, 8, 2, ' ', 0)
			fmt.Fprintln(w, "USER\tACCOUNT\tROLE\tPASSWORD\tMADE")
			for after := ""; ; {
				var page []admin.Listed
				err := p.administer(cmd.Context(), admin.MethodUserList, admin.List{Account: account, After: after}, &page)
				if err != nil {
					return err
				}
				for _, u := range page {
					has := "no"
					if u.Password {
						has = "yes"
					}
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", u.Name, u.Account, u.Role, has, u.Created.Format("2006-01-02 15:04:05"))
				}
				if len(page) < 1000 {
					return w.Flush()
				}
				after = page[len(page)-1].Name
			}
		},
	}
	cmd.Flags().StringVar(&account, "account", "", "only the logins of this account")
	return cmd
}

func (p *program) keyCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "key", Short: "Manage API keys", Args: cobra.NoArgs, RunE: needsSubcommand}
	var application string
	add := &cobra.Command{
		Use:   "add --application NAME",
		Short: "Make an API key for an application and print it",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if application == "" {
				return errUsage{errors.New("give --application")}
			}
			var key admin.Key
			if err := p.administer(cmd.Context(), admin.MethodKeyAdd, admin.NewKey{Application: application}, &key); err != nil {
				return err
			}
			_, err := fmt.Fprintln(p.stdout, key.Key)
			return err
		},
	}
	add.Flags().StringVar(&application, "application", "", "name of the application")
	cmd.AddCommand(add)
	return cmd
}
