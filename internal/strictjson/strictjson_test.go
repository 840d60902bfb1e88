package strictjson

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/mlq-dev/mlq/internal/fuzzseed"
)

func TestObjectSplitsFields(t *testing.T) {
	fields, err := Object([]byte(` {"msg": {"a": [1, -2.5e+3, "x\u00e9\\"]}, "n\u0061me": null, "t":true} `), 32)
	if err != nil {
		t.Fatal(err)
	}
	want := []Field{
		{"msg", []byte(`{"a": [1, -2.5e+3, "x\u00e9\\"]}`)},
		{"name", []byte("null")},
		{"t", []byte("true")},
	}
	if len(fields) != len(want) {
		t.Fatalf("got %d fields, want %d", len(fields), len(want))
	}
	for i, f := range fields {
		if f.Name != want[i].Name || string(f.Raw) != string(want[i].Raw) {
			t.Errorf("field %d: got %s=%s, want %s=%s", i, f.Name, f.Raw, want[i].Name, want[i].Raw)
		}
	}
}

func TestObjectRefuses(t *testing.T) {
	for _, c := range []struct{ name, doc, pointer, says string }{
		{"nothing", ``, "", "want a JSON object"},
		{"null", `null`, "", "want a JSON object"},
		{"array", `[1]`, "", "want a JSON object"},
		{"scalar", `5`, "", "want a JSON object"},
		{"two documents", `{} {}`, "", "follows the end"},
		{"trailing text", `{"a":1}x`, "", "follows the end"},
		{"cut off", `{"a":{"b":1`, "/a", "want , or }"},
		{"cut off in a string", `{"a":"b`, "/a", "ends within a string"},
		{"trailing comma", `{"a":1,}`, "", "field's name"},
		{"array with trailing comma", `{"a":[1,]}`, "/a/1", "want a value"},
		{"unquoted name", `{a:1}`, "", "field's name"},
		{"single quotes", `{'a':1}`, "", "field's name"},
		{"no colon", `{"a" 1}`, "/a", "want :"},
		{"duplicate", `{"a":1,"a":2}`, "/a", "twice"},
		{"duplicate by escape", `{"a":1,"\u0061":2}`, "/a", "twice"},
		{"duplicate below", `{"m":[{"x/y":1,"x/y":2}]}`, "/m/0/x~1y", "twice"},
		{"NaN", `{"m":{"x":NaN}}`, "/m/x", "NaN"},
		{"minus infinity", `{"m":-Infinity}`, "/m", "NaN"},
		{"leading zero", `{"m":012}`, "/m", "not a number"},
		{"plus", `{"m":+1}`, "/m", "want a value"},
		{"point alone", `{"m":1.}`, "/m", "digits"},
		{"empty exponent", `{"m":1e}`, "/m", "digits"},
		{"control character", "{\"m\":\"a\nb\"}", "/m", "control"},
		{"bad escape", `{"m":"\x41"}`, "/m", "escape"},
		{"short unicode escape", `{"m":"\u12"}`, "/m", "escape"},
		{"invalid UTF-8", "{\"m\":\"\xff\"}", "/m", "UTF-8"},
		{"comment", `{"m":1 /* no */}`, "", "want , or }"},
		{"33 deep", strings.Repeat(`{"a":`, 33) + "1" + strings.Repeat("}", 33), strings.Repeat("/a", 32), "deep"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Object([]byte(c.doc), 32)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("accepted, or another error: %v", err)
			}
			if e.Pointer != c.pointer || !strings.Contains(e.Detail, c.says) {
				t.Errorf("got %q at %q, want %q at %q", e.Detail, e.Pointer, c.says, c.pointer)
			}
		})
	}
}

func TestObjectTakesThirtyTwoLevels(t *testing.T) {
	doc := strings.Repeat(`{"a":`, 32) + "1" + strings.Repeat("}", 32)
	if _, err := Object([]byte(doc), 32); err != nil {
		t.Fatal(err)
	}
}

func TestManyNames(t *testing.T) {
	var b strings.Builder
	for i := range 100 {
		b.WriteString(`,"` + strings.Repeat("k", i+1) + `":0`)
	}
	doc := "{" + b.String()[1:]
	if _, err := Object([]byte(doc+"}"), 4); err != nil {
		t.Fatal(err)
	}
	if _, err := Object([]byte(doc+`,"kkkkk":1}`), 4); err == nil {
		t.Error("a duplicate among many names was accepted")
	}
}

func TestArray(t *testing.T) {
	elements, err := Array([]byte(`[{"a":1}, [2] ,"x"]`))
	if err != nil || len(elements) != 3 || string(elements[1]) != "[2]" {
		t.Fatalf("got %q, %v", elements, err)
	}
}

// FuzzObject holds that whatever is accepted here is JSON for encoding/json too.
func FuzzObject(f *testing.F) {
	seeds := fuzzseed.For(f)
	for _, seed := range []string{`{}`, `{"a":[1,2.5e-3,"é\n"],"b":{"c":null}}`, `{"a":-0}`, `{"a":"\ud800"}`} {
		seeds.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		fields, err := Object(doc, 32)
		if err != nil {
			return
		}
		var all map[string]json.RawMessage
		if err := json.Unmarshal(doc, &all); err != nil {
			t.Fatalf("accepted %q: %v", doc, err)
		}
		if len(all) != len(fields) {
			t.Fatalf("%d fields, encoding/json sees %d in %q", len(fields), len(all), doc)
		}
	})
}
