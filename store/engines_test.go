package store_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"entrepot/store"
	"entrepot/store/blob"
	"entrepot/store/blob/dirblob"
	"entrepot/store/blob/memblob"
	"entrepot/store/kv"
	"entrepot/store/kv/boltkv"
	"entrepot/store/kv/memkv"
	"entrepot/store/kv/pgkv"
	"entrepot/store/kv/pgkv/pgtest"
)

// A platform is a pair of engines that a store lies on. engines opens them,
// empty at the first call, and as the last call left them from then on; end
// closes what is open.
type platform struct {
	engines func() (kv.Engine, blob.Blobs)
	end     func()
}

// onEngine is a world that can be closed and opened again.
type onEngine struct {
	*world
	platform
}

// reopen closes store and engines and opens them again.
func (w *onEngine) reopen() {
	w.t.Helper()
	if err := w.Close(); err != nil {
		w.t.Error(err)
	}
	w.end()
	w.world.engine, w.world.blobs = w.engines()
	w.open()
}

// platforms returns what makes a platform, for each pair of engines.
func platforms() map[string]func(t *testing.T) platform {
	return map[string]func(t *testing.T) platform{
		"memkv plain":       func(t *testing.T) platform { return inMemory(memkv.New(memkv.Options{})) },
		"memkv adversarial": func(t *testing.T) platform { return inMemory(adversary(t)) },
		"boltkv dirblob":    func(t *testing.T) platform { return onFiles(t) },
	}
}

// adversary returns a memory engine that shows the worst that an engine may.
func adversary(t *testing.T) kv.Engine {
	return memkv.New(memkv.Options{
		Adversarial: true, Seed: 3, Covers: store.Covers,
		Fail: func(message string) { t.Errorf("engine: %s", message) },
	})
}

// inMemory returns a platform that remembers as long as the test runs.
func inMemory(engine kv.Engine) platform {
	blobs := memblob.New(memblob.Options{})
	return platform{engines: func() (kv.Engine, blob.Blobs) { return engine, blobs }, end: func() {}}
}

// onFiles returns a platform in a directory.
func onFiles(t *testing.T) platform {
	dir := t.TempDir()
	return closing(t, func() (kv.Engine, blob.Blobs, error) {
		engine, err := boltkv.Open(filepath.Join(dir, "store.db"), boltkv.Options{})
		if err != nil {
			return nil, nil, err
		}
		blobs, err := dirblob.Open(filepath.Join(dir, "blobs"), dirblob.Options{Floor: -1})
		return engine, blobs, err
	})
}

// onPostgres returns a platform in a schema of its own.
func onPostgres(t *testing.T, c *pgtest.Cluster) platform {
	dir, schema := t.TempDir(), t.Name()
	schema = schema[strings.LastIndex(schema, "/")+1:]
	return closing(t, func() (kv.Engine, blob.Blobs, error) {
		engine, err := pgkv.Open(t.Context(), c.DSN(), pgkv.Options{Schema: schema, Counters: store.CounterTables()})
		if err != nil {
			return nil, nil, err
		}
		blobs, err := dirblob.Open(dir, dirblob.Options{Floor: -1})
		return engine, blobs, err
	})
}

// closing returns a platform of engines that remember when they are closed.
func closing(t *testing.T, open func() (kv.Engine, blob.Blobs, error)) platform {
	var engine kv.Engine
	var blobs blob.Blobs
	end := func() {
		if engine == nil {
			return
		}
		if err := errors.Join(engine.Close(), blobs.Close()); err != nil {
			t.Error(err)
		}
		engine = nil
	}
	t.Cleanup(end)
	return platform{end: end, engines: func() (kv.Engine, blob.Blobs) {
		var err error
		if engine, blobs, err = open(); err != nil {
			t.Fatal(err)
		}
		return engine, blobs
	}}
}

