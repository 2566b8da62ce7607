package gateway_test

import (
	"fmt"
	"testing"

	"entrepot/gateway"
	"entrepot/gateway/gatewaytest"
	"entrepot/store/kv"
)

// at is an object of the space.
func (r *replicated) at(name string) gateway.Ref {
	ref := r.ref
	ref.Object = name
	return ref
}

func (r *replicated) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *replicated) move(from, to string) {
	r.t.Helper()
	_, err := r.Gateway.Trees.Move(r.Ctx("tester"), r.at(from), r.at(to), gateway.TreeOptions{})
	r.must(err)
}

// carried is how many bytes of content went to other stores so far.
func (r *replicated) carried() int64 {
	r.t.Helper()
	sum, err := r.Gateway.Replication.Summary(r.t.Context())
	r.must(err)
	return sum.Bytes
}

// fillFolder puts files into a folder: in the engine, and beyond it.
func (r *replicated) fillFolder(folder string, files int) {
	r.t.Helper()
	for i := range files {
		r.put(fmt.Sprintf("%s/%03d", folder, i), fmt.Sprint(folder, i, " ", long), gateway.PutOptions{Properties: gateway.Properties{"n": fmt.Sprint(i)}})
	}
}

// What a rename and a copy leave where it is stays where it is in the replica,
// whichever of the names comes first.
func TestReplicaRefersToWhatWasRenamedOrCopied(t *testing.T) {
	// Of a name that is renamed before its note was read, it depends on the order.
	anew := map[string]bool{"renamed twice": true, "copied, then renamed": true}
	changes := map[string]func(*replicated){
		"renamed to a later name":  func(r *replicated) { r.move("m", "z") },
		"renamed to an earlier":    func(r *replicated) { r.move("m", "a") },
		"one file":                 func(r *replicated) { r.move("m/003", "file") },
		"renamed twice":            func(r *replicated) { r.move("m", "z"); r.move("z", "a") },
		"renamed there and back":   func(r *replicated) { r.move("m", "z"); r.move("z", "m") },
		"renamed twice, meanwhile": func(r *replicated) { r.move("m", "z"); r.drain(); r.move("z", "a") },
		"properties after it": func(r *replicated) {
			r.move("m", "z")
			_, err := r.Gateway.Objects.SetMeta(r.Ctx("tester"), r.at("other"), gateway.MetaChange{})
			r.must(err)
		},
		"a folder copied": func(r *replicated) {
			_, err := r.Gateway.Trees.Copy(r.Ctx("tester"), r.at("m"), r.at("z"), gateway.TreeOptions{})
			r.must(err)
		},
		"a file copied": func(r *replicated) {
			_, _, err := r.Gateway.Objects.Copy(r.Ctx("tester"), r.at("m/001"), r.at("copy"), gateway.CopyOptions{})
			r.must(err)
		},
		"copied, then renamed": func(r *replicated) {
			_, _, err := r.Gateway.Objects.Copy(r.Ctx("tester"), r.at("m/001"), r.at("copy"), gateway.CopyOptions{})
			r.must(err)
			r.move("copy", "m/copy")
			r.move("m", "z")
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			r := newReplicated(t, nil)
			r.fillFolder("m", 12)
			r.put("other", long, gateway.PutOptions{})
			r.set(2)
			r.drain()
			before, files := r.carried(), blobCount(t, r.second)
			change(r)
			r.drain()
			r.wantInStep()
			if got := r.carried() - before; got != 0 && !anew[name] {
				t.Errorf("%d bytes were carried anew", got)
			}
			r.wantSound()
			if got := blobCount(t, r.second); got != files && !anew[name] {
				t.Errorf("the second store has %d files, had %d", got, files)
			}
		})
	}
}

