// Command entrepot is the storage gateway: one store, reached through Swift's
// REST API, WebDAV, DuraCloud's REST API and the depot API.
//
//	entrepot serve                 starts the gateway
//	entrepot account create|list|show|update|delete  manages accounts
//	entrepot user add|passwd|list|delete|disable|enable|role  manages logins
//	entrepot key add|list|revoke   manages API keys
//	entrepot application create|list|delete|grants|allow|stop  manages applications
//	entrepot depot list|create|…   manages depots over the depot API
//	entrepot replication status|set|compare|retry|repair|release  manages replicas in further stores
//	entrepot snapshot list|create|destroy  manages snapshots of spaces
//	entrepot check                 looks for damage
//	entrepot events                lists what an operator should know
//	entrepot sweep                 removes content that no record names
//	entrepot backup|restore        saves the store, and brings it back
//	entrepot config                prints the effective configuration
//	entrepot version               prints the version
//	entrepot man DIR               writes manual pages
//	entrepot completion bash|zsh|fish  prints a script that completes commands
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	if os.Getenv("GOGC") == "" {
		// The live heap is small and what requests allocate is gone with them:
		// collecting at twice the heap would spend a third of the time on it.
		debug.SetGCPercent(400)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// errUsage marks mistakes of the command line.
type errUsage struct{ error }

// program is what the commands share.
type program struct {
	env    []string
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	flags  flags
}

// run carries out one command line and returns the exit code.
func run(ctx context.Context, args, env []string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := &program{env: env, stdin: stdin, stdout: stdout, stderr: stderr}
	root := p.rootCommand()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var usage errUsage
	var shown silent
	var coded interface{ ExitCode() int }
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &shown):
		return shown.ExitCode()
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "entrepot: %v\n", err)
		return exitUsage
	}
	fmt.Fprintf(stderr, "entrepot: %v\n", err)
	if errors.As(err, &coded) {
		return coded.ExitCode()
	}
	return exitFailed
}

func (p *program) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "entrepot",
		Short: "A storage gateway: Swift, WebDAV, DuraCloud and the depot API over one store",
		Long: "A storage gateway: Swift, WebDAV, DuraCloud and the depot API over one store.\n\n" +
			"Settings come from a file, the environment (ENTREPOT_…) and flags; the later ones win. Commands end with 0 when done, " +
			"1 when they failed, 2 for a wrong command line or configuration; some have further codes, which their pages name.",
		Example:       "  entrepot serve --data data\n  entrepot user add anna --account press --role owner --data data",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return errUsage{err} })
	p.flags.add(root.PersistentFlags())
	root.AddCommand(p.checkCommand(), p.eventsCommand(), p.sweepCommand(), p.backupCommand(), p.restoreCommand(), p.secretsCommand())
	root.AddCommand(p.serveCommand(), p.accountCommand(), p.userCommand(), p.keyCommand(), p.applicationCommand(), p.configCommand(), p.versionCommand())
	root.AddCommand(p.depotCommand(), p.replicationCommand(), p.snapshotCommand(), p.manCommand())
	return root
}

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(p.stdout, "entrepot", version())
			return err
		},
	}
}

// version is what the build knows of itself.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "development"
	}
	return info.Main.Version
}