// TestStoreOverEveryEngine holds each rule of the store over each engine, and
// the store's own check against what the rule's test leaves.
func TestStoreOverEveryEngine(t *testing.T) {
	rules := map[string]func(*testing.T, *onEngine){
		"PutOverwriteDeleteKeepCountersAndContent": putOverwriteDelete,
		"CopiesShareContentUntilTheLastOwnerGoes":  copiesShare,
		"TreeMovesWithItsProperties":               treeMoves,
		"LargePropertiesComeBackWhole":             largeProperties,
		"LocksAreFoundAndCounted":                  locksAreFound,
		"DepotsKeepListsAndLog":                    depotsKeep,
		"DetachedContainerIsReapedWithItsContent":  detachAndReap,
		"StoreOutlivesItsEngine":                   outlives,
		"UpgradeCountsWhatAnOlderFormatDidNot":     upgradeCounts,
		"UpgradeGivesPropertiesEpochs":             upgradeGivesPropertiesEpochs,
		"LargeUploadIsStreamedToABlob":             largeUpload,
		"RefusedUpdateChangesNothing":              refusedUpdate,
		"ListingsPageAndRollUp":                    listings,
		"WritersInOneContainerKeepItsCounters":     manyWriters,
		"TokensAndReplaysAreRememberedAndExpire":   remembered,
		"VersionsStayUntilTheyAreRemoved":          versionsKeep,
		"SnapshotsKeepPropertiesAsTheyWere":        pastProperties,
		"PropertiesAreBornWhereTheyArrive":         propertiesBetweenContainers,
		"PastPropertiesGoWithTheirContainer":       pastPropertiesAreReaped,
		"PartsAreOneContent":                       partsAreOneContent,
		"ManyPartsLieInSeveralRows":                manyParts,
		"PartsAreSharedWithOthers":                 partsAreShared,
	}
	run := func(t *testing.T, make func(t *testing.T) platform) {
		for name, rule := range rules {
			t.Run(name, func(t *testing.T) {
				p := make(t)
				engine, blobs := p.engines()
				w := &onEngine{newWorld(t, engine, blobs), p}
				rule(t, w)
				w.Drain(t.Context())
				if report, text := w.check(store.CheckOptions{}); !report.Sound() {
					t.Errorf("the store's check finds:\n%s", text)
				}
				if err := w.Close(); err != nil {
					t.Error(err)
				}
			})
		}
	}
	for name, make := range platforms() {
		t.Run(name, func(t *testing.T) { run(t, make) })
	}
	t.Run("pgkv dirblob", func(t *testing.T) {
		c := pgtest.Start(t)
		run(t, func(t *testing.T) platform { return onPostgres(t, c) })
	})
}

// want compares what a test got with what it wants.
func want[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// holds fails unless an object has these bytes.
func (w *onEngine) holds(name string, data []byte) {
	w.t.Helper()
	got, err := w.read(name)
	if err != nil || !bytes.Equal(got, data) {
		w.t.Errorf("%s reads %d bytes, %v, want %d", name, len(got), err, len(data))
	}
}

// content returns how much content is kept, after removals.
func (w *onEngine) content() int {
	w.t.Helper()
	w.Drain(w.t.Context())
	n, err := w.ContentCount(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// look runs fn on a snapshot.
func (w *onEngine) look(fn func(v *store.View) error) {
	w.t.Helper()
	if err := w.View(w.t.Context(), fn); err != nil {
		w.t.Error(err)
	}
}

// whole returns the lock of the container and the shared one of its depot.
func (w *onEngine) whole() []store.Guard {
	return []store.Guard{store.LockContainer(w.container.ID, false), store.LockDepot(5, true)}
}

// names lists the container.
func (w *onEngine) names(q store.Query) []string {
	w.t.Helper()
	var list []string
	q.Now = w.Now()
	w.look(func(v *store.View) error {
		found, err := v.Objects(w.container.ID, q)
		list = list[:0]
		for _, l := range found {
			list = append(list, l.Object.Name+l.Subdir)
		}
		return err
	})
	return list
}
