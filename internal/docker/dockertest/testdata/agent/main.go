// Agent stands for a robot's program in tests. It runs until SIGTERM.
//
//	-beat FILE    append the time (Unix, ns) to FILE every -every
//	-every D      20ms
//	-write FILE   write the -text into FILE at the start
//	-ignore       ignore SIGTERM
//	-exit N       end at once with code N
//	-lock FILE    hold an exclusive lock on FILE; end with 42 when another has it
//	-env          print the environment and end
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	beat := flag.String("beat", "", "")
	every := flag.Duration("every", 20*time.Millisecond, "")
	write := flag.String("write", "", "")
	text := flag.String("text", "", "")
	ignore := flag.Bool("ignore", false, "")
	exit := flag.Int("exit", -1, "")
	lock := flag.String("lock", "", "")
	env := flag.Bool("env", false, "")
	flag.Parse()

	if *env {
		for _, v := range os.Environ() {
			fmt.Println(v)
		}
		return
	}
	if *write != "" {
		must(os.WriteFile(*write, []byte(*text), 0o644))
	}
	if *exit >= 0 {
		os.Exit(*exit)
	}
	if *lock != "" {
		f, err := os.OpenFile(*lock, os.O_RDWR|os.O_CREATE, 0o644)
		must(err)
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
			must(os.WriteFile(*lock+".conflict", []byte("two at once"), 0o644))
			os.Exit(42)
		}
	}
	stop := make(chan os.Signal, 1)
	if *ignore {
		signal.Ignore(syscall.SIGTERM)
	} else {
		signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT, syscall.SIGUSR1)
	}
	var out *os.File
	if *beat != "" {
		var err error
		out, err = os.OpenFile(*beat, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
		must(err)
	}
	tick := time.NewTicker(*every)
	for {
		if out != nil {
			fmt.Fprintln(out, time.Now().UnixNano())
		}
		select {
		case <-tick.C:
		case <-stop:
			return
		}
	}
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
