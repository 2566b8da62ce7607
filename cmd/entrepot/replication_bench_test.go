package main

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"entrepot/auth"
	"entrepot/gateway"
)

// BenchmarkReplication carries objects of 4 KiB and of 1 MiB into a second store
// on the same disk: what one object costs between its PUT and the end of its
// replication, without the PUT.
func BenchmarkReplication(b *testing.B) {
	for _, size := range []int{4 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			c := defaults()
			c.Data, c.Stores = b.TempDir(), []storeConfig{{ID: 2, Directory: b.TempDir()}}
			o, err := open(b.Context(), c, quiet(), nil)
			if err != nil {
				b.Fatal(err)
			}
			defer func() {
				if err := o.Close(); err != nil {
					b.Error(err)
				}
			}()
			ctx := auth.WithPrincipal(b.Context(), auth.Local())
			ref := gateway.Ref{Account: "admin", Container: "box"}
			prepareReplicated(b, ctx, o.gateway, ref)
			body := bytes.Repeat([]byte("x"), size)
			for i := range b.N {
				ref.Object = fmt.Sprintf("o%08d", i)
				if _, err := o.gateway.Objects.Put(ctx, ref, bytes.NewReader(body), gateway.PutOptions{Size: int64(size)}); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(size))
			b.ResetTimer()
			if err := o.gateway.Replication.Drain(ctx); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// prepareReplicated makes an account with a space that is replicated.
func prepareReplicated(b *testing.B, ctx context.Context, g *gateway.Gateway, ref gateway.Ref) {
	b.Helper()
	_, err := g.Accounts.Create(ctx, ref.Account, gateway.AccountChange{})
	if err == nil {
		_, err = g.Containers.Create(ctx, ref, gateway.ContainerChange{})
	}
	if err == nil {
		err = g.Replication.Set(ctx, ref, gateway.ReplicationSetting{Stores: []int{2}})
	}
	if err == nil {
		err = g.Replication.Drain(ctx)
	}
	if err != nil {
		b.Fatal(err)
	}
}
