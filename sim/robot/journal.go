package robot

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Word is what a journal says of a robot's process.
type Word string

// The words of a journal.
const (
	WordBegin Word = "begin"
	// WordOverlap: another process of the same robot runs. On a real one the two
	// would fight for its motors.
	WordOverlap Word = "overlap"
	WordEnd     Word = "end" // missing where the process was killed
)

// Entry is a line of a journal.
type Entry struct {
	At    time.Time
	Robot string
	Word  Word
}

// journal is a robot's account of its own life, in a directory that outlives its
// container: when its processes began and ended, and whether two of them ever
// ran at one time.
type journal struct {
	robot string
	file  *os.File
	port  *os.File // locked while the process lives, as a driver has its serial port
}

func openJournal(dir, robot string) (*journal, error) {
	j := &journal{robot: robot}
	var err error
	if j.port, err = os.OpenFile(filepath.Join(dir, robot+".port"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, fmt.Errorf("open the port of %s: %w", robot, err)
	}
	if j.file, err = os.OpenFile(journalIn(dir), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("open the journal: %w", err), j.port.Close())
	}
	word := WordBegin
	if syscall.Flock(int(j.port.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		word = WordOverlap
	}
	if err := j.write(word); err != nil {
		return nil, errors.Join(err, j.port.Close(), j.file.Close())
	}
	return j, nil
}

// write adds a line; the lines of several processes do not mix.
func (j *journal) write(w Word) error {
	_, err := fmt.Fprintf(j.file, "%d %s %s\n", time.Now().UnixNano(), j.robot, w)
	return err
}

func (j *journal) close() {
	_ = j.write(WordEnd)
	_ = j.file.Close()
	_ = j.port.Close()
}

func journalIn(dir string) string { return filepath.Join(dir, "journal") }

// ReadJournal reads what the robots wrote into a directory.
func ReadJournal(dir string) ([]Entry, error) {
	b, err := os.ReadFile(journalIn(dir))
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	var all []Entry
	for line := range strings.Lines(string(b)) {
		var at int64
		var e Entry
		if _, err := fmt.Sscan(line, &at, &e.Robot, &e.Word); err != nil {
			return nil, fmt.Errorf("read the journal: %q: %w", line, err)
		}
		e.At = time.Unix(0, at)
		all = append(all, e)
	}
	return all, nil
}
