package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// forms are the shapes in which the value would be recognised.
func (s *secretLab) forms() map[string][]byte {
	forms := map[string][]byte{"plain": []byte(s.marker), "hex": []byte(hex.EncodeToString([]byte(s.marker)))}
	for shift := range 3 { // wherever it stands in what was encoded
		text := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("\x00", shift) + s.marker))
		forms[fmt.Sprint("base64 ", shift)] = []byte(text[4 : len(text)-4])
	}
	return forms
}

func (s *secretLab) not(where, text string) {
	s.t.Helper()
	for form, bytesOf := range s.forms() {
		if bytes.Contains([]byte(text), bytesOf) {
			s.t.Errorf("%s has the secret (%s)", where, form)
		}
	}
}

// files looks into every file of server, agent, store and Redis.
func (s *secretLab) files(when string) {
	s.t.Helper()
	controls := map[string]bool{"control-in-the-log": false, "auth:secret:TOKEN:ana": false}
	err := filepath.WalkDir(s.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return ignoreGone(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return ignoreGone(err)
		}
		s.not(when+": "+path, string(text))
		for control := range controls {
			if filepath.Base(path) != "job.py" && bytes.Contains(text, []byte(control)) {
				controls[control] = true
			}
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	for control, found := range controls {
		if !found {
			s.t.Errorf("%s: %s is in no file: this search would find nothing", when, control)
		}
	}
}

func ignoreGone(err error) error {
	if os.IsNotExist(err) {
		return nil
	}
	return err
}

// processes looks at the command lines and environments of all that runs here.
func (s *secretLab) processes(own []int) {
	s.t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		s.t.Fatal(err)
	}
	found := 0
	for _, path := range paths {
		line, _ := os.ReadFile(path + "/cmdline") // it may have ended
		s.not(path+"/cmdline", string(line))
		env, _ := os.ReadFile(path + "/environ") // likewise, or be somebody else's
		pid, err := strconv.Atoi(filepath.Base(path))
		if err != nil {
			s.t.Fatal(err)
		}
		if s.below(pid, own) {
			found += bytes.Count(env, []byte(s.marker))
			continue
		}
		s.not(path+"/environ of "+string(line), string(env))
	}
	if found == 0 {
		s.t.Error("no job has it in its environment: this search would find nothing")
	}
}

// below reports whether a process is one of these or was started by one.
func (s *secretLab) below(pid int, own []int) bool {
	for pid > 1 {
		if slices.Contains(own, pid) {
			return true
		}
		pid = parentOf(pid)
	}
	return false
}

// parentOf is 0 for a process that has ended.
func parentOf(pid int) int {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	parent, err := strconv.Atoi(strings.Fields(rest)[1])
	if err != nil {
		return 0
	}
	return parent
}

// memory: the warm parent of a forked job has never had the value.
func (s *secretLab) memory(forked int) {
	s.t.Helper()
	if os.Geteuid() != 0 {
		s.t.Log("only root can look into the memory of other processes")
		return
	}
	warm := parentOf(forked)
	s.slot = parentOf(warm)
	for pid, want := range map[int]bool{forked: true, warm: false} {
		if has, err := inMemory(pid, []byte(s.marker)); err != nil || has != want {
			s.t.Errorf("in the memory of process %d: %v, %v, want %v", pid, has, err, want)
		}
	}
}

var writable = regexp.MustCompile(`(?m)^([0-9a-f]+)-([0-9a-f]+) rw`)

func inMemory(pid int, text []byte) (bool, error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return false, err
	}
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return false, err
	}
	defer mem.Close()
	for _, area := range writable.FindAllStringSubmatch(string(maps), -1) {
		from, err1 := strconv.ParseInt(area[1], 16, 64)
		to, err2 := strconv.ParseInt(area[2], 16, 64)
		if err1 != nil || err2 != nil {
			return false, fmt.Errorf("maps of %d: %s", pid, area[0])
		}
		content, err := io.ReadAll(io.NewSectionReader(mem, from, to-from))
		if err != nil {
			return false, err
		}
		if bytes.Contains(content, text) {
			return true, nil
		}
	}
	return false, nil
}

// answers: nothing that ana or an admin can ask for has the value.
func (s *secretLab) answers(ids ...string) {
	s.t.Helper()
	for _, args := range [][]string{
		{"secret", "list", "-o", "json"},
		{"jobs", "-o", "json"},
		{"queue", "-o", "json"},
		{"gpus", "-o", "json"},
		{"hosts", "-o", "json"},
	} {
		s.as("", args...)
		s.not("mlq "+args[0]+" of an admin", s.mlq(args...))
	}
	for _, id := range ids {
		if job := s.as("", "job", id, "-o", "json"); !strings.Contains(job, `"TOKEN"`) {
			s.t.Errorf("job %s does not show the secret's name: %s", id, job)
		}
		s.as("", "logs", id)
	}
}
