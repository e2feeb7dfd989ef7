// SPDX-License-Identifier: MIT

package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

func spawn(tasks int) {
	var group sync.WaitGroup
	child := func() { group.Done() }
	ns := measure(func(iterations int) {
		for i := 0; i < iterations; i++ {
			group.Add(tasks)
			for t := 0; t < tasks; t++ {
				go child()
			}
			group.Wait()
		}
	})
	show("spawn", ns/float64(tasks))
}

func spawn1(int) {
	var group sync.WaitGroup
	child := func() { group.Done() }
	show("spawn1", measure(func(iterations int) {
		for i := 0; i < iterations; i++ {
			group.Add(1)
			go child()
			group.Wait()
		}
	}))
}

func yield(tasks int) {
	ns := measure(func(iterations int) {
		var group sync.WaitGroup
		group.Add(tasks)
		for t := 0; t < tasks; t++ {
			go func() {
				for i := 0; i < iterations; i++ {
					runtime.Gosched()
				}
				group.Done()
			}()
		}
		group.Wait()
	})
	show("yield", ns/float64(tasks))
}

func pingpong(int) {
	there, back := make(chan int, 1), make(chan int, 1)
	show("pingpong", measure(func(iterations int) {
		var group sync.WaitGroup
		group.Add(2)
		go func() {
			for i := 0; i < iterations; i++ {
				there <- i
				if <-back != i+1 {
					die("pingpong", "wrong answer")
				}
			}
			group.Done()
		}()
		go func() {
			for i := 0; i < iterations; i++ {
				back <- <-there + 1
			}
			group.Done()
		}()
		group.Wait()
	}))
}

// One half is spawned and the other computed in place.
func fib(n int) int {
	if n < 2 {
		return n
	}
	var group sync.WaitGroup
	var half int
	group.Add(1)
	go func() {
		half = fib(n - 1)
		group.Done()
	}()
	other := fib(n - 2)
	group.Wait()
	return half + other
}

func fibPlain(n int) int {
	a, b := 0, 1
	for ; n > 0; n-- {
		a, b = b, a+b
	}
	return a
}

func fibCase(k int) {
	ns := measure(func(iterations int) {
		for i := 0; i < iterations; i++ {
			if fib(k) != fibPlain(k) {
				die("fib", "wrong result")
			}
		}
	})
	show("fib", ns/float64(fibPlain(k+1)-1))
}

const children = 10

// The results come back through an array, which is faster than a channel a node.
func skynet(first, leaves int) int {
	if leaves == 1 {
		return first
	}
	var group sync.WaitGroup
	var sums [children]int
	group.Add(children)
	for i := 0; i < children; i++ {
		go func(i int) {
			sums[i] = skynet(first+i*(leaves/children), leaves/children)
			group.Done()
		}(i)
	}
	group.Wait()
	sum := 0
	for _, s := range sums {
		sum += s
	}
	return sum
}

func skynetCase(leaves int) {
	ns := measure(func(iterations int) {
		for i := 0; i < iterations; i++ {
			if skynet(0, leaves) != leaves*(leaves-1)/2 {
				die("skynet", "wrong sum")
			}
		}
	})
	show("skynet", ns/1e6)
}

func sleepers(tasks int) {
	var entered int64
	all := make(chan struct{})
	before := memoryNow()
	start := time.Now()
	for i := 0; i < tasks; i++ {
		go func() {
			if atomic.AddInt64(&entered, 1) == int64(tasks) {
				close(all)
			}
			time.Sleep(24 * time.Hour)
		}()
	}
	<-all
	elapsed := time.Since(start)
	after := memoryNow()
	show("sleepers_page_tables", (after.pageTables-before.pageTables)/float64(tasks))
	show("sleepers_seconds", elapsed.Seconds())
	show("sleepers", (after.resident-before.resident)/float64(tasks))
}
