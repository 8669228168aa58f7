package script

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// Tool is Run for a program of the system: the first of c.Name below Path. Its working directory is / unless c.Dir says otherwise.
func Tool(ctx context.Context, c Config) (string, error) {
	for _, dir := range filepath.SplitList(Path) {
		file := filepath.Join(dir, c.Name)
		if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() {
			continue
		}
		c.File = file
		if c.Dir == "" {
			c.Dir = "/"
		}
		text, err := execute(ctx, &c)
		if err != nil {
			err = fmt.Errorf("%s: %w", c.Name, err)
		}
		return text, err
	}
	return "", fmt.Errorf("%s: there is no such program here; does the deployment system have it?", c.Name)
}
