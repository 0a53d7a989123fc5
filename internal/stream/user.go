package stream

import "slices"

// User is who a request or a session belongs to.
type User struct {
	Name string `json:"name"`
	Role Role   `json:"role"`
}

// Role says what a user may do. Each role may do what those before it may.
type Role string

// The roles, weakest first.
const (
	RoleViewer   Role = "viewer"   // sees everything
	RoleOperator Role = "operator" // pauses and aborts rollouts, plans them
	RoleEngineer Role = "engineer" // starts and resumes rollouts
)

var roles = []Role{RoleViewer, RoleOperator, RoleEngineer}

// Valid reports whether the role is one of the three.
func (r Role) Valid() bool { return slices.Contains(roles, r) }

// AtLeast reports whether the role may do what need may. An unknown role may
// do nothing.
func (r Role) AtLeast(need Role) bool {
	return r.Valid() && slices.Index(roles, r) >= slices.Index(roles, need)
}
