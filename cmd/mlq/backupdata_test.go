package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestBackupOfAFreshDataFolder: the keys are kept before there was any job; a folder that
// is no server's is refused.
func TestBackupOfAFreshDataFolder(t *testing.T) {
	b := &backupTaker{dir: t.TempDir(), data: t.TempDir()}
	if err := b.takeData(t.Context()); err == nil {
		t.Error("an empty folder was taken for a server's")
	}
	if err := os.WriteFile(filepath.Join(b.data, "signing.key"), []byte("key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := b.takeData(t.Context()); err != nil || len(b.m.Data) != 1 || b.m.Data[0].Name != "data/signing.key" {
		t.Errorf("kept %+v, %v", b.m.Data, err)
	}
}