// A hint is only a hint: what was put under a name meanwhile is what the replica
// gets.
func TestReplicaHasTheContentAndNotWhatANoteSays(t *testing.T) {
	for name, change := range map[string]func(*replicated){
		"the new name was put again": func(r *replicated) {
			r.move("m", "z")
			r.put("z/001", "other "+long, gateway.PutOptions{})
		},
		"both names were put again": func(r *replicated) {
			r.move("m", "z")
			r.put("m/001", "back "+long, gateway.PutOptions{})
			r.put("z/001", "other "+long, gateway.PutOptions{})
		},
		"two changed places": func(r *replicated) {
			r.move("m/001", "x")
			r.move("m/002", "m/001")
			r.move("x", "m/002")
		},
		"the source went": func(r *replicated) {
			_, _, err := r.Gateway.Objects.Copy(r.Ctx("tester"), r.at("m/001"), r.at("copy"), gateway.CopyOptions{})
			r.must(err)
			r.must(r.Gateway.Objects.Delete(r.Ctx("tester"), r.at("m/001"), nil))
		},
		"both went": func(r *replicated) {
			r.move("m", "z")
			r.must(r.Gateway.Trees.Delete(r.Ctx("tester"), r.at("z"), gateway.Conditions{}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReplicated(t, nil)
			r.fillFolder("m", 6)
			r.set(2)
			r.drain()
			change(r)
			r.drain()
			r.wantInStep()
			r.wantSound()
		})
	}
}

// Damaged content is not referred to: the sound one of the source is copied.
func TestReplicaDoesNotReferToDamagedContent(t *testing.T) {
	r := newReplicated(t, withReports)
	r.fillFolder("m", 3)
	r.set(2)
	r.drain()
	r.damaged("replica", "m/000")
	r.move("m", "z")
	r.drain()
	r.wantInStep()
}

// Whichever transaction is cut off while a renamed folder is carried, what
// follows brings both sides in step and loses nothing.
func TestReferringGoesOnWhereItWasCutOff(t *testing.T) {
	for _, after := range []bool{false, true} {
		for n, more := int64(0), true; more && n < 100; n++ {
			t.Run(fmt.Sprintf("transaction %d, carried out %v", n, after), func(t *testing.T) {
				engine := &faulty{Engine: gatewaytest.Adversary(t)}
				engine.after.Store(after)
				engine.left.Store(1 << 40)
				r := newReplicatedOn(t, kv.Engine(engine), nil, nil)
				r.fillFolder("m", 2)
				r.set(2)
				r.drain()
				r.move("m", "a")
				engine.left.Store(n)
				_ = r.Gateway.Replication.Drain(t.Context()) // it may fail
				more = engine.lost()
				engine.left.Store(1 << 40)
				r.later()
				r.wantInStep()
				r.wantSound()
			})
		}
	}
}

// Whichever transaction is cut off while a space that was removed and made again
// takes its replica over, nothing is left of the one that was before.
func TestSpaceMadeAgainTakesItsReplicaOverWhereItWasCutOff(t *testing.T) {
	for _, after := range []bool{false, true} {
		for n, more := int64(0), true; more && n < 100; n++ {
			t.Run(fmt.Sprintf("transaction %d, carried out %v", n, after), func(t *testing.T) {
				engine := &faulty{Engine: gatewaytest.Adversary(t)}
				engine.after.Store(after)
				engine.left.Store(1 << 40)
				r := newReplicatedOn(t, others{engine}, nil, nil)
				r.put("a", long, gateway.PutOptions{})
				r.set(2)
				ctx := r.Ctx("tester")
				r.must(r.Gateway.Spaces.Delete(ctx, r.ref))
				_, err := r.Gateway.Spaces.Create(ctx, r.ref)
				r.must(err)
				r.put("b", long, gateway.PutOptions{})
				r.must(r.Gateway.Replication.Set(ctx, r.ref, gateway.ReplicationSetting{Stores: []int{2}, Adopt: true}))
				engine.left.Store(n)
				_ = r.Gateway.Replication.Drain(t.Context()) // it may fail
				more = engine.lost()
				engine.left.Store(1 << 40)
				r.later()
				r.wantInStep()
				r.wantSound()
			})
		}
	}
}
