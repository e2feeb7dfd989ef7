// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"time"
)

// measure follows the rule of bench/common/meter.c: warm up, repeat a batch for most of a second, take the median
// batch, in nanoseconds an iteration.
func measure(batch func(iterations int)) float64 {
	timed := func(iterations int) time.Duration {
		start := time.Now()
		batch(iterations)
		return time.Since(start)
	}
	iterations := 1
	total := time.Duration(0)
	for {
		took := timed(iterations)
		total += took
		if took < 25*time.Millisecond {
			iterations *= 2
		} else if total >= 100*time.Millisecond {
			break
		}
	}
	var samples []float64
	total = 0
	for total < 3*time.Second && (total < 700*time.Millisecond || len(samples) < 3) {
		took := timed(iterations)
		total += took
		samples = append(samples, float64(took.Nanoseconds())/float64(iterations))
	}
	sort.Float64s(samples)
	return (samples[(len(samples)-1)/2] + samples[len(samples)/2]) / 2
}

func show(name string, value float64) {
	digits := 1
	if value < 100 {
		digits = 3
	}
	fmt.Println(name, strconv.FormatFloat(value, 'f', digits, 64))
}

type memory struct{ resident, pageTables float64 }

func memoryNow() memory {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		die("memory", err)
	}
	field := func(name string) float64 {
		for _, line := range strings.Split(string(status), "\n") {
			words := strings.Fields(line)
			if len(words) >= 2 && words[0] == name {
				kib, _ := strconv.ParseFloat(words[1], 64)
				return kib * 1024
			}
		}
		return 0
	}
	return memory{field("VmRSS:"), field("VmPTE:")}
}
