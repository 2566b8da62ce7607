package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"entrepot/protocols/admin"
)

// appPasswordCommand manages application passwords below "entrepot user".
func (p *program) appPasswordCommand(out *output) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "app-password",
		Short: "Manage application passwords: credentials for one application and one folder",
		Args:  noArgs, RunE: needsSubcommand,
	}
	cmd.AddCommand(p.appPasswordAdd(out), p.appPasswordList(out), p.appPasswordDelete(out))
	return cmd
}

func (p *program) appPasswordAdd(out *output) *cobra.Command {
	var n admin.NewAppPassword
	var life time.Duration
	cmd := &cobra.Command{
		Use:   "add USER --application ID --container NAME",
		Short: "Make an application password and print it",
		Args:  oneArg("user name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if n.Application == "" || n.Container == "" || life < 0 {
				return errUsage{errors.New("give --application and --container, and a positive --expires if any")}
			}
			n.User = args[0]
			if life > 0 {
				n.Expires = time.Now().Add(life).UTC().Truncate(time.Second)
			}
			var made admin.AppPassword
			if err := p.administer(cmd.Context(), admin.MethodPasswordCreate, n, &made); err != nil {
				return err
			}
			return out.print(made, func(t *table) { t.line(made.Password) })
		},
	}
	cmd.Flags().StringVar(&n.Application, "application", "", "the application that may use it")
	cmd.Flags().StringVar(&n.Container, "container", "", "the container that it is for")
	cmd.Flags().StringVar(&n.Prefix, "folder", "", "the folder in it (default: all of it)")
	cmd.Flags().BoolVar(&n.ReadOnly, "read-only", false, "it may only read")
	cmd.Flags().StringVar(&n.Label, "label", "", "what people know it by")
	cmd.Flags().DurationVar(&life, "expires", 0, "how long it lives, such as 720h (default: for ever)")
	return cmd
}

func (p *program) appPasswordList(out *output) *cobra.Command {
	return &cobra.Command{
		Use:   "list USER",
		Short: "List the application passwords of a user",
		Args:  oneArg("user name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var list admin.AppPasswords
			if err := p.administer(cmd.Context(), admin.MethodPasswordList, admin.UserName{User: args[0]}, &list); err != nil {
				return err
			}
			return out.print(list.Passwords, func(t *table) {
				t.line("ID", "APPLICATION", "FOR", "MAY", "STATE", "LABEL", "MADE", "EXPIRES")
				for _, c := range list.Passwords {
					may, expires := "write", "never"
					if c.ReadOnly {
						may = "read"
					}
					if !c.Expires.IsZero() {
						expires = day(c.Expires)
					}
					t.line(c.ID, c.Application, c.Container+"/"+c.Prefix, may, c.State, orDash(c.Label), day(c.Created), expires)
				}
			})
		},
	}
}

func (p *program) appPasswordDelete(out *output) *cobra.Command {
	return &cobra.Command{
		Use:   "delete USER ID",
		Short: "End an application password",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return errUsage{errors.New("give a user name and the ID of an application password")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			var gone admin.Deleted
			err := p.administer(cmd.Context(), admin.MethodPasswordDelete, admin.OldAppPassword{User: args[0], ID: args[1]}, &gone)
			if err != nil {
				return err
			}
			return out.print(gone, nil)
		},
	}
}
