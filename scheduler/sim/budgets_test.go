package sim

import (
	"reflect"
	"testing"
)

// TestAtLeast: no budget is left out of the comparison that takes lives for tried.
func TestAtLeast(t *testing.T) {
	if !(Budgets{}).atLeast(Budgets{}) {
		t.Error("not as much as itself")
	}
	for i := range reflect.TypeFor[Budgets]().NumField() {
		var more Budgets
		field := reflect.ValueOf(&more).Elem().Field(i)
		field.SetInt(1)
		if name := reflect.TypeFor[Budgets]().Field(i).Name; (Budgets{}).atLeast(more) || !more.atLeast(Budgets{}) {
			t.Errorf("%s does not count", name)
		}
	}
}
