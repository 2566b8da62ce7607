package auth

// LocalUser is the user name of whoever works at the gateway's own machine,
// through the administration socket or with the store in hand. No login can
// have it, since login names hold no colon.
const LocalUser = "local:operator"

// Local returns the principal of whoever works at the gateway's own machine:
// an administrator without an account.
func Local() Principal { return Principal{User: LocalUser, Role: RoleAdmin} }
