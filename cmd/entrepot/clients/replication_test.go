package clients_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"entrepot/store/kv/kvtest/chance"
)

// twoStores starts a gateway on data with a second store in a directory beside
// it.
func twoStores(t *testing.T, data string, settings ...string) *server {
	t.Helper()
	file := filepath.Join(t.TempDir(), "entrepot.toml")
	text := strings.Join(settings, "\n") + fmt.Sprintf("\n[[stores]]\nid = 2\ndirectory = %q\n", data+"-second")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return start(t, setting{data: data, args: []string{"--config", file}})
}

// replicas are what entrepot replication status tells.
func (s *server) replicas(t *testing.T) (list []struct{ State, Container, Reason string }) {
	t.Helper()
	if err := json.Unmarshal([]byte(s.entrepot("", "replication", "status", "--json")), &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// waitForReplicas returns when all replications are current.
func (s *server) waitForReplicas(t *testing.T, n int) {
	t.Helper()
	var list []struct{ State, Container, Reason string }
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		list = s.replicas(t)
		current := 0
		for _, r := range list {
			if r.State == "current" {
				current++
			}
		}
		if len(list) == n && current == n {
			return
		}
	}
	t.Fatalf("the replicas are not current: %+v", list)
}

// listing is a container as Swift lists it, without times.
func (s *server) listing(t *testing.T, account, container string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for marker := ""; ; {
		a := s.expect(200, login{}, "GET", "/v1/AUTH_"+account+"/"+container+"?format=json&limit=1000&marker="+marker, "", s.token(admin))
		var page []struct {
			Name, Hash, Content_type string
			Bytes                    int64
		}
		if err := json.Unmarshal([]byte(a.body), &page); err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			return out
		}
		for _, o := range page {
			out[o.Name] = fmt.Sprintf("%s %d %s", o.Hash, o.Bytes, o.Content_type)
		}
		marker = page[len(page)-1].Name
	}
}

func TestReplicationWithCurlAndCommands(t *testing.T) {
	t.Parallel()
	need(t, "curl", "curl")
	data := filepath.Join(t.TempDir(), "data")
	s := twoStores(t, data)
	file := filepath.Join(t.TempDir(), "big")
	big := content(7, 300_000)
	if err := os.WriteFile(file, big, 0o600); err != nil {
		t.Fatal(err)
	}
	step := func(want, path string, args ...string) string {
		t.Helper()
		status, body := s.curl(t, path, args...)
		if status != want {
			t.Fatalf("%s %v: %s, want %s: %s", path, args, status, want, body)
		}
		return body
	}
	step("201", "/durastore/photos", "-X", "PUT")
	step("201", "/durastore/photos/dir/big", "-T", file, "-H", "x-dura-meta-color: green")
	body := step("200", "/durastore/task/set-replication", "-d", `{"spaceId":"photos","storeIds":[2]}`)
	if !strings.Contains(body, `"storeId": 2`) {
		t.Errorf("set-replication says %s", body)
	}
	s.waitForReplicas(t, 1)
	if got := step("200", "/durastore/photos/dir/big?storeID=2"); got != string(big) {
		t.Errorf("the replica has %d bytes", len(got))
	}
	if got := step("403", "/durastore/photos/x?storeID=2", "-T", file); !strings.Contains(got, "replica") {
		t.Errorf("a write to the replica says %q", got)
	}
	step("201", "/durastore/photos/second", "-T", file)
	step("200", "/durastore/photos/dir/big", "-X", "DELETE")
	s.waitForReplicas(t, 1)
	step("404", "/durastore/photos/dir/big?storeID=2")
	step("200", "/durastore/photos/second?storeID=2")

	if got := s.entrepot("", "replication", "status"); !strings.Contains(got, "admin/photos") || !strings.Contains(got, "current") {
		t.Errorf("status prints %s", got)
	}
	for _, use := range []string{"compare", "retry"} {
		s.entrepot("", "replication", use, "admin/photos")
	}
	if got := s.entrepot("", "replication", "repair", "admin/photos"); !strings.Contains(got, "0 left") {
		t.Errorf("repair prints %s", got)
	}
	s.entrepot("", "replication", "set", "admin/photos", "--none")
	s.waitForReplicas(t, 0)
	step("201", "/durastore/photos/x?storeID=2", "-T", file)
	command{args: []string{binary, "replication", "set", "admin/photos", "--store", "2", "--data", data}}.fails(t)
	s.entrepot("", "replication", "set", "admin/photos", "--store", "2", "--adopt")
	s.waitForReplicas(t, 1)
	step("404", "/durastore/photos/x?storeID=2")
	metrics := step("200", "/metrics")
	for _, want := range []string{"entrepot_replication_lag_seconds ", "entrepot_replication_pending ", `entrepot_replication_items_total{did="written"} `, "entrepot_replication_failures_total 0"} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics have no %s", want)
		}
	}
	if got := s.entrepot("", "check", "--content"); !strings.Contains(got, "sound") {
		t.Errorf("check prints %s", got)
	}
}

