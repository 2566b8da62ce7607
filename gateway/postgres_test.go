package gateway_test

import (
	"testing"

	"entrepot/store/kv/pgkv/pgtest"
)

// A slice of the suite on PostgreSQL, where transactions really run side by
// side and see what others commit. "make postgres" runs all of it there.
func TestSliceOfTheSuiteOnPostgreSQL(t *testing.T) {
	c := pgtest.Start(t)
	t.Setenv("TEST_POSTGRES", c.DSN())
	for name, test := range map[string]func(*testing.T){
		"copies side by side": TestQuotaBindsCopiesThatAreMadeSideBySide,
		"large copies":        TestQuotaBindsLargeCopiesThatAreMadeSideBySide,
		"snapshots and quota": TestQuotaCountsWhatSnapshotsKeepOfReplacedFiles,
		"archive and quota":   TestQuotaOfTheDepotThatGetsTheVersionsBinds,
	} {
		t.Run(name, test)
	}
}
