package duracloud_test

import (
	"crypto/md5"
	"fmt"
	"strings"
	"testing"
	"time"

	"entrepot/gateway"
	"entrepot/gateway/gatewaytest"
	"entrepot/protocols/duracloud"
)

// Of a large object of Swift the composite tag stands as ETag until the digest
// of its bytes is known; then both headers have that.
func TestLargeObjectsShowTheirDigestOnceItIsKnown(t *testing.T) {
	f := fixture(t, gatewaytest.Options{})
	h := handler(t, f, duracloud.Config{})
	ctx, whole := f.Ctx("admin"), ""
	if _, err := f.Gateway.Spaces.Create(ctx, gateway.Ref{Account: "acme", Container: "cars"}); err != nil {
		t.Fatal(err)
	}
	var list []gateway.Segment
	for i := range 3 {
		body := strings.Repeat(fmt.Sprint(i), 100)
		ref := gateway.Ref{Account: "acme", Container: "cars", Object: fmt.Sprint("part", i)}
		if _, err := f.Gateway.Objects.Put(ctx, ref, strings.NewReader(body), gateway.PutOptions{Size: 100}); err != nil {
			t.Fatal(err)
		}
		list, whole = append(list, gateway.Segment{Container: "cars", Object: ref.Object, Size: -1}), whole+body
	}
	made, err := f.Gateway.Objects.PutManifest(ctx, gateway.Ref{Account: "acme", Container: "cars", Object: "big"}, list, gateway.PutOptions{})
	if err != nil {
		t.Fatal(err)
	}
	sum := fmt.Sprintf("%x", md5.Sum([]byte(whole)))
	first := want(t, 200, h, "admin", "HEAD", "/cars/big", "").Header()
	if first["Content-MD5"] != nil || first["ETag"][0] != made.Object.Composite {
		t.Errorf("at first: %v", first)
	}
	var got map[string][]string
	for until := time.Now().Add(2 * time.Minute); got["Content-MD5"] == nil && time.Now().Before(until); time.Sleep(time.Millisecond) {
		got = want(t, 200, h, "admin", "GET", "/cars/big", "").Header()
	}
	if fmt.Sprint(got["Content-MD5"], got["ETag"]) != fmt.Sprintf("[%s] [%s]", sum, sum) {
		t.Errorf("later: %v", got)
	}
	if tsv := want(t, 200, h, "admin", "GET", "/manifest/cars", "").Body.String(); !strings.Contains(tsv, "cars\tbig\t"+sum+"\n") {
		t.Errorf("manifest:\n%s", tsv)
	}
}
