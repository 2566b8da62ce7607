package gateway_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"entrepot/auth"
	"entrepot/gateway"
	"entrepot/store"
	"entrepot/store/blob"
	"entrepot/store/blob/dirblob"
	"entrepot/store/blob/volumes"
	"entrepot/store/kv/boltkv"
)

// newReplicatedDisk is a gateway on disk with a container "c" that is
// replicated, or not, into a second directory.
func newReplicatedDisk(b *testing.B, replicated bool) *disk {
	b.Helper()
	ctx := context.WithoutCancel(b.Context())
	d := &disk{b: b, dir: b.TempDir()}
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	engine, err := boltkv.Open(filepath.Join(d.dir, "db"), boltkv.Options{})
	must(err)
	first, err := dirblob.Open(filepath.Join(d.dir, "first"), dirblob.Options{})
	must(err)
	second, err := dirblob.Open(filepath.Join(d.dir, "second"), dirblob.Options{})
	must(err)
	s, err := store.Open(ctx, engine, volumes.New(first, map[uint8]blob.Blobs{2: second}), store.Options{})
	must(err)
	d.g, err = gateway.New(ctx, s, gateway.Config{Stores: []gateway.StoreInfo{{ID: 1}, {ID: 2}}, Replication: gateway.ReplicationConfig{Alone: true}})
	must(err)
	b.Cleanup(func() {
		if err := errors.Join(d.g.Close(), s.Close(), engine.Close(), first.Close(), second.Close()); err != nil {
			b.Error(err)
		}
	})
	must(d.g.Accounts.AddUser(auth.WithPrincipal(ctx, auth.Local()), gateway.NewUser{Name: "u", Account: "test", Role: auth.RoleOwner}))
	d.ctx = auth.WithPrincipal(ctx, auth.Principal{User: "u", Account: "test", Role: auth.RoleOwner})
	_, err = d.g.Containers.Create(d.ctx, ref("c", ""), gateway.ContainerChange{})
	must(err)
	if replicated {
		must(d.g.Replication.Set(d.ctx, ref("c", ""), gateway.ReplicationSetting{Stores: []int{2}}))
		d.settle()
	}
	return d
}

// settle waits until everything has arrived.
func (d *disk) settle() {
	d.b.Helper()
	for {
		list, err := d.g.Replication.Status(d.ctx, ref("c", ""))
		if err != nil {
			d.b.Fatal(err)
		}
		if len(list) == 1 && list[0].State == gateway.ReplicaCurrent && !list[0].Compared.IsZero() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// lags are how long each object's change waited until the replicator took it
// up, in the order in which they were written.
func (d *disk) lags() []time.Duration {
	d.b.Helper()
	type change struct{ at, taken time.Time }
	var all []change
	there := gateway.Ref{Account: "test.2", Container: "c"}
	for marker := ""; ; {
		_, here, err := d.g.Objects.List(d.ctx, ref("c", ""), gateway.ListOptions{Marker: marker, Limit: 10_000})
		if err != nil {
			d.b.Fatal(err)
		}
		if len(here) == 0 {
			break
		}
		_, copies, err := d.g.Objects.List(d.ctx, there, gateway.ListOptions{Marker: marker, Limit: 10_000})
		if err != nil || len(copies) != len(here) {
			d.b.Fatalf("%d objects, the replica has %d of them: %v", len(here), len(copies), err)
		}
		for i := range here {
			all = append(all, change{here[i].Object.Timestamp, copies[i].Object.Timestamp})
		}
		marker = here[len(here)-1].Object.Name
	}
	slices.SortFunc(all, func(a, b change) int { return a.at.Compare(b.at) })
	out := make([]time.Duration, len(all))
	for i, c := range all {
		out[i] = c.taken.Sub(c.at)
	}
	return out
}

// quantile is a quantile of durations, in milliseconds.
func quantile(list []time.Duration, q float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	return float64(sorted[int(q*float64(len(sorted)-1))].Microseconds()) / 1000
}

// BenchmarkReplicationLag puts b.N objects as fast as the writers can and tells
// how far the replica was behind: from each write until the replicator took it
// up (lag), by tenths of the run (in the log), and from the last write until
// nothing was left (drain). "alone" is the same without replication.
func BenchmarkReplicationLag(b *testing.B) {
	for _, size := range []int{4 << 10, 256 << 10} {
		for _, writers := range []int{1, 16} {
			for _, replicated := range []bool{false, true} {
				kind := "alone"
				if replicated {
					kind = "replicated"
				}
				b.Run(fmt.Sprintf("%dKiB/writers=%d/%s", size>>10, writers, kind), func(b *testing.B) {
					d := newReplicatedDisk(b, replicated)
					body := bytes.Repeat([]byte("0123456789abcdef"), size/16)
					b.SetBytes(int64(size))
					b.ResetTimer()
					each(writers, b.N, func(i int) {
						at := ref("c", fmt.Sprintf("%02x/%08d", i*37%256, i)) // all over the names
						if _, err := d.g.Objects.Put(d.ctx, at, bytes.NewReader(body), gateway.PutOptions{Size: int64(size)}); err != nil {
							b.Error(err)
						}
					})
					b.StopTimer()
					if !replicated {
						return
					}
					ended := time.Now()
					d.settle()
					b.ReportMetric(float64(time.Since(ended).Milliseconds()), "drain-ms")
					lags := d.lags()
					b.ReportMetric(quantile(lags, 0.5), "lag-p50-ms")
					b.ReportMetric(quantile(lags, 0.99), "lag-p99-ms")
					for i := 0; i < 10 && len(lags) >= 1000; i++ {
						part := lags[len(lags)*i/10 : len(lags)*(i+1)/10]
						b.Logf("of %d puts, tenth %d: lag p50 %.0f ms, p99 %.0f ms", b.N, i+1, quantile(part, 0.5), quantile(part, 0.99))
					}
				})
			}
		}
	}
}
