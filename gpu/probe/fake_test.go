package probe

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/mlq-dev/mlq/gpu"
)

// script is what a fake child does. It is read anew at every step, so that a
// test changes it while the child runs.
type script struct {
	Info    gpu.Info
	Devices []gpu.Device
	Links   []gpu.Link
	Sample  gpu.Sample
	Event   *gpu.Event
	// Hang: these steps wait as long as they stand here: "open", "devices", "eof", or a UUID.
	Hang []string
	// Exit: at this step the process ends with the code, after it has written Stderr.
	Exit   map[string]int
	Stderr string
	Say    string // instead of opening: this line
	Refuse string
	Map    string // a file to have mapped, as a library is
	Deaf   bool   // it does not end at the end of its input
}

// fake is the provider of a fake child.
type fake struct {
	dir  string
	busy atomic.Int32
}

const serveFake = "serve-fake"

// beFake is the main function of a fake child.
func beFake(dir string) error {
	f := &fake{dir: dir}
	if err := f.note("pids", strconv.Itoa(os.Getpid())); err != nil {
		return err
	}
	if err := f.note("environ", strings.Join(os.Environ(), " ")); err != nil {
		return err
	}
	s := f.step("open")
	if s.Map != "" {
		if err := mapFile(s.Map); err != nil {
			return err
		}
	}
	if s.Say != "" {
		fmt.Println(s.Say)
	}
	if s.Refuse != "" {
		return Refuse(os.Stdout, errors.New(s.Refuse))
	}
	err := Serve(context.Background(), f, os.Stdin, os.Stdout)
	if f.read().Deaf {
		select {}
	}
	return err
}

func mapFile(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = syscall.Mmap(int(file.Fd()), 0, 4096, syscall.PROT_READ|syscall.PROT_EXEC, syscall.MAP_PRIVATE)
	return err
}

// step does what the script says of a step, and returns the script after it.
func (f *fake) step(name string) script {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		s := f.read()
		if code, ok := s.Exit[name]; ok {
			die(code, s.Stderr)
		}
		if !slices.Contains(s.Hang, name) {
			return s
		}
		<-tick.C
	}
}

func die(code int, said string) {
	fmt.Fprint(os.Stderr, said)
	os.Exit(code)
}

func (f *fake) read() (s script) {
	text, err := os.ReadFile(filepath.Join(f.dir, "script"))
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		panic(err)
	}
	return s
}

// note appends a line to a file of the test's.
func (f *fake) note(name, line string) error {
	file, err := os.OpenFile(filepath.Join(f.dir, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(file, line)
	return errors.Join(err, file.Close())
}

func (f *fake) Devices(context.Context) ([]gpu.Device, error) {
	s := f.step("devices")
	if s.Info.Problem != "" {
		return nil, errors.New(s.Info.Problem)
	}
	return s.Devices, nil
}

func (f *fake) Links(context.Context) ([]gpu.Link, error) { return f.step("links").Links, nil }

// Sample ends the process if it is asked about one device twice at once.
func (f *fake) Sample(_ context.Context, uuid string) (gpu.Sample, error) {
	if uuid == "GPU-none" {
		return gpu.Sample{}, errors.New("no device GPU-none here")
	}
	if uuid == "GPU-1" && f.busy.Add(1) > 1 {
		die(4, "asked twice at once")
	}
	now := f.step(uuid)
	if uuid == "GPU-1" {
		f.busy.Add(-1)
	}
	s := now.Sample
	s.UUID = uuid
	if now.Info.Problem != "" {
		s.Fault, s.Err = gpu.FaultDown, now.Info.Problem
	}
	return s, nil
}

func (f *fake) Watch(context.Context) <-chan gpu.Event {
	events := make(chan gpu.Event)
	go func() {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for last := (*gpu.Event)(nil); ; <-tick.C {
			if e := f.read().Event; e != nil && (last == nil || *e != *last) {
				last = e
				events <- *e
			}
		}
	}()
	return events
}

func (f *fake) Info() gpu.Info { return f.read().Info }
func (f *fake) Detach() error  { return nil }
func (f *fake) Attach() error  { return nil }
func (f *fake) Close() error   { return nil }

// beParent is a process that has a probe, until it is killed.
func beParent(dir string) error {
	p, err := New(Options{Command: []string{os.Args[0], serveFake, dir}})
	if err != nil {
		return err
	}
	if _, err := p.Devices(context.Background()); err != nil {
		return err
	}
	fmt.Println("ready")
	_, err = bufio.NewReader(os.Stdin).ReadString('\n')
	return err
}
