package submission

import (
	"encoding/hex"
	"errors"
	"path"
	"strings"

	"github.com/mlq-dev/mlq/internal/envelope"
	"github.com/mlq-dev/mlq/scheduler"
)

func readFunctions(p *Parsed, raw []byte) error {
	if string(raw) == "null" { // as clients of the predecessor's send it
		return nil
	}
	names, err := decode[[]string](raw, "want a list of function names")
	if err != nil {
		return err
	}
	if len(names) == 0 || len(names) > 100 {
		return invalid("want 1 to 100 function names")
	}
	for _, name := range names {
		if !scheduler.FunctionName(name) {
			return invalid("want Python names of at most 128 bytes")
		}
	}
	p.Call.Functions = names
	return nil
}

func readSource(p *Parsed, raw []byte) error {
	source, err := decode[string](raw, "want Python source text")
	if err != nil {
		return err
	}
	if source == "" || len(source) > MaxSource {
		return invalid("want 1 byte to 1 MiB of source")
	}
	p.Call.Source = source
	return nil
}

func readFunction(p *Parsed, raw []byte) error {
	name, err := readText(raw)
	p.Call.Function = name
	return err
}

func readFilename(p *Parsed, raw []byte) error {
	name, err := decode[string](raw, "want a file name")
	if err != nil {
		return err
	}
	p.Call.Filename = name
	return checkText(name, MaxPath)
}

func readCommand(p *Parsed, raw []byte) error {
	command, err := decode[[]string](raw, "want a list of strings: the program and its arguments")
	if err != nil {
		return err
	}
	if len(command) == 0 || command[0] == "" {
		return invalid("want the program first")
	}
	for _, word := range command {
		if strings.ContainsRune(word, 0) {
			return invalid("no argument may contain a NUL")
		}
	}
	p.Call.Command = command
	return nil
}

// commandName is the program's name without its folder, fit to be shown.
func commandName(program string) string {
	name := path.Base(program)
	if checkText(name, MaxText) != nil {
		return "command"
	}
	return name
}

func readCwd(p *Parsed, raw []byte) error {
	dir, err := readPath(raw)
	p.Call.Cwd = dir
	return err
}

func readCall(p *Parsed, raw []byte) error {
	fields, err := object(raw)
	if err != nil {
		return err
	}
	ref := Ref{Media: envelope.Media}
	var function, python string
	for _, f := range fields {
		var err error
		switch f.Name {
		case "sha256":
			ref.SHA256, err = decode[string](f.Raw, "want 64 hexadecimal digits")
		case "size":
			ref.Size, err = readInt(f.Raw, 1, 1<<50)
		case "function":
			function, err = decode[string](f.Raw, "want a name")
		case "python":
			python, err = decode[string](f.Raw, "want a version")
		default:
			err = &Error{Code: CodeUnknownField, Detail: "no such field; call has sha256, size, function, python"}
		}
		if err != nil {
			return below(at(f.Name), err)
		}
	}
	p.Call.Ref = ref
	if !IsSHA256(ref.SHA256) {
		return below("/sha256", invalid("want 64 hexadecimal digits in lower case"))
	}
	if ref.Size == 0 {
		return below("/size", invalid("want the size of the envelope in bytes"))
	}
	return p.describe(function, python)
}

// IsSHA256 reports whether s is a SHA-256 in lower-case hexadecimal digits.
func IsSHA256(s string) bool {
	if len(s) != 64 || strings.ToLower(s) != s {
		return false
	}
	_, err := hex.DecodeString(s)
	return err == nil
}

func readCallback(p *Parsed, raw []byte) error {
	if string(raw) == "null" { // as clients of the predecessor may send
		return nil
	}
	text, err := decode[string](raw, "want a URL")
	if err != nil {
		return err
	}
	var field *scheduler.FieldError
	if err := scheduler.CheckCallback(text); errors.As(err, &field) {
		return invalid(field.Detail)
	}
	p.Callback = text
	return nil
}
