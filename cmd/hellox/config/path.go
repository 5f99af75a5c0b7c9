package config

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// Path returns the path of a file in the folder.
func Path(env func(string) (string, bool), name string) (string, error) {
	if dir, ok := env("XDG_CONFIG_HOME"); ok && filepath.IsAbs(dir) {
		return filepath.Join(dir, "hellox", name), nil
	}
	if dir, ok := env("APPDATA"); ok && dir != "" && runtime.GOOS == "windows" {
		return filepath.Join(dir, "hellox", name), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find the folder of %s: %w", name, err)
	}
	return filepath.Join(home, ".config", "hellox", name), nil
}
