package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"entrepot/cmd/crashcheck/internal/endurance"
	"entrepot/cmd/crashcheck/internal/faults"
	"entrepot/cmd/crashcheck/internal/process"
	"entrepot/cmd/crashcheck/internal/wire"
)

// soakCommand loads one gateway for long, and inspects it at the end.
func soakCommand() *cobra.Command {
	var s series
	var every time.Duration
	cmd := &cobra.Command{
		Use:   "soak",
		Short: "Load one gateway for long, and see that nothing grows",
		Long: "Load one gateway through all doors for --for, with a sample of memory, goroutines and descriptors after each --every, " +
			"then stop it and inspect it as after a fault. Fails when the last quarter of the samples needs more than the second.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s.out = cmd.OutOrStdout()
			cfg, done, err := s.prepare(cmd.Context())
			if err != nil {
				return err
			}
			r, err := faults.Soak(cmd.Context(), cfg, s.seed, s.most, every, s.out)
			if err != nil {
				return err
			}
			s.print(r)
			if !r.Passed() {
				return errors.New("the soak failed")
			}
			return done()
		},
	}
	s.flags(cmd)
	f := cmd.Flags()
	f.DurationVar(&s.most, "for", 10*time.Minute, "how long")
	f.DurationVar(&every, "every", 15*time.Second, "time between samples")
	return cmd
}

// manyCommand measures a gateway that holds many objects.
func manyCommand() *cobra.Command {
	var s series
	var objects int
	var load, rest time.Duration
	cmd := &cobra.Command{
		Use:   "many",
		Short: "Measure memory and starts of a gateway that holds many objects",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			s.out = cmd.OutOrStdout()
			cfg, done, err := s.prepare(cmd.Context())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, done()) }()
			return many(cmd.Context(), cfg, endurance.Many{Objects: objects, Load: load, Rest: rest, Out: s.out})
		},
	}
	s.flags(cmd)
	f := cmd.Flags()
	f.IntVar(&objects, "objects", 1_000_000, "how many, of 100 bytes each")
	f.DurationVar(&load, "load", 30*time.Second, "how long it is driven when it holds them")
	f.DurationVar(&rest, "rest", 20*time.Second, "time without requests before memory at rest is taken")
	return cmd
}

// many runs a measurement in a directory of its own.
func many(ctx context.Context, cfg faults.Config, m endurance.Many) (err error) {
	const password = "crashcheck-password" //nolint:gosec // of a gateway that lives for minutes, on loopback
	dir := filepath.Join(cfg.Work, "many")
	scratch := filepath.Join(dir, "scratch")
	if err := os.MkdirAll(scratch, 0o700); err != nil {
		return err
	}
	m.Options = process.Options{
		Binary: cfg.Binary, Data: filepath.Join(dir, "data"), Scratch: scratch, Log: filepath.Join(dir, "gateway.log"), Password: password,
		Limit: cfg.StartLimit,
	}
	m.Client = wire.New("admin", password)
	if err := m.Run(ctx); err != nil {
		return fmt.Errorf("%w (left in %s)", err, dir)
	}
	if cfg.Keep {
		return nil
	}
	return os.RemoveAll(dir)
}
