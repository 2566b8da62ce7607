// Command random runs the tests that do something at random, again and again
// with other seeds, until its time is over or one fails:
//
//	go run .ci/random/main.go -for 20m
//
// These are the tests of all files that use the package chance or the suite of
// engines. A failure names the command that repeats it.
package main

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

func main() {
	span := flag.Duration("for", 20*time.Minute, "how long to run")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *span); err != nil {
		fmt.Fprintln(os.Stderr, "random:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, span time.Duration) error {
	groups, err := find(".")
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "random-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	for i := range groups {
		if err := groups[i].build(ctx, filepath.Join(work, fmt.Sprint(i))); err != nil {
			return err
		}
	}
	rounds := 0
	for end := time.Now().Add(span); time.Now().Before(end); rounds++ {
		seed := rand.Uint64()>>1 + 1
		for _, g := range groups {
			if err := g.run(ctx, seed); err != nil {
				return err
			}
		}
	}
	fmt.Printf("%d rounds passed\n", rounds)
	return nil
}

// A group is the tests of one package.
type group struct {
	dir    string
	tests  []string
	binary string
}

var (
	random = regexp.MustCompile(`"entrepot/store/kv/kvtest/chance"|\bkvtest\.Run\(`)
	named  = regexp.MustCompile(`(?m)^func (Test\w+)\(`)
)

// find lists the tests below a directory.
func find(root string) (groups []group, err error) {
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil || !random.Match(text) {
			return err
		}
		dir := filepath.Dir(path)
		i := slices.IndexFunc(groups, func(g group) bool { return g.dir == dir })
		if i < 0 {
			i = len(groups)
			groups = append(groups, group{dir: dir})
		}
		for _, m := range named.FindAllSubmatch(text, -1) {
			if name := string(m[1]); name != "TestMain" {
				groups[i].tests = append(groups[i].tests, name)
			}
		}
		return nil
	})
	return groups, err
}

// build compiles the tests.
func (g *group) build(ctx context.Context, to string) error {
	g.binary = to
	out, err := exec.CommandContext(ctx, "go", "test", "-c", "-o", to, "./"+g.dir).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", g.dir, err, out)
	}
	return nil
}

// run makes one run with a seed.
func (g *group) run(ctx context.Context, seed uint64) error {
	tests := "^(" + strings.Join(g.tests, "|") + ")$"
	begun := time.Now()
	cmd := exec.CommandContext(ctx, g.binary, "-test.run", tests, "-test.timeout", "1h")
	cmd.Dir = g.dir
	cmd.Env = append(os.Environ(), fmt.Sprint("TEST_SEED=", seed))
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s\nrepeat with: TEST_SEED=%d go test -count 1 -run '%s' ./%s\n%w", out, seed, tests, g.dir, err)
	}
	fmt.Printf("%s: seed %d, %d tests, %v\n", g.dir, seed, len(g.tests), time.Since(begun).Round(time.Second))
	return nil
}
