// Command crashcheck proves that a gateway keeps its promises through crashes:
// it drives a freshly built entrepot over its real protocols, makes a fault,
// restarts it, and compares all that it shows with what its clients were told.
//
//	crashcheck run --faults C1,C2 --runs 100 --ledger FILE   makes runs and adds them to a ledger
//	crashcheck soak --for 10m                           loads one gateway for long and sees that nothing grows
//	crashcheck many --objects 1000000                   measures memory and starts of a gateway that holds many objects
//	crashcheck summary --ledger FILE                         prints the totals of a ledger
//	crashcheck list                                          lists the faults and which are possible here
//
// docs/reliability.md says what the faults are and what has been run.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"entrepot/cmd/crashcheck/internal/faults"
	"entrepot/cmd/crashcheck/internal/ledger"
	"entrepot/cmd/crashcheck/internal/process"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cmd := rootCommand()
	cmd.SetOut(os.Stdout)
	if err := cmd.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "crashcheck:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use: "crashcheck", Short: "Prove that a gateway keeps its promises through crashes",
		SilenceUsage: true, SilenceErrors: true, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return errors.New("give a command; see crashcheck --help") },
	}
	root.AddCommand(runCommand(), soakCommand(), manyCommand(), summaryCommand(), listCommand())
	return root
}

// series is what `run` was asked for.
type series struct {
	faults  []string
	runs    int
	most    time.Duration
	seed    uint64
	ledger  string
	work    string
	binary  string
	clients int
	start   time.Duration
	keep    bool
	again   bool
	out     io.Writer
}

func runCommand() *cobra.Command {
	var s series
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Make runs, one after the other",
		Long: "Make runs, one after the other, taking the faults in turn and counting seeds up. " +
			"Runs that stand in the ledger are left out. Faults that need what this machine lacks are left out with a note.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s.out = cmd.OutOrStdout()
			return s.run(cmd.Context())
		},
	}
	s.flags(cmd)
	f := cmd.Flags()
	f.StringSliceVar(&s.faults, "faults", []string{"C1"}, "faults, separated by commas; see crashcheck list")
	f.IntVar(&s.runs, "runs", 0, "new runs of each fault; 0: until --for is over")
	f.DurationVar(&s.most, "for", 0, "begin no run after this time; 0: no bound")
	f.StringVar(&s.ledger, "ledger", "", "file of results to resume and extend; none: results are only printed")
	f.BoolVar(&s.again, "again", false, "repeat runs that stand in the ledger")
	return cmd
}

// flags are those of all commands that start a gateway.
func (s *series) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.Uint64Var(&s.seed, "seed", 1, "first seed")
	f.StringVar(&s.work, "work", "", "directory for data and logs; it must not lie on a file system in memory (default: a temporary one)")
	f.StringVar(&s.binary, "binary", "", "gateway to test (default: build the module in the working directory)")
	f.IntVar(&s.clients, "clients", 8, "clients, 1 to 64")
	f.DurationVar(&s.start, "start-limit", process.StartLimit, "how long a start may take; more on a machine that has much else to do")
	f.BoolVar(&s.keep, "keep", false, "keep the directories of all runs, not only of those that failed")
}

func (s *series) run(ctx context.Context) error {
	if s.runs <= 0 && s.most <= 0 {
		return errors.New("give --runs or --for")
	}
	if s.clients < 1 || s.clients > 64 {
		return errors.New("--clients is 1 to 64")
	}
	wanted, err := faults.Named(s.faults)
	if err != nil {
		return err
	}
	usable := wanted[:0]
	for _, f := range wanted {
		if err := f.Usable(); err != nil {
			fmt.Fprintf(s.out, "%s is left out: %v\n", f.Name, err)
			continue
		}
		usable = append(usable, f)
	}
	if len(usable) == 0 {
		return errors.New("none of the faults is possible here")
	}
	cfg, done, err := s.prepare(ctx)
	if err != nil {
		return err
	}
	return errors.Join(s.all(ctx, cfg, usable), done())
}

