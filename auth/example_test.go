package auth_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"entrepot/auth"
	"entrepot/gateway/errs"
)

func Example() {
	hash, err := auth.HashPassword("testing")
	if err != nil {
		panic(err)
	}
	dir := &directory{users: map[string]auth.User{
		"tester": {Name: "tester", Account: "test", Role: auth.RoleOwner, PasswordHash: hash},
	}}
	s, err := auth.New(dir, auth.Config{ServerKey: auth.NewSecret(strings.Repeat("k", 32))})
	if err != nil {
		panic(err)
	}
	ctx, from := context.Background(), netip.MustParseAddr("192.0.2.1")
	p, err := s.Password(ctx, "tester", "testing", from)
	fmt.Println(p.User, p.Account, p.Role, err)
	_, err = s.Password(ctx, "tester", "guess", from)
	fmt.Println(errs.Of(err), "-", errs.TextOf(err))
	// Output:
	// tester test owner <nil>
	// unauthenticated - wrong user name or password
}
