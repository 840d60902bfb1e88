package envelope

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mlq-dev/mlq/internal/strictjson"
)

// maxDepth of a header's values: Python reads no JSON that is much deeper.
const maxDepth = 500

var known = []string{
	"kind", "frames", "function", "python", "cloudpickle", "request", "value", "short", "type", "message", "traceback", "reason", "module", "modules",
}

// checkHeader refuses what Python reads as something else than encoding/json does: a
// field that stands twice, or in another case. The server would route one call, and the
// host run another.
func checkHeader(text []byte) error {
	fields, err := strictjson.Object(text, maxDepth)
	if err != nil {
		return err
	}
	frames := false
	for _, f := range fields {
		frames = frames || f.Name == "frames" && f.Raw[0] == '['
		for _, name := range known {
			if f.Name != name && strings.EqualFold(f.Name, name) {
				return fmt.Errorf("the field %q is written %.40q", name, f.Name)
			}
		}
	}
	if !frames {
		return errors.New("it has no list of frames")
	}
	return nil
}
