package auth_test

import (
	"testing"

	"github.com/mlq-dev/mlq/api/auth"
	"github.com/mlq-dev/mlq/scheduler/store"
)

// TestAdoptOnlyWhatCanBeRead: a record that is no user or token, or that of another one,
// is not made a genuine one by an order to sign all: nobody could read it, nor a list of
// all.
func TestAdoptOnlyWhatCanBeRead(t *testing.T) {
	st := memory(t)
	legacy, kept, err := auth.New(st, auth.Options{}).Create(t.Context(), auth.Wanted{User: "ana", Role: auth.RoleUser})
	must(t, err)
	a, err := st.Read(t.Context(), store.Query{})
	must(t, err)
	odd := map[string]string{
		"user:": `{}`, "user:empty": `{}`, "user:list": `[]`, "user:number": `{"name":5}`, "user:null": `null`, "user:text": `"text"`, "user:none": ``,
		"user:other": `{"name":"ana"}`, "user:space": `{"name":"space"}` + "\n", "user:nothing": ` `, "user:limits": `{"name":"limits","max_queued":"many"}`,
		"token:empty": `{}`, "token:number": `{"id":5}`, "token:other": `{"id":"` + kept.ID + `"}`, "token:time": `{"id":"time","expires":"soon"}`,
		"token:name": `{"name":"name"}`,
	}
	for key, text := range odd {
		index, member := "auth:users", key[len("user:"):]
		if key[0] == 't' {
			index, member = "auth:tokens", key[len("token:"):]
		}
		_, err := st.Commit(t.Context(), store.Commit{Identity: a.Identity, Effects: []store.Effect{
			store.Put("auth:"+key, []byte(text)), store.Index(index, []byte(member)),
		}})
		must(t, err)
	}
	tokens := auth.New(st, auth.Options{Ring: ringOf(1)})
	if n, left, err := tokens.SignAll(t.Context(), true); n != 2 || left != len(odd) || err != nil {
		t.Errorf("adopted %d, left %d, %v", n, left, err)
	}
	if users, err := tokens.Users(t.Context()); err != nil || len(users) != 1 || users[0].Name != "ana" {
		t.Errorf("users: %+v, %v", users, err)
	}
	if list, err := tokens.List(t.Context()); err != nil || len(list) != 1 || list[0].ID != kept.ID {
		t.Errorf("tokens: %+v, %v", list, err)
	}
	if who, err := tokens.Check(t.Context(), legacy); err != nil || who.User != "ana" {
		t.Errorf("the token that was adopted: %+v, %v", who, err)
	}
	if _, _, err := tokens.AddHost(t.Context(), "gpu1"); err != nil {
		t.Errorf("a host: %v", err)
	}
	if _, written, err := tokens.Bootstrap(t.Context(), t.TempDir()); !written || err != nil {
		t.Errorf("the first admin: %v, %v", written, err)
	}
}
