// Command peerbench measures WebDAV servers beside each other: it starts
// Apache, lighttpd, nginx, rclone, the handler of golang.org/x/net/webdav,
// OpenStack Swift and Entrepot on loopback, puts the same load on each, one
// after the other, and prints a table in Markdown.
//
//	go build -o /tmp/entrepot ./cmd/entrepot
//	go run ./cmd/peerbench -entrepot /tmp/entrepot
//
// Swift is one node with one replica, and is asked over its own protocol.
// Peers whose programs are missing are left out and named. Every server asks
// for a password, as people use them. Of all these only Entrepot makes what it
// has accepted durable before it answers; the table says so, not the numbers.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// settings are the flags.
type settings struct {
	entrepot string        // the program
	dir      string        // where servers keep their data
	only     string        // names of peers, comma-separated; "": all
	rows     string        // parts of names of rows, comma-separated; "": all
	seconds  time.Duration // how long a row with many requests runs
	large    int64         // bytes of the large file
	files    int           // files in the folder that is listed and moved
	many     int           // files in the folder that only Entrepot lists
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == "serve-bare" {
		exit(serveBare(os.Args[2]))
	}
	var s settings
	flag.StringVar(&s.entrepot, "entrepot", "", "the entrepot program")
	flag.StringVar(&s.dir, "dir", os.TempDir(), "directory below which servers keep their data")
	flag.StringVar(&s.only, "peers", "", "peers to measure, such as apache,entrepot (default all)")
	flag.StringVar(&s.rows, "rows", "", "parts of the names of rows to measure, such as PUT,MOVE (default all)")
	flag.DurationVar(&s.seconds, "time", 3*time.Second, "how long a row of many requests runs")
	flag.Int64Var(&s.large, "large", 1<<30, "bytes of the large file")
	flag.IntVar(&s.files, "files", 10_000, "files in the folder that is listed and moved")
	flag.IntVar(&s.many, "many", 100_000, "files in the folder that Entrepot alone lists")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	exit(run(ctx, s, os.Stdout, os.Stderr))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "peerbench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// run measures every peer and prints the table; it reports on the way to log.
func run(ctx context.Context, s settings, out, log io.Writer) error {
	if s.entrepot == "" {
		return errors.New("-entrepot names the program to measure")
	}
	rows := selected(workRows(s), s.rows)
	var t table
	for _, row := range rows {
		t.rows = append(t.rows, row.name)
	}
	for _, p := range peers(s) {
		if s.only != "" && !strings.Contains(","+s.only+",", ","+p.name+",") {
			continue
		}
		column, err := measure(ctx, s, p, rows, log)
		var missing *missingProgram
		if errors.As(err, &missing) {
			t.missing = append(t.missing, p.name+" ("+missing.Error()+")")
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		t.columns = append(t.columns, column)
	}
	return t.print(out)
}

// measure starts one peer, runs all rows against it and stops it.
func measure(ctx context.Context, s settings, p peer, rows []row, log io.Writer) (column, error) {
	c := column{name: p.title, cells: make([]string, len(rows))}
	dir, err := os.MkdirTemp(s.dir, "peerbench-")
	if err != nil {
		return c, err
	}
	defer os.RemoveAll(dir)
	server, err := p.start(ctx, dir)
	if err != nil {
		return c, err
	}
	defer server.stop()
	for _, d := range server.doors {
		if err := prepare(ctx, d); err != nil {
			return c, fmt.Errorf("%w\n%s", err, server.log)
		}
	}
	for i, r := range rows {
		if ctx.Err() != nil {
			return c, ctx.Err()
		}
		at := server.doors[r.door]
		if at == nil || r.only != "" && r.only != p.name {
			c.cells[i] = "–"
			continue
		}
		cell, err := r.run(ctx, at)
		if err != nil {
			cell = "failed"
			fmt.Fprintf(log, "%s: %s: %v\n", p.name, r.name, err)
		}
		c.cells[i] = cell
		fmt.Fprintf(log, "%s: %s: %s\n", p.name, r.name, cell)
	}
	return c, nil
}

// selected keeps the rows whose names contain one of the parts.
func selected(rows []row, parts string) []row {
	if parts == "" {
		return rows
	}
	var out []row
	for _, r := range rows {
		for part := range strings.SplitSeq(parts, ",") {
			if strings.Contains(r.name, part) {
				out = append(out, r)
				break
			}
		}
	}
	return out
}
