package pgkv_test

import (
	"testing"

	"entrepot/store/kv/kvtest"
)

func TestEnginePassesTheSuite(t *testing.T) { kvtest.Run(t, open, reopen) }

func FuzzEngineEqualsAModel(f *testing.F) { kvtest.Fuzz(f, open) }

func BenchmarkEngine(b *testing.B) { kvtest.Bench(b, open) }
