package main

import (
	"errors"
	"strconv"

	"github.com/spf13/cobra"

	"entrepot/protocols/admin"
)

func (p *program) keyCommand() *cobra.Command {
	out := &output{program: p}
	cmd := &cobra.Command{
		Use: "key", Short: "Manage API keys of applications",
		Long: "Manage API keys. A key says which application calls; it stands for no user. An application has at most two\n" +
			"active keys, so that one can take the place of the other." + adminHelp,
		Args: noArgs, RunE: needsSubcommand,
	}
	out.flag(cmd)
	cmd.AddCommand(p.keyAdd(out), p.keyList(out), p.keyRevoke(out))
	return cmd
}

func (p *program) keyAdd(out *output) *cobra.Command {
	var k admin.NewKey
	cmd := &cobra.Command{
		Use:   "add --application NAME",
		Short: "Make an API key for an application, which is made when it does not exist, and print it",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if k.ID == "" {
				return errUsage{errors.New("give --application")}
			}
			var key admin.Key
			if err := p.administer(cmd.Context(), admin.MethodKeyAdd, k, &key); err != nil {
				return err
			}
			return out.print(key, func(t *table) { t.line(key.Key) })
		},
	}
	cmd.Flags().StringVar(&k.ID, "application", "", "name of the application")
	cmd.Flags().StringSliceVar(&k.Networks, "allow", nil, "addresses that may use the key (default: any)")
	return cmd
}

// applications reads all applications.
func (p *program) applications(cmd *cobra.Command) ([]admin.AppRow, error) {
	all := []admin.AppRow{}
	for marker := ""; ; {
		var page admin.Apps
		if err := p.administer(cmd.Context(), admin.MethodAppList, admin.AppPage{Marker: marker}, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Applications...)
		if marker = page.Marker; marker == "" {
			return all, nil
		}
	}
}

func (p *program) keyList(out *output) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List API keys, by what is kept of them",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := p.applications(cmd)
			if err != nil {
				return err
			}
			return out.print(all, func(t *table) {
				t.line("APPLICATION", "KEY", "ENDS IN", "STATE", "MADE")
				for _, a := range all {
					for _, k := range a.Keys {
						t.line(a.ID, k.ID, k.Last4, k.State, day(k.Created))
					}
				}
			})
		},
	}
}

func (p *program) keyRevoke(out *output) *cobra.Command {
	return &cobra.Command{
		Use:   "revoke APPLICATION KEY",
		Short: "End an API key, named by its ID or its last four digits",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return errUsage{errors.New("give an application and a key's ID or last four digits")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			var done admin.Revoked
			if err := p.administer(cmd.Context(), admin.MethodKeyRevoke, admin.OldKey{ID: args[0], Last4: args[1]}, &done); err != nil {
				return err
			}
			return out.print(done, nil)
		},
	}
}

func (p *program) applicationCommand() *cobra.Command {
	out := &output{program: p}
	cmd := &cobra.Command{
		Use: "application", Short: "Manage applications and what accounts allow them",
		Args: noArgs, RunE: needsSubcommand, Long: "Manage applications and what accounts allow them." + adminHelp,
	}
	out.flag(cmd)
	cmd.AddCommand(p.applicationCreate(out), p.applicationList(out), p.applicationDelete(out), p.grantList(out),
		p.grantChange(out, "allow", "Let an application work for an account", admin.MethodGrantAllow),
		p.grantChange(out, "stop", "Stop an application for an account, its application passwords too", admin.MethodGrantStop))
	return cmd
}

func (p *program) applicationCreate(out *output) *cobra.Command {
	var n admin.NewApplication
	cmd := &cobra.Command{
		Use:   "create ID",
		Short: "Make an application with a key, and print the key",
		Args:  oneArg("application"),
		RunE: func(cmd *cobra.Command, args []string) error {
			n.ID = args[0]
			var key admin.Key
			if err := p.administer(cmd.Context(), admin.MethodAppCreate, n, &key); err != nil {
				return err
			}
			return out.print(key, func(t *table) { t.line(key.Key) })
		},
	}
	cmd.Flags().StringVar(&n.Name, "name", "", "name for people (default: the ID)")
	cmd.Flags().StringVar(&n.Vendor, "vendor", "", "who makes it")
	cmd.Flags().StringVar(&n.Note, "note", "", "what people should know of it")
	cmd.Flags().BoolVar(&n.FirstParty, "first-party", false, "the gateway's own: accounts cannot stop it")
	return cmd
}

func (p *program) applicationList(out *output) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List applications",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := p.applications(cmd)
			if err != nil {
				return err
			}
			return out.print(all, func(t *table) {
				t.line("APPLICATION", "NAME", "VENDOR", "KEYS", "ACCOUNTS", "MADE")
				for _, a := range all {
					active := 0
					for _, k := range a.Keys {
						if k.State == "active" {
							active++
						}
					}
					t.line(a.ID, a.Name, orDash(a.Vendor), strconv.Itoa(active), strconv.Itoa(a.Users), day(a.Created))
				}
			})
		},
	}
}

func (p *program) applicationDelete(out *output) *cobra.Command {
	return &cobra.Command{
		Use:   "delete ID",
		Short: "Delete an application; its keys and application passwords end",
		Args:  oneArg("application"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var gone admin.Deleted
			if err := p.administer(cmd.Context(), admin.MethodAppDelete, admin.AppName{ID: args[0]}, &gone); err != nil {
				return err
			}
			return out.print(gone, nil)
		},
	}
}

func (p *program) grantList(out *output) *cobra.Command {
	return &cobra.Command{
		Use:   "grants ACCOUNT",
		Short: "List the applications that an account allows or has stopped",
		Args:  oneArg("account"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var list admin.Grants
			if err := p.administer(cmd.Context(), admin.MethodGrantList, admin.AccountName{Account: longAccount(args[0])}, &list); err != nil {
				return err
			}
			return out.print(list.Grants, func(t *table) {
				t.line("APPLICATION", "NAME", "STATE", "PASSWORDS", "SINCE", "LAST USED")
				for _, g := range list.Grants {
					used := "never"
					if !g.LastUsed.IsZero() {
						used = day(g.LastUsed)
					}
					t.line(g.Application, g.Name, g.State, strconv.Itoa(g.Passwords), day(g.Activated), used)
				}
			})
		},
	}
}

func (p *program) grantChange(out *output, name, short, method string) *cobra.Command {
	return &cobra.Command{
		Use:   name + " ACCOUNT APPLICATION",
		Short: short,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return errUsage{errors.New("give an account and an application")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			var done admin.Nothing
			err := p.administer(cmd.Context(), method, admin.Allowed{Account: longAccount(args[0]), Application: args[1]}, &done)
			if err != nil {
				return err
			}
			return out.print(done, nil)
		},
	}
}
