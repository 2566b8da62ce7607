package memkv_test

import (
	"testing"

	"entrepot/store/kv"
	"entrepot/store/kv/kvtest"
	"entrepot/store/kv/memkv"
)

func openPlain(testing.TB) kv.Engine { return memkv.New(memkv.Options{}) }

func openHostile(t testing.TB) kv.Engine {
	return memkv.New(memkv.Options{Adversarial: true, Seed: 1, Fail: func(m string) { t.Error(m) }})
}

func TestPlainEnginePassesTheSuite(t *testing.T) { kvtest.Run(t, openPlain, nil) }

func TestAdversarialEnginePassesTheSuite(t *testing.T) { kvtest.Run(t, openHostile, nil) }

func FuzzPlainEngineEqualsAModel(f *testing.F) { kvtest.Fuzz(f, openPlain) }

func FuzzAdversarialEngineEqualsAModel(f *testing.F) { kvtest.Fuzz(f, openHostile) }

func BenchmarkEngine(b *testing.B) { kvtest.Bench(b, openPlain) }
