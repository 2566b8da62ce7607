package boltkv_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"entrepot/store/kv"
	"entrepot/store/kv/boltkv"
	"entrepot/store/kv/kvtest/chance"
)

// victimEnv names the database of a test program that is to be killed.
const victimEnv = "BOLTKV_TEST_VICTIM"

// Tables of the victim.
const (
	victimRows  kv.Table = 1
	victimCount kv.Table = 2
)

// victim opens the database at path and writes until it is killed. It prints
// "open" once, and the name of each row after its Update returned.
func victim(path string) {
	e, err := boltkv.Open(path, boltkv.Options{})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println("open")
	const writers = 8
	for w := range writers {
		go func() {
			for i := 0; ; i++ {
				name := fmt.Sprintf("%d/%d/%d", os.Getpid(), w, i)
				err := e.Update(context.Background(), nil, victimTx(name, i%100 == 99))
				if err != nil {
					fmt.Println("error", err)
					os.Exit(1)
				}
				fmt.Println(name)
			}
		}()
	}
	select {}
}

// victimTx puts a row, its twin and a count of both; a large one also puts
// and deletes many others, so that pages become free.
func victimTx(name string, large bool) func(kv.Tx) error {
	return func(tx kv.Tx) error {
		tx.Put(kv.Key{Table: victimRows, Row: []byte("a/" + name)}, []byte(strings.Repeat(name, 30)))
		tx.Put(kv.Key{Table: victimRows, Row: []byte("b/" + name)}, []byte(name))
		tx.Add(kv.Key{Table: victimCount, Row: nil}, 2)
		if !large {
			return nil
		}
		junk := []byte("junk/" + name + "/")
		for i := range 1500 {
			tx.Put(kv.Key{Table: victimCount, Row: fmt.Appendf(junk, "%04d", i)}, []byte(name))
		}
		_, err := tx.DeleteRange(kv.Range{Table: victimCount, From: []byte("junk/"), To: junk}, 3000)
		return err
	}
}

// crash runs a victim on path, kills it some time after it began, or after it
// acknowledged rows where they are not 0, and returns the rows that it
// acknowledged in all.
func crash(t *testing.T, path string, rows int, after time.Duration) (acknowledged []string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), victimEnv+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	kill := func() { time.AfterFunc(after, func() { _ = cmd.Process.Kill() }) } // the kill may come after the end
	if rows == 0 {
		kill()
	}
	for {
		line, err := lines.ReadString('\n')
		if err != nil { // a line without an end was not completely acknowledged
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			break
		}
		if strings.HasPrefix(line, "error") {
			t.Errorf("the victim says %q", line)
		}
		if name := strings.TrimSuffix(line, "\n"); name != "open" {
			if acknowledged = append(acknowledged, name); len(acknowledged) == rows {
				kill()
			}
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the victim ended by itself")
	}
	return acknowledged
}

// verify opens the database and checks it: every acknowledged row with its
// twin, no row without its twin, and a count that agrees.
func verify(t *testing.T, path string, acknowledged []string) {
	t.Helper()
	e := openAt(t, path)
	defer func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}()
	there, count := map[string]bool{}, int64(0)
	err := e.View(t.Context(), func(r kv.Reader) error {
		values, err := r.Get(kv.Key{Table: victimCount, Row: nil})
		if err != nil {
			return err
		}
		count = kv.Counter(values[0])
		for rg := (kv.Range{Table: victimRows}); ; {
			page, err := r.Scan(rg, 1000)
			if err != nil {
				return err
			}
			for _, it := range page.Items {
				name := string(it.Row[2:])
				there[string(it.Row)] = true
				if want := map[byte]string{'a': strings.Repeat(name, 30), 'b': name}[it.Row[0]]; string(it.Value) != want {
					return fmt.Errorf("row %q has a wrong value", it.Row)
				}
			}
			if rg.From = page.Next; page.Next == nil {
				return nil
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if count != int64(len(there)) {
		t.Errorf("%d rows, counted %d", len(there), count)
	}
	for _, name := range acknowledged {
		if !there["a/"+name] || !there["b/"+name] {
			t.Errorf("acknowledged row %q is lost", name)
		}
	}
	for row := range there {
		if !there["a"+row[1:]] || !there["b"+row[1:]] {
			t.Errorf("row %q has no twin: half a transaction", row)
		}
	}
}

func TestKilledProcessLosesNothingItAcknowledged(t *testing.T) {
	rng := chance.Rand(t, 0)
	path := filepath.Join(t.TempDir(), "store.db")
	var acknowledged []string
	for range 12 {
		rows, after := 1+rng.IntN(1000), time.Duration(rng.IntN(2000))*time.Microsecond
		acknowledged = append(acknowledged, crash(t, path, rows, after)...)
		verify(t, path, acknowledged)
		if t.Failed() {
			t.Fatalf("killed %v behind row %d", after, rows)
		}
	}
}

func TestKilledFirstStartLeavesNothingInTheWay(t *testing.T) {
	rng := chance.Rand(t, 1)
	for range 12 {
		path := filepath.Join(t.TempDir(), "store.db")
		after := time.Duration(rng.IntN(20_000)) * time.Microsecond
		acknowledged := crash(t, path, 0, after)
		verify(t, path, acknowledged)
		if t.Failed() {
			t.Fatalf("killed after %v", after)
		}
	}
}
