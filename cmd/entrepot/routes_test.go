package main

import (
	"os"
	"strings"
	"testing"

	"entrepot/auth"
	"entrepot/protocols"
)

// TestS5TheProgramServesTheRoutesOfTheSecurityPage keeps the doors of the
// route tests and those of the program the same.
func TestS5TheProgramServesTheRoutesOfTheSecurityPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	c := defaults()
	c.Data, c.Listen = t.TempDir(), "127.0.0.1:0"
	s := &server{program: &program{}, config: c, log: quiet()}
	if s.data, err = open(t.Context(), c, s.log, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.data.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.listen(); err != nil {
		t.Fatal(err)
	}
	defer s.listener.Close()
	if err := s.build(&secretsFromEnv{depotSalt: auth.NewSecret(strings.Repeat("s", 32))}); err != nil {
		t.Fatal(err)
	}
	rows := protocols.RuleTable(s.front.Rules())
	for line := range strings.Lines(rows) {
		if !strings.Contains(string(page), line) {
			t.Errorf("the program has a route that docs/security.md lacks: add its door to newDoors in protocols/doors_test.go, and write the page\n%s", line)
		}
	}
	if n := strings.Count(rows, "\n"); n < 20 {
		t.Errorf("only %d routes", n)
	}
}
