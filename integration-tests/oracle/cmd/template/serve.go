package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"runtime"
	"sync/atomic"
	"time"
)

// Limits of one case in serve: bytes it may write, the time it may take, and the heap it may grow to. Whoever asks
// sends no case that is known to run long, so that the last two end the program: a goroutine cannot be stopped.
const (
	maxOutput = 4 << 20
	maxTime   = 20 * time.Second
	maxHeap   = 2 << 30
)

// request is a case of a batch; data is JSON in the form of value.
type request struct {
	Template   []byte `json:"template"`
	Data       string `json:"data"`
	MissingKey string `json:"missingkey"`
	Sprig      bool   `json:"sprig"`
}

// response is what became of a case: its output (up to the error, if there is one), the error's text, and the text of
// a panic that Go's engine let through.
type response struct {
	Output []byte `json:"output"`
	Error  []byte `json:"error,omitempty"`
	Panic  []byte `json:"panic,omitempty"`
}

// serve reads batches from in and writes their results to out, until in ends. A message is its length, four bytes in
// network order, and as many bytes of JSON: an array of request one way, of response the other.
func serve(in io.Reader, out io.Writer) {
	// When the case at hand began, in nanoseconds; 0 between cases.
	var began atomic.Int64
	go watch(&began)
	reader, writer := bufio.NewReaderSize(in, 1<<20), bufio.NewWriterSize(out, 1<<20)
	for {
		var size uint32
		if err := binary.Read(reader, binary.BigEndian, &size); errors.Is(err, io.EOF) {
			return
		} else {
			check(err)
		}
		message := make([]byte, size)
		_, err := io.ReadFull(reader, message)
		check(err)
		var requests []request
		check(json.Unmarshal(message, &requests))
		responses := make([]response, len(requests))
		for i, r := range requests {
			began.Store(time.Now().UnixNano())
			responses[i] = answer(r)
		}
		began.Store(0)
		message, err = json.Marshal(responses)
		check(err)
		check(binary.Write(writer, binary.BigEndian, uint32(len(message))))
		_, err = writer.Write(message)
		check(err)
		check(writer.Flush())
	}
}

func answer(r request) (answer response) {
	var out bounded
	defer func() {
		answer.Output = out.written
		if cause := recover(); cause != nil {
			answer.Panic = []byte(fmt.Sprint(cause))
		}
	}()
	if err := evaluate(&out, string(r.Template), []byte(r.Data), "missingkey="+r.MissingKey, r.Sprig); err != nil {
		answer.Error = []byte(err.Error())
	}
	return answer
}

// bounded refuses to grow beyond maxOutput.
type bounded struct{ written []byte }

func (b *bounded) Write(text []byte) (int, error) {
	if len(b.written)+len(text) > maxOutput {
		return 0, errors.New("the output is too long")
	}
	b.written = append(b.written, text...)
	return len(text), nil
}

func watch(began *atomic.Int64) {
	for range time.Tick(250 * time.Millisecond) {
		start := began.Load()
		if start == 0 {
			continue
		}
		if taken := time.Since(time.Unix(0, start)); taken > maxTime {
			log.Printf("a case has taken %v", taken)
			os.Exit(3)
		}
		var stats runtime.MemStats
		if runtime.ReadMemStats(&stats); stats.HeapAlloc > maxHeap {
			log.Printf("a case has grown the heap to %d bytes", stats.HeapAlloc)
			os.Exit(3)
		}
	}
}
