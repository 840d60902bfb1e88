package runner

import (
	_ "embed"
	"errors"
	"regexp"

	"github.com/mlq-dev/mlq/internal/wheel"
)

//go:embed LICENSE
var license []byte

// metadata is what client/python/pyproject.toml says of the package (TestMetadataIsThePackages).
const metadata = `Summary: Python client of MLQ: run functions on shared GPUs, one job at a time per GPU
License: Apache-2.0
License-File: LICENSE
Classifier: Framework :: Jupyter
Classifier: Intended Audience :: Science/Research
Classifier: Operating System :: POSIX :: Linux
Classifier: Operating System :: MacOS
Classifier: Programming Language :: Python :: 3
Classifier: Programming Language :: Python :: 3.9
Classifier: Programming Language :: Python :: 3.10
Classifier: Programming Language :: Python :: 3.11
Classifier: Programming Language :: Python :: 3.12
Classifier: Programming Language :: Python :: 3.13
Classifier: Programming Language :: Python :: Implementation :: CPython
Classifier: Typing :: Typed
Requires-Python: >=3.9
Requires-Dist: cloudpickle>=3
Requires-Dist: urllib3>=2
`

var versionLine = regexp.MustCompile(`(?m)^__version__ = "([^"]+)"$`)

// Version is that of the Python package in this binary, "" if it has none.
func Version() string {
	text, err := files.ReadFile("files/mlq/_version.py")
	found := versionLine.FindSubmatch(text)
	if err != nil || found == nil {
		return ""
	}
	return string(found[1])
}

// Wheel is the Python package of this binary, for pip. Errors: the embedded
// files are not a package.
func Wheel() (wheel.Wheel, error) {
	p := wheel.Package{Name: "mlq-gpu", Version: Version(), Metadata: metadata, License: license, Files: map[string][]byte{}}
	err := each(func(name string, data []byte) error {
		p.Files[name] = data
		return nil
	})
	made, failure := wheel.Build(p)
	return made, errors.Join(err, failure)
}