// prepare makes the working directory and the gateway's program.
func (s *series) prepare(ctx context.Context) (faults.Config, func() error, error) {
	cfg := faults.Config{Work: s.work, Binary: s.binary, Clients: s.clients, StartLimit: s.start, Keep: s.keep,
		Note: func(format string, args ...any) { fmt.Fprintf(s.out, "  "+format+"\n", args...) }}
	done := func() error { return nil }
	if cfg.Work == "" {
		dir, err := os.MkdirTemp("", "crashcheck-")
		if err != nil {
			return cfg, nil, err
		}
		cfg.Work = dir
		done = func() error { return removeEmpty(dir) }
	}
	var err error
	if cfg.Work, err = filepath.Abs(cfg.Work); err != nil {
		return cfg, nil, err
	}
	if err := os.MkdirAll(cfg.Work, 0o700); err != nil {
		return cfg, nil, err
	}
	if cfg.Binary != "" {
		cfg.Binary, err = filepath.Abs(cfg.Binary)
		return cfg, done, err
	}
	module, err := moduleDir(ctx)
	if err != nil {
		return cfg, nil, err
	}
	cfg.Binary, err = process.Build(ctx, module, cfg.Work)
	return cfg, done, err
}

// removeEmpty removes the working directory unless a failed run left something
// to look at.
func removeEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			return nil
		}
	}
	return os.RemoveAll(dir)
}

func moduleDir(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("finding the module to build (or give --binary): %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// all makes the runs.
func (s *series) all(ctx context.Context, cfg faults.Config, wanted []faults.Fault) error {
	var book *ledger.Ledger
	if s.ledger != "" {
		var err error
		if book, _, err = ledger.Open(s.ledger); err != nil {
			return err
		}
	}
	var results []faults.Result
	start, next, made := time.Now(), map[string]uint64{}, map[string]int{}
	for ctx.Err() == nil && (s.most <= 0 || time.Since(start) < s.most) {
		busy := false
		for _, f := range wanted {
			if s.runs > 0 && made[f.Name] >= s.runs || s.most > 0 && time.Since(start) >= s.most || ctx.Err() != nil {
				continue
			}
			busy = true
			seed := s.seed + next[f.Name]
			next[f.Name]++
			if book != nil && book.Has(f.Name, seed) && !s.again {
				continue
			}
			made[f.Name]++
			r, err := f.Run(ctx, cfg, seed)
			if ctx.Err() != nil {
				break // an interrupted run says nothing
			}
			if err != nil {
				return err
			}
			s.print(r)
			results = append(results, r)
			if book != nil {
				if err := book.Add(r); err != nil {
					return err
				}
			}
		}
		if !busy {
			break
		}
	}
	return s.finish(results)
}

// print tells the outcome of one run, and how to repeat it when it failed.
func (s *series) print(r faults.Result) {
	verdict := "ok"
	if !r.Passed() {
		verdict = "FAILED"
	}
	fmt.Fprintf(s.out, "%s seed %d: %s: %s, %d fault points, ok %d refused %d unknown %d, %.1f s\n", r.Fault, r.Seed, verdict,
		r.Variant, r.Points, r.Outcomes["ok"], r.Outcomes["refused"], r.Outcomes["unknown"], r.Seconds)
	for i, v := range r.Violations {
		if i == 10 {
			fmt.Fprintf(s.out, "  and %d more\n", len(r.Violations)-i)
			break
		}
		fmt.Fprintf(s.out, "  %s\n", v)
	}
	if !r.Passed() {
		fmt.Fprintf(s.out, "  replay: crashcheck run --faults %s --seed %d --runs 1 --clients %d --keep\n  left in %s\n", r.Fault, r.Seed, s.clients, r.Dir)
	}
}

func (s *series) finish(results []faults.Result) error {
	if len(results) == 0 {
		fmt.Fprintln(s.out, "nothing was run")
		return nil
	}
	totals := ledger.Totals(results)
	if err := ledger.WriteTable(s.out, totals); err != nil {
		return err
	}
	failed := 0
	for _, t := range totals {
		failed += t.Failed
	}
	if failed > 0 {
		return fmt.Errorf("%d runs failed", failed)
	}
	return nil
}

func summaryCommand() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use: "summary", Short: "Print the totals of a ledger", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if path == "" {
				return errors.New("give --ledger")
			}
			_, results, err := ledger.Open(path)
			if err != nil {
				return err
			}
			if len(results) == 0 {
				return fmt.Errorf("%s holds no results", path)
			}
			s := series{out: cmd.OutOrStdout(), clients: 8}
			for _, r := range results {
				if !r.Passed() {
					s.print(r)
				}
			}
			return ledger.WriteTable(s.out, ledger.Totals(results))
		},
	}
	cmd.Flags().StringVar(&path, "ledger", "", "file of results")
	return cmd
}

func listCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the faults, and which are possible here", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, f := range faults.All() {
				state := "possible"
				if err := f.Usable(); err != nil {
					state = "not possible here: " + err.Error()
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%-4s %s (%s)\n", f.Name, f.About, state)
			}
			return nil
		},
	}
}
