package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"entrepot/auth"
)

// previousSuffix is behind the name of a secret that was replaced and still
// counts.
const previousSuffix = ".previous"

// rotatable are the secrets of the data directory.
func rotatable() []string { return []string{serverKey, depotSalt} }

// previous reads the secret that was in use before the present one; empty when
// there is none.
func previous(data, name string) (auth.Secret, error) {
	path := filepath.Join(data, secretsName, name+previousSuffix)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return auth.Secret{}, nil
	}
	if err != nil {
		return auth.Secret{}, err
	}
	return auth.NewSecret(strings.TrimRight(string(text), "\r\n")), checkMode(path)
}

// rotate puts a new random secret in the place of the present one, which
// counts along until the next time.
func rotate(data, name string) error {
	if _, err := secret(data, name); err != nil { // there is one, and it is sound
		return err
	}
	dir := filepath.Join(data, secretsName)
	path := filepath.Join(dir, name)
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	// The old one is safe under its second name before the first changes.
	if err := writeSecret(dir, path+previousSuffix, string(text)); err != nil {
		return err
	}
	value, err := randomSecret()
	if err != nil {
		return err
	}
	return writeSecret(dir, path, value+"\n")
}

func (p *program) secretsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "secrets", Short: "Replace secrets of the data directory", Args: noArgs, RunE: needsSubcommand}
	names := strings.Join(rotatable(), " or ")
	cmd.AddCommand(&cobra.Command{
		Use:   "rotate NAME",
		Short: "Replace " + names,
		Long: "Put a new random secret in the place of " + names + ". The present one is kept as NAME" + previousSuffix +
			" and counts along, until the secret is replaced again or that file is removed: tokens that were derived from the " +
			"old server key live on, and callers of the depot API may still use the old salt. A gateway that runs takes the " +
			"new one at its next start.",
		Args: oneArg("secret: " + names),
		RunE: func(_ *cobra.Command, args []string) error {
			c, _, err := p.load()
			if err != nil {
				return errUsage{err}
			}
			if !slices.Contains(rotatable(), args[0]) {
				return errUsage{fmt.Errorf("there is no secret %q: it is %s", args[0], names)}
			}
			if err := needStore(c.Data); err != nil {
				return err
			}
			if err := rotate(c.Data, args[0]); err != nil {
				return err
			}
			_, err = fmt.Fprintf(p.stdout, "%s is replaced; it counts from the next start of the gateway\n", args[0])
			return err
		},
	})
	return cmd
}

// judgePassword refuses a weak administrator's password where others than the
// machine itself could try it, and warns of it elsewhere.
func (s *server) judgePassword(password auth.Secret) error {
	reason := auth.WeakPassword(adminName, password.Reveal())
	switch {
	case reason == "":
		return nil
	case s.onLoopback():
		s.log.Warn("the administrator's password is weak; change it before the gateway is reachable", "reason", reason)
		return nil
	}
	return fmt.Errorf("ENTREPOT_ADMIN_PASSWORD is refused: %s; leave it out and a random one is made", reason)
}
