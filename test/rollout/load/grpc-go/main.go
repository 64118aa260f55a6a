// grpc-go-load calls the user service with grpc-go, as an application does, until its standard input ends:
//
//	grpc-go-load PLAN
//
// where PLAN is a plan as JSON. It writes a line of JSON now and then, {"answered":n}, and {"report":{…}} at the end; see
// load-plan.ts. A load generator such as ghz counts attempts, by a stats.Handler: one that met a GOAWAY is a failure there,
// though grpc-go has made the call elsewhere and the application got its answer.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

const (
	connections = 2
	// Every worker creates a user, then reads it this many times.
	readsPerUser = 3
	tellEvery    = 100 * time.Millisecond
)

type plan struct {
	// Run starts the e-mail addresses of the users: no two runs on a database may have the same.
	Run string `json:"run"`
	// Target is anything that grpc-go can dial.
	Target string `json:"target"`
	// Descriptors is a file with the service's FileDescriptorSet.
	Descriptors string `json:"descriptors"`
	// CallsPerSecond is of all workers together. A worker has one call under way at a time.
	CallsPerSecond float64 `json:"callsPerSecond"`
	Workers        int     `json:"workers"`
	CallTimeoutMs  int     `json:"callTimeoutMs"`
}

type failure struct {
	AtMs    int64  `json:"atMs"`
	Message string `json:"message"`
}

type report struct {
	Client        string    `json:"client"`
	Made          int       `json:"made"`
	Answered      int       `json:"answered"`
	Created       int       `json:"created"`
	CreatesFailed int       `json:"createsFailed"`
	Failures      []failure `json:"failures"`
}

// load is what the workers share.
type load struct {
	plan   plan
	create protoreflect.MethodDescriptor
	get    protoreflect.MethodDescriptor
	// stopping is closed when no further call is to be made.
	stopping chan struct{}
	mu       sync.Mutex
	report   report
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "grpc-go-load:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 2 {
		return fmt.Errorf("usage: grpc-go-load PLAN")
	}
	l := &load{stopping: make(chan struct{}), report: report{Client: "grpc-go", Failures: []failure{}}}
	if err := json.Unmarshal([]byte(os.Args[1]), &l.plan); err != nil {
		return err
	}
	service, err := readService(l.plan.Descriptors, "user.v1.UserService")
	if err != nil {
		return err
	}
	l.create, l.get = service.Methods().ByName("CreateUser"), service.Methods().ByName("GetUser")

	var workers sync.WaitGroup
	for c := range connections {
		// No retry policy. What is left is to send elsewhere, once, a call that never left the client, or that the server said it
		// has not processed (gRFC A6, transparent retries): every gRPC client does that.
		conn, err := grpc.NewClient(l.plan.Target, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDisableRetry())
		if err != nil {
			return err
		}
		defer conn.Close()
		for worker := c; worker < l.plan.Workers; worker += connections {
			workers.Go(func() { l.work(conn, worker) })
		}
	}

	inputEnd := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(inputEnd)
	}()
	out := json.NewEncoder(os.Stdout)
	for ticker := time.NewTicker(tellEvery); ; {
		select {
		case <-ticker.C:
			l.mu.Lock()
			answered := l.report.Answered
			l.mu.Unlock()
			if err := out.Encode(map[string]int{"answered": answered}); err != nil {
				return err
			}
		case <-inputEnd:
			close(l.stopping)
			workers.Wait()
			return out.Encode(map[string]report{"report": l.report})
		}
	}
}

// work creates users and reads them back, at a pace that does not depend on how quickly calls are answered.
func (l *load) work(conn *grpc.ClientConn, worker int) {
	interval := time.Duration(float64(l.plan.Workers) / l.plan.CallsPerSecond * float64(time.Second))
	due := time.Now().Add(interval * time.Duration(worker) / time.Duration(l.plan.Workers))
	user := ""
	for turn := 0; ; turn++ {
		select {
		case <-l.stopping:
			return
		case <-time.After(time.Until(due)):
		}
		// A worker that fell behind does not catch up: the pace is a limit.
		due = due.Add(interval)
		if now := time.Now(); due.Before(now) {
			due = now
		}
		if user == "" || turn%(readsPerUser+1) == 0 {
			user = l.createUser(conn, fmt.Sprintf("grpc-go.%s.%d.%d@example.com", l.plan.Run, worker, turn))
		} else {
			l.getUser(conn, user)
		}
	}
}

// createUser returns the new user's id, or "" when the call has failed.
func (l *load) createUser(conn *grpc.ClientConn, email string) string {
	id, err := l.call(conn, l.create, map[string]any{"user": map[string]any{"email": email, "displayName": "Load"}})
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.report.CreatesFailed++
		return ""
	}
	l.report.Created++
	return id
}

func (l *load) getUser(conn *grpc.ClientConn, id string) {
	found, err := l.call(conn, l.get, map[string]any{"id": id})
	if err == nil && found != id {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.report.Answered--
		l.report.Failures = append(l.report.Failures, failure{time.Now().UnixMilli(), "answered with another user"})
	}
}

// call makes a call once, counts what becomes of it, and returns the id of the user in its answer.
func (l *load) call(conn *grpc.ClientConn, method protoreflect.MethodDescriptor, fields map[string]any) (string, error) {
	request, response := newMessage(method.Input(), fields), dynamicpb.NewMessage(method.Output())
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(l.plan.CallTimeoutMs)*time.Millisecond)
	defer cancel()
	err := conn.Invoke(ctx, fmt.Sprintf("/%s/%s", method.Parent().FullName(), method.Name()), request, response)

	l.mu.Lock()
	defer l.mu.Unlock()
	l.report.Made++
	if err != nil {
		l.report.Failures = append(l.report.Failures, failure{time.Now().UnixMilli(), err.Error()})
		return "", err
	}
	l.report.Answered++
	user := response.Get(method.Output().Fields().ByName("user")).Message()
	return user.Get(user.Descriptor().Fields().ByName("id")).String(), nil
}

// newMessage panics for fields that the message does not have.
func newMessage(message protoreflect.MessageDescriptor, fields map[string]any) proto.Message {
	text, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	created := dynamicpb.NewMessage(message)
	if err := protojson.Unmarshal(text, created); err != nil {
		panic(err)
	}
	return created
}

func readService(path string, name protoreflect.FullName) (protoreflect.ServiceDescriptor, error) {
	bytes, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(bytes, set); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	found, err := files.FindDescriptorByName(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", path, name, err)
	}
	service, ok := found.(protoreflect.ServiceDescriptor)
	if !ok {
		return nil, fmt.Errorf("%s: %s is no service", path, name)
	}
	return service, nil
}
