package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"entrepot/gateway/errs"
	"entrepot/store/blob"
)

func TestDamageMetByAReaderIsQuarantinedOnceAndNotServed(t *testing.T) {
	w, blobs := hostile(t)
	o := w.put("big", 5000, time.Time{})
	blobs.Damage(o.Content.Blob, flip)
	for range 3 {
		if data, err := w.read("big"); !errors.Is(err, blob.ErrCorrupt) || len(data) > 0 || errs.Of(err) != errs.Other {
			t.Fatal(len(data), err)
		}
	}
	list, err := w.Quarantine(t.Context(), blob.ID{}, 10)
	if err != nil || len(list) != 1 || list[0].Blob != o.Content.Blob || list[0].Size != 5000 || list[0].Inline {
		t.Error(list, err)
	}
	if w.events() != "damage" || strings.Count(w.log.String(), "operator event") != 1 {
		t.Error(w.events(), w.log)
	}
	// Another process remembers.
	blobs.Damage(o.Content.Blob, flip)
	w.open()
	if _, err := w.read("big"); !errors.Is(err, blob.ErrCorrupt) {
		t.Error("content in quarantine was served", err)
	}
}

func TestQuarantinedContentIsReplacedByPutAndKept(t *testing.T) {
	w, blobs := hostile(t)
	for _, n := range []int{10, 5000} {
		name := fmt.Sprint(n)
		o := w.put(name, n, time.Time{})
		if o.Content.Inline {
			w.spoilRow(o.Content.Blob[:])
		} else {
			blobs.Damage(o.Content.Blob, flip)
		}
		if _, err := w.read(name); !errors.Is(err, blob.ErrCorrupt) {
			t.Fatal(err)
		}
		w.put(name, n+1, time.Time{})
		w.Drain(t.Context())
		if data, err := w.read(name); err != nil || !bytes.Equal(data, bytesOf(name, n+1)) {
			t.Error(name, err)
		}
	}
	if blobs.Len() != 2 {
		t.Error("the damaged blob was removed", blobs.Len())
	}
	if n, err := w.ContentCount(t.Context()); err != nil || n != 4 {
		t.Error(n, err)
	}
}

func TestMissingContentIsDamageAndAReplacedObjectIsNot(t *testing.T) {
	w, blobs := hostile(t)
	o := w.put("lost", 5000, time.Time{})
	if err := blobs.Remove(t.Context(), o.Content.Blob); err != nil {
		t.Fatal(err)
	}
	if _, err := w.read("lost"); !errors.Is(err, blob.ErrCorrupt) || w.events() != "damage" {
		t.Error(err, w.events())
	}
	old := w.put("moving", 5000, time.Time{})
	w.put("moving", 6000, time.Time{})
	w.Drain(t.Context())
	if _, err := w.OpenObject(t.Context(), w.container.ID, &old); errs.Of(err) != errs.NotFound || w.events() != "damage" {
		t.Error(err, w.events())
	}
	small := w.put("small", 10, time.Time{})
	w.dropRow(small.Content.Blob[:])
	if _, err := w.read("small"); !errors.Is(err, blob.ErrCorrupt) || errs.Of(err) != errs.Other {
		t.Error(err)
	}
}

func TestDamagedRecordRaisesAnEventAndTheRestIsServed(t *testing.T) {
	w, _ := hostile(t)
	w.put("a", 10, time.Time{})
	w.put("b", 10, time.Time{})
	w.spoil(tableObjects, append(id8(w.container.ID), 'a'))
	for range 2 {
		if _, err := w.read("a"); err == nil {
			t.Error("a damaged record was read")
		}
	}
	if _, err := w.read("b"); err != nil {
		t.Error(err)
	}
	if w.events() != "row" {
		t.Error(w.events())
	}
}
