// SPDX-License-Identifier: MIT

package main

import (
	"sync"
	"sync/atomic"
)

// together runs several tasks at once, to their end.
func together(tasks int, task func(number int)) {
	var group sync.WaitGroup
	group.Add(tasks)
	for t := 0; t < tasks; t++ {
		go func(number int) {
			task(number)
			group.Done()
		}(t)
	}
	group.Wait()
}

const (
	mpmcSides    = 4 // as many producers as consumers
	mpmcCapacity = 256
)

// sumTo is the sum of the numbers below n, which is what the items of a batch add up to.
func sumTo(n int) int64 { return int64(n) * int64(n-1) / 2 }

func mpmc(int) {
	ns := measure(func(iterations int) {
		items := make(chan int, mpmcCapacity)
		var sum int64
		var consumers sync.WaitGroup
		consumers.Add(mpmcSides)
		for t := 0; t < mpmcSides; t++ {
			go func() {
				mine := int64(0)
				for item := range items {
					mine += int64(item)
				}
				atomic.AddInt64(&sum, mine)
				consumers.Done()
			}()
		}
		together(mpmcSides, func(int) {
			for i := 0; i < iterations; i++ {
				items <- i
			}
		})
		close(items)
		consumers.Wait()
		if sum != mpmcSides*sumTo(iterations) {
			die("mpmc", "wrong sum")
		}
	})
	show("mpmc", ns/mpmcSides)
}

const contenders = 8

func mutex(int) {
	ns := measure(func(iterations int) {
		var lock sync.Mutex
		count := 0
		together(contenders, func(int) {
			for i := 0; i < iterations; i++ {
				lock.Lock()
				count++
				lock.Unlock()
			}
		})
		if count != contenders*iterations {
			die("mutex", "wrong count")
		}
	})
	show("mutex", ns/contenders)
}

func lockOnce(int) {
	var lock sync.Mutex
	count, total := 0, 0
	ns := measure(func(iterations int) {
		for i := 0; i < iterations; i++ {
			lock.Lock()
			count++
			lock.Unlock()
		}
		if total += iterations; count != total {
			die("lock", "wrong count")
		}
	})
	show("lock", ns)
}

// A buffered channel is Go's semaphore: to send is to acquire.
func semaphore(int) {
	permits := make(chan struct{}, 1)
	count, total := 0, 0
	show("semaphore", measure(func(iterations int) {
		for i := 0; i < iterations; i++ {
			permits <- struct{}{}
			count++
			<-permits
		}
		if total += iterations; count != total {
			die("semaphore", "wrong count")
		}
	}))
}

const fewPermits = 2

func semaphores(int) {
	ns := measure(func(iterations int) {
		permits := make(chan struct{}, fewPermits)
		var count int64
		together(contenders, func(int) {
			for i := 0; i < iterations; i++ {
				permits <- struct{}{}
				atomic.AddInt64(&count, 1)
				<-permits
			}
		})
		if count != int64(contenders*iterations) {
			die("semaphores", "wrong count")
		}
	})
	show("semaphores", ns/contenders)
}

// Two events in turn: who is woken by one counts itself and waits for the other; the last one ends the round. A channel that is closed is
// Go's event, and as it stays closed, each round has a new one.
func wakeall(tasks int) {
	var woken int64
	events := [2]chan struct{}{make(chan struct{}), make(chan struct{})}
	all := make(chan struct{}, 1)
	ending := false
	waiter := func(int) {
		for round, event := 1, events[0]; ; round++ {
			<-event
			if ending {
				return
			}
			event = events[round%2]
			if atomic.AddInt64(&woken, 1)%int64(tasks) == 0 {
				all <- struct{}{}
			}
		}
	}
	ended := make(chan struct{})
	go func() {
		together(tasks, waiter)
		close(ended)
	}()
	rounds := 0
	ns := measure(func(iterations int) {
		for i := 0; i < iterations; i++ {
			close(events[rounds%2])
			<-all
			events[rounds%2] = make(chan struct{})
			rounds++
		}
		if woken != int64(rounds)*int64(tasks) {
			die("wakeall", "wrong count")
		}
	})
	ending = true
	close(events[rounds%2])
	<-ended
	show("wakeall", ns/float64(tasks))
}

func selectCase(int) {
	show("select", measure(func(iterations int) {
		var c [8]chan int
		for i := range c {
			c[i] = make(chan int, 1)
		}
		var sum int64
		var group sync.WaitGroup
		group.Add(2)
		go func() {
			for i := 0; i < iterations; i++ {
				c[i%len(c)] <- i
			}
			group.Done()
		}()
		go func() {
			for i := 0; i < iterations; i++ {
				var item int
				select {
				case item = <-c[0]:
				case item = <-c[1]:
				case item = <-c[2]:
				case item = <-c[3]:
				case item = <-c[4]:
				case item = <-c[5]:
				case item = <-c[6]:
				case item = <-c[7]:
				}
				sum += int64(item)
			}
			group.Done()
		}()
		group.Wait()
		if sum != sumTo(iterations) {
			die("select", "wrong sum")
		}
	}))
}

const broadcastCapacity = 16

// Go has no broadcast: a channel a receiver. As in the others, the sender fills the buffer, waits until all have what it sent, and goes on.
func broadcast(receivers int) {
	ns := measure(func(iterations int) {
		to := make([]chan int, receivers)
		for t := range to {
			to[t] = make(chan int, broadcastCapacity)
		}
		var sum, received int64
		all := make(chan struct{}, 1)
		var ended sync.WaitGroup
		ended.Add(receivers)
		for t := 0; t < receivers; t++ {
			go func(items chan int) {
				mine := int64(0)
				for round := 0; round < iterations; round++ {
					for i := 0; i < broadcastCapacity; i++ {
						mine += int64(<-items)
					}
					if atomic.AddInt64(&received, 1)%int64(receivers) == 0 {
						all <- struct{}{}
					}
				}
				atomic.AddInt64(&sum, mine)
				ended.Done()
			}(to[t])
		}
		for item := 0; item < iterations*broadcastCapacity; item++ {
			for _, items := range to {
				items <- item
			}
			if (item+1)%broadcastCapacity == 0 {
				<-all
			}
		}
		ended.Wait()
		if sum != int64(receivers)*sumTo(iterations*broadcastCapacity) {
			die("broadcast", "wrong sum")
		}
	})
	show("broadcast", ns/float64(receivers*broadcastCapacity))
}
