package protocols_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"entrepot/gateway"
	"entrepot/gateway/gatewaytest"
)

// A file that came in pieces is one file behind every door: bytes, digest,
// length, ranges over the seams, listing, copies, removal.
func TestAFileInPiecesIsOneFileBehindEveryDoor(t *testing.T) {
	for _, remover := range contentDoors() {
		d := newDoors(t, gatewaytest.Options{})
		ctx := d.Ctx("tester")
		d.want(t, 201, swiftDoor.call("tester", "PUT", "c", ""))
		body := noise(3 * 1000)
		if err := d.Gateway.Objects.BeginUpload(ctx, "u"); err != nil {
			t.Fatal(err)
		}
		for i, order := 0, []int{1, 0, 2}; i < 3; i++ {
			piece := body[order[i]*1000:][:1000]
			if _, err := d.Gateway.Objects.PutPiece(ctx, "u", fmt.Sprint(order[i]+1), strings.NewReader(piece), gateway.PutOptions{Size: 1000}); err != nil {
				t.Fatal(err)
			}
		}
		at := gateway.Ref{Account: "test", Container: "c", Object: "whole.bin"}
		if _, err := d.Gateway.Objects.Assemble(ctx, "u", at, 3000, gateway.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		names := []string{"c/whole.bin"}
		for _, door := range contentDoors() {
			to := "c/by " + door.name
			d.ok(t, door.copyTo("tester", "c/whole.bin", to))
			names = append(names, to)
		}
		for _, door := range contentDoors() {
			for _, name := range names {
				got := d.want(t, 200, door.call("tester", "GET", name, ""))
				if got.body != body || got.etag() != sum(body) {
					t.Errorf("%s: %s has %d bytes, ETag %s", door.name, name, len(got.body), got.etag())
				}
				head := d.want(t, 200, door.call("tester", "HEAD", name, ""))
				if head.header.Get("Content-Length") != "3000" || head.etag() != sum(body) {
					t.Errorf("%s: HEAD of %s says %v", door.name, name, head.header)
				}
				part := d.want(t, 206, door.call("tester", "GET", name, "", "Range: bytes=900-2100"))
				if part.body != body[900:2101] {
					t.Errorf("%s: a part of %s has %d bytes", door.name, name, len(part.body))
				}
			}
		}
		for _, e := range d.swiftList(t, "tester", "c", "") {
			if e.Bytes != 3000 || e.Hash != sum(body) {
				t.Errorf("Swift lists %+v", e)
			}
		}
		for _, name := range names {
			d.ok(t, remover.call("tester", http.MethodDelete, name, ""))
		}
		d.Store.Drain(t.Context())
		if n, err := d.Store.ContentCount(t.Context()); err != nil || n != 0 {
			t.Errorf("%s: %d contents are left, %v", remover.name, n, err)
		}
	}
}