// Content that is damaged in the files of one store comes back from the other.
func TestDamagedFileIsRepairedFromTheOtherStore(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	s := twoStores(t, data, "[duracloud]", "replicate_to = [2]")
	body := string(content(9, 300_000))
	s.expect(201, admin, "PUT", "/durastore/photos", "")
	s.expect(201, admin, "PUT", "/durastore/photos/big", body)
	s.waitForReplicas(t, 1)
	files, err := filepath.Glob(filepath.Join(data, "blobs", "??", "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	b[100_000] ^= 1
	if err := os.WriteFile(files[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	if a, err := s.send(admin, "GET", "/durastore/photos/big", nil); err == nil && a.body == body {
		t.Error("the damage was not noticed")
	}
	if got := s.entrepot("", "replication", "repair", "admin/photos"); !strings.Contains(got, "1 repaired, 0 left") {
		t.Errorf("repair prints %s", got)
	}
	if got := s.expect(200, admin, "GET", "/durastore/photos/big", ""); got.body != body {
		t.Errorf("%d bytes after the repair", len(got.body))
	}
	if got := s.entrepot("", "events"); !strings.Contains(got, "damaged content was replaced by the sound one of admin.2/photos") {
		t.Errorf("events prints %s", got)
	}
	s.logs = &log{} // it tells of the damage, as it should
}

// Killed at any moment, the gateway brings the replica in step after its next
// start.
func TestReplicationGoesOnAfterKill(t *testing.T) {
	t.Parallel()
	const writers = 4
	rounds := 4
	if testing.Short() {
		rounds = 1
	}
	moments, data := chance.Rand(t, 2), filepath.Join(t.TempDir(), "data")
	defaults := []string{"[duracloud]", "replicate_to = [2]"}
	s := twoStores(t, data, defaults...)
	s.expect(201, admin, "MKCOL", "/dav/box/", "")
	for round := range rounds {
		tok := s.token(admin)
		var all sync.WaitGroup
		for w := range writers {
			all.Go(func() { s.scribble(t, round*writers+w, headersOf(w, tok)...) })
		}
		enough := 1 + moments.Int64N(400)
		waitFor(t, "more files", func() bool { return s.scribbled.Load() >= enough })
		s.kill()
		all.Wait()
		s = twoStores(t, data, defaults...)
		if round%2 == 0 { // sometimes it is killed while it catches up
			time.Sleep(time.Duration(moments.IntN(300)) * time.Millisecond)
			s.kill()
			s = twoStores(t, data, defaults...)
		}
	}
	s.waitForReplicas(t, 1)
	want, got := s.listing(t, "admin", "box"), s.listing(t, "admin.2", "box")
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s: %q in the replica, want %q", name, got[name], want[name])
		}
	}
	if len(got) != len(want) || len(want) == 0 {
		t.Errorf("%d objects in the replica, %d in the source", len(got), len(want))
	}
	if printed := s.entrepot("", "check", "--content"); !strings.Contains(printed, "sound") {
		t.Errorf("check prints %s", printed)
	}
	t.Logf("%d objects", len(want))
}
