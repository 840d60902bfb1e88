package agent

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/mlq-dev/mlq/gpu"
	"github.com/mlq-dev/mlq/internal/blob"
	"github.com/mlq-dev/mlq/internal/signing"
	"github.com/mlq-dev/mlq/scheduler"
)

// damages are the ways in which a file is damaged. Each says what it made of it.
func damages(whole []byte) map[string][]byte {
	all := map[string][]byte{"0 bytes": nil, "cut": whole[:len(whole)/2], "another last byte": append(bytes.Clone(whole[:len(whole)-1]), 'x')}
	for at := range whole {
		b := bytes.Clone(whole)
		b[at] ^= 1
		all["a flipped byte "+string(rune('0'+at%10))+strings.Repeat("'", at/10)] = b
	}
	return all
}

func someSigners() signing.Set {
	return signing.NewRing("mlq", signing.NewKey([32]byte{1})).Set
}

// TestDamagedFilesOfAnAgent damages each of its small files, byte by byte: what is taken from one is
// what was written, or a line in the log says otherwise.
func TestDamagedFilesOfAnAgent(t *testing.T) {
	t.Parallel()
	for _, f := range []struct {
		name string
		make func(dir string) (path string, err error)
		// reads is true where what was written was taken, and false where it was not; told is the log.
		reads func(dir string, told io.Writer) bool
	}{
		{keptFile, func(dir string) (string, error) {
			k := kept{Devices: []keptDevice{{Device: gpu.Device{UUID: "GPU-A"}, Health: gpu.Health{Sick: "Xid 79", Cure: gpu.CureBoot}}}}
			return filepath.Join(dir, keptFile), k.write(dir)
		}, func(dir string, told io.Writer) bool {
			a := &Agent{opts: Options{DataDir: dir, Log: zerolog.New(told)}}
			k, err := a.restore()
			return err == nil && len(k.Devices) == 1 && k.Devices[0].Health.Sick == "Xid 79" && k.Devices[0].Device.UUID == "GPU-A"
		}},
		{hostFile, func(dir string) (string, error) {
			return filepath.Join(dir, hostFile), claimDataDir(dir, machine{"a1", "here"}, zerolog.Nop())
		}, func(dir string, told io.Writer) bool {
			return errors.Is(claimDataDir(dir, machine{"b2", "there"}, zerolog.New(told)), ErrOtherHost)
		}},
		{"tenants", func(dir string) (string, error) {
			path := filepath.Join(dir, "tenants")
			users, err := openTenants(path)
			if err == nil {
				_, err = users.add("ana")
			}
			return path, err
		}, func(dir string, told io.Writer) bool {
			users, err := openTenants(filepath.Join(dir, "tenants"))
			if err != nil {
				return false
			}
			if users.damaged != nil {
				io.WriteString(told, users.damaged.Error())
			}
			several, err := users.add("ben")
			return several && err == nil // ben's job must not be forked from what ana's could write to
		}},
		{signersFile, func(dir string) (string, error) {
			s := newSigners(&Options{DataDir: dir, Signers: (&office{set: someSigners()}).fetch, Log: zerolog.Nop()})
			return s.path, s.refresh(context.Background())
		}, func(dir string, told io.Writer) bool {
			set, was := newSigners(&Options{DataDir: dir, Log: zerolog.New(told)}).current(), someSigners()
			return set != nil && set.Equal(&was)
		}},
		{"jobs/7.json", func(dir string) (string, error) {
			w := &workdirs{root: dir}
			return w.tagPath(7), w.writeTag(7, tag{User: "ana", Submitted: time.Unix(1000, 0).UTC()})
		}, func(dir string, told io.Writer) bool {
			w := &workdirs{root: dir, log: zerolog.New(told)}
			file := filepath.Join(w.path(7), "secret")
			if err := errors.Join(os.MkdirAll(w.path(7), 0o700), os.WriteFile(file, nil, 0o600)); err != nil {
				return false
			}
			job := scheduler.Job{ID: 7, User: "ana", Submitted: time.Unix(1000, 0).UTC()}
			if _, err := w.make(job, nil); err != nil {
				return false
			}
			return exists(file)
		}},
	} {
		t.Run(f.name, func(t *testing.T) {
			dir := t.TempDir()
			path, err := f.make(dir)
			if err != nil {
				t.Fatal(err)
			}
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for what, b := range damages(whole) {
				if err := os.WriteFile(path, b, 0o600); err != nil {
					t.Fatal(err)
				}
				var told strings.Builder
				if !f.reads(dir, &told) && !strings.Contains(told.String(), dir) {
					t.Errorf("%s: %q was taken, and the log says %q", what, b, told.String())
				}
			}
		})
	}
}

// shelf is an API that has one payload.
type shelf struct {
	API
	data []byte
}

func (s *shelf) GetBlob(context.Context, string) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(s.data)), nil
}

// toldOf reports whether the log tells of a file where it was damaged, and nothing where it was not.
func toldOf(log, path string, damaged bool) bool {
	if damaged {
		return strings.Contains(log, path)
	}
	return log == ""
}

// TestDamagedPayload: a payload is what was submitted, whatever became of it on its way or in
// the cache: it is code.
func TestDamagedPayload(t *testing.T) {
	t.Parallel()
	data := bytes.Repeat([]byte("call"), 1000)
	sum := blob.Sum(data)
	var told strings.Builder
	s := &shelf{data: data}
	c := &cache{dir: t.TempDir(), api: s, log: zerolog.New(&told)}
	path := filepath.Join(c.dir, sum)
	const asItIs = "as it is"
	for what, damage := range map[string]func() error{
		asItIs:     func() error { return os.WriteFile(path, data, 0o600) },
		"flipped":  func() error { return os.WriteFile(path, append([]byte("X"), data[1:]...), 0o600) },
		"cut":      func() error { return os.WriteFile(path, data[:100], 0o600) },
		"0 bytes":  func() error { return os.WriteFile(path, nil, 0o600) },
		"a folder": func() error { return errors.Join(os.RemoveAll(path), os.Mkdir(path, 0o700)) },
	} {
		told.Reset()
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		f, err := c.open(t.Context(), sum)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, data) || !toldOf(told.String(), path, what != asItIs) {
			t.Errorf("%s: %d bytes, %v; the log says %q", what, len(got), err, told.String())
		}
		f.Close()
	}
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	s.data = append([]byte("X"), data[1:]...)
	if f, err := c.open(t.Context(), sum); err == nil || !strings.Contains(err.Error(), sum) {
		t.Errorf("from the wire: %v, %v", f, err)
	}
}
