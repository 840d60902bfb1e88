package redistest

import (
	"os"
	"strings"
	"testing"
)

// Documented gives the ACL rule of a user as a page shows it, for another
// namespace than the page's lab: what admins copy is what is tested.
func Documented(t testing.TB, page, user, namespace string) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		rule, ok := strings.CutPrefix(line, "user ")
		if name, _, _ := strings.Cut(rule, " "); ok && name == user {
			return strings.ReplaceAll(strings.TrimSpace(rule), "{lab}", "{"+namespace+"}")
		}
	}
	t.Fatalf("%s shows no user %s", page, user)
	return ""
}

// As makes the user of an ACL rule, and gives the store URL of a namespace for it.
func (s *Server) As(t testing.TB, rule, namespace string) string {
	t.Helper()
	if got := s.Say(t, "ACL SETUSER "+strings.Replace(rule, ">PASSWORD", ">pw", 1)); got != "+OK" {
		t.Fatalf("%s: %s", rule, got)
	}
	name, _, _ := strings.Cut(rule, " ")
	return strings.Replace(s.URL(namespace), "://", "://"+name+":pw@", 1)
}
