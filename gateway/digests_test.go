package gateway_test

import (
	"strings"
	"testing"
	"time"

	"entrepot/gateway"
	"entrepot/store"
)

// learned reads an object's head until the digest of what it joins is known,
// asking for it as a space's reader does.
func (w *world) learned(name string) gateway.Object {
	w.t.Helper()
	for until := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Millisecond) {
		o, err := w.g.Objects.Head(w.ctx, ref("c", name), gateway.Conditions{})
		w.must(err)
		if o.JoinedMD5 != "" || time.Now().After(until) {
			return o
		}
		w.g.Spaces.LearnDigest(ref("c", name), &o)
	}
}

// manifestSum is what the manifest of the space c says of an item's digest.
func (w *world) manifestSum(name string) (sum string) {
	w.t.Helper()
	w.must(w.g.Spaces.Manifest(w.ctx, ref("c", ""), name, func(list []gateway.ManifestItem) error {
		for i := range list {
			if list[i].Name == name {
				sum = list[i].HexMD5()
			}
		}
		return nil
	}))
	return sum
}

func TestDigestOfAStaticLargeObjectIsLearnedByReadingIt(t *testing.T) {
	w, whole := largeWorld(t)
	made := w.static("slo", of("s/0"), of("s/1"), of("s/2"))
	before, err := w.g.Objects.Head(w.ctx, ref("c", "slo"), gateway.Conditions{})
	w.must(err)
	if before.JoinedMD5 != "" || w.manifestSum("slo") != made.Composite {
		t.Errorf("known before it was read: %q, in the manifest %q", before.JoinedMD5, w.manifestSum("slo"))
	}
	w.Clock.Advance(time.Minute)
	o := w.learned("slo")
	if o.JoinedMD5 != md5hex(whole) || o.ETag() != made.Composite || !o.Timestamp.Equal(before.Timestamp) || o.MD5 != "" {
		t.Errorf("%+v", o)
	}
	if got := w.manifestSum("slo"); got != md5hex(whole) {
		t.Errorf("manifest says %s", got)
	}
	_, err = w.g.Objects.SetMeta(w.ctx, ref("c", "slo"), gateway.MetaChange{Properties: gateway.Properties{"k": "v"}})
	w.must(err)
	if o, err = w.g.Objects.Head(w.ctx, ref("c", "slo"), gateway.Conditions{}); err != nil || o.JoinedMD5 != md5hex(whole) {
		t.Errorf("after a change of properties: %q, %v", o.JoinedMD5, err)
	}
	w.static("slo", of("s/2"), of("s/0"))
	if o, err = w.g.Objects.Head(w.ctx, ref("c", "slo"), gateway.Conditions{}); err != nil || o.JoinedMD5 != "" {
		t.Errorf("of what was replaced: %q, %v", o.JoinedMD5, err)
	}
	if o = w.learned("slo"); o.JoinedMD5 != md5hex("cccaaaaa") {
		t.Errorf("of the new one: %q", o.JoinedMD5)
	}
	r, err := w.Store.Check(t.Context(), store.CheckOptions{})
	if err != nil || r.Findings != 0 {
		t.Errorf("check: %+v, %v", r, err)
	}
}

func TestDigestOfADynamicLargeObjectIsLearnedAnewWhenItChanges(t *testing.T) {
	w, whole := largeWorld(t)
	w.in("c", "dlo", "", gateway.Properties{"x-object-manifest": "seg/s/"})
	if o := w.learned("dlo"); o.JoinedMD5 != md5hex(whole) || w.manifestSum("dlo") != md5hex(whole) {
		t.Errorf("%q, in the manifest %q", o.JoinedMD5, w.manifestSum("dlo"))
	}
	w.in("seg", "s/3", "more", nil)
	o, err := w.g.Objects.Head(w.ctx, ref("c", "dlo"), gateway.Conditions{})
	w.must(err)
	if o.JoinedMD5 != "" || w.manifestSum("dlo") != o.Composite {
		t.Errorf("of what it was before: %q, in the manifest %q", o.JoinedMD5, w.manifestSum("dlo"))
	}
	if o = w.learned("dlo"); o.JoinedMD5 != md5hex(whole+"more") {
		t.Errorf("after a part was added: %q", o.JoinedMD5)
	}
}

func TestDigestOfWhatALinkLeadsToIsThatOfTheLargeObject(t *testing.T) {
	w, whole := largeWorld(t)
	w.static("slo", of("s/0"), of("s/1"), of("s/2"))
	_, err := w.g.Objects.PutLink(w.ctx, ref("c", "to"), gateway.Link{Ref: ref("c", "slo")}, gateway.PutOptions{})
	w.must(err)
	if o := w.learned("to"); o.JoinedMD5 != md5hex(whole) {
		t.Errorf("through the link: %q", o.JoinedMD5)
	}
	if o, err := w.g.Objects.Head(w.ctx, ref("c", "slo"), gateway.Conditions{}); err != nil || o.JoinedMD5 != md5hex(whole) {
		t.Errorf("of the object: %q, %v", o.JoinedMD5, err)
	}
}

func TestDigestOfABrokenLargeObjectStaysUnknown(t *testing.T) {
	w, _ := largeWorld(t)
	w.static("slo", of("s/0"), of("s/1"), of("s/2"))
	w.in("seg", "s/1", strings.Repeat("x", 200), nil)
	for range 50 {
		o, err := w.g.Objects.Head(w.ctx, ref("c", "slo"), gateway.Conditions{})
		w.must(err)
		if o.JoinedMD5 != "" {
			t.Fatalf("digest %q of what cannot be read", o.JoinedMD5)
		}
		w.g.Spaces.LearnDigest(ref("c", "slo"), &o)
		time.Sleep(time.Millisecond)
	}
}

// What the gateway reads for itself is no traffic of the depot.
func TestLearningADigestIsNoTraffic(t *testing.T) {
	used := func(learn bool) int64 {
		w, _ := largeWorld(t)
		w.static("slo", of("s/0"), of("s/1"), of("s/2"))
		if learn && w.learned("slo").JoinedMD5 == "" {
			t.Fatal("the digest was not learned")
		}
		w.must(w.g.Close())
		list, err := w.g.Depots.Owned(w.Operator(), "tester", 0, false)
		w.must(err)
		return list[0].TrafficUsed
	}
	if without, with := used(false), used(true); with != without || without == 0 {
		t.Errorf("traffic is %d bytes, %d with the digest learned", without, with)
	}
}
