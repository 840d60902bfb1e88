package standin

import (
	"bytes"
	"debug/elf"
	"fmt"
	"slices"
)

// lacking is the library without some of its functions: in its table of symbols
// they get names that nobody asks for, so that nothing has to be compiled anew.
func lacking(library []byte, without []string) ([]byte, error) {
	file, err := elf.NewFile(bytes.NewReader(library))
	if err != nil {
		return nil, err
	}
	names := file.Section(".dynstr")
	if names == nil {
		return nil, fmt.Errorf("the library has no table of symbols")
	}
	library = slices.Clone(library)
	table := library[names.Offset : names.Offset+names.Size]
	for _, name := range without {
		at := bytes.Index(table, []byte("\x00"+name+"\x00"))
		if at < 0 {
			return nil, fmt.Errorf("the library never had %s", name)
		}
		copy(table[at+1:], "lack")
	}
	return library, nil
}
