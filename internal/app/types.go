package app

import (
	"fmt"
	"os"

	"github.com/muster-fleet/muster/msgs"
	"github.com/muster-fleet/muster/msgs/idl"
)

// loadTypes reads the configured folders of definitions; the first one's go before
// the others'. The error names the folder, and the file and line where one is
// wrong.
func loadTypes(folders []string) (*msgs.Library, error) {
	var all *idl.Set
	for i, folder := range folders {
		if _, err := os.ReadDir(folder); err != nil {
			return nil, fmt.Errorf("messages[%d]: %w", i, err)
		}
		set, err := idl.LoadAs(os.DirFS(folder), folder)
		if err != nil {
			return nil, fmt.Errorf("messages[%d]: %w", i, err)
		}
		if len(set.Messages()) == 0 {
			return nil, fmt.Errorf("messages[%d]: %s holds no <package>/msg/*.msg and no <package>/srv/*.srv", i, folder)
		}
		if all != nil {
			set = all.Over(set)
		}
		all = set
	}
	types, err := msgs.NewLibrary(all)
	if err != nil {
		return nil, fmt.Errorf("messages: %w", err)
	}
	return types, nil
}
