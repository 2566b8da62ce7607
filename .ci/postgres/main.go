// Command postgres runs a command beside a PostgreSQL server that is made for
// it and ends with it, and tells it the server's address in TEST_POSTGRES:
//
//	go run .ci/postgres/main.go go test ./gateway/...
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"

	"entrepot/store/kv/pgkv/pgtest"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "postgres:", err)
		os.Exit(1)
	}
}

func run(command []string) (err error) {
	if len(command) == 0 {
		return errors.New("give a command")
	}
	dir, err := os.MkdirTemp("", "postgres-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	c, err := pgtest.New(dir)
	if err != nil {
		return err
	}
	defer c.Close()
	cmd := exec.Command(command[0], command[1:]...) //nolint:noctx // ends on its own terms
	cmd.Env = append(os.Environ(), "TEST_POSTGRES="+c.DSN())
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}
