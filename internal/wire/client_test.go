package wire

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/portolan-io/portolan/internal/traffic"
	"github.com/portolan-io/portolan/internal/wire/wirepb"
	"github.com/portolan-io/portolan/internal/wire/wirepb/wirepbconnect"
)

// startAgent runs a sender with a real client against o and returns what stops it.
func (o *operator) startAgent(window *traffic.Window) (*Sender, func()) {
	o.t.Helper()
	sender := NewSender(o.client(), window, SenderOptions{
		Agent: testAgent, Interval: 20 * time.Millisecond,
		Jitter: func(most time.Duration) time.Duration { return min(most, 20*time.Millisecond) },
	})
	ctx, cancel := context.WithCancel(o.t.Context())
	done := make(chan error, 1)
	go func() { done <- sender.Run(ctx) }()
	return sender, func() {
		o.t.Helper()
		cancel()
		if err := <-done; err != nil {
			o.t.Errorf("Run returned %v", err)
		}
	}
}

// eventually waits for something that another process would see, too.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

func TestSightingsTravelOverTLS(t *testing.T) {
	o := startOperator(t)
	window := traffic.NewWindow(0)
	sender, stop := o.startAgent(window)
	for _, s := range connections(500) {
		window.Add(s)
	}
	eventually(t, "500 sightings arrived", func() bool { return o.sink.total() == 500 })
	window.Add(connection(600, 7))
	stop()
	if got, stats := o.sink.total(), sender.Stats(); got != 507 || stats.Acknowledged != 507 {
		t.Errorf("arrived %d, stats %+v; want 507 arrived and acknowledged after the stop", got, stats)
	}
	agents := o.handler.Agents()
	if len(agents) != 1 || agents[0].Agent != testAgent || agents[0].Skew.Abs() > time.Second {
		t.Errorf("agents = %+v, want %v without skew", agents, testAgent)
	}
}

func TestAnOutageCostsNothing(t *testing.T) {
	o := startOperator(t)
	window := traffic.NewWindow(0)
	sender, stop := o.startAgent(window)
	window.Add(connection(1, 1))
	eventually(t, "the first sighting arrived", func() bool { return o.sink.total() == 1 })

	o.close()
	window.Add(connection(2, 10))
	eventually(t, "the outage was noticed", func() bool { return sender.Stats().LastError != "" && sender.Stats().QueueBatches > 0 })
	window.Add(connection(3, 100))
	o.listen(o.address)
	eventually(t, "all arrived after the outage", func() bool { return o.sink.total() == 111 })
	stop()
	if stats := sender.Stats(); stats.Acknowledged != 111 || stats.DroppedQueueFull+stats.DroppedRefused+stats.DroppedShutdown != 0 {
		t.Errorf("stats %+v, want 111 acknowledged and nothing lost", stats)
	}
}

func TestRotationNeedsNoRestart(t *testing.T) {
	o := startOperator(t)
	client := o.client()
	beat := func() error {
		_, err := client.Heartbeat(t.Context(), &wirepb.HeartbeatRequest{Agent: testAgent.toWire(), Epoch: 1, SentAt: timestamppb.Now()})
		return err
	}
	if err := beat(); err != nil {
		t.Fatal(err)
	}

	o.write("token", strangerToken)
	var answer *AnswerError
	if err := beat(); !errors.As(err, &answer) || answer.Status != http.StatusForbidden || answer.Final() {
		t.Errorf("with another account's token: %v, want 403 that is tried again", err)
	}
	o.write("token", goodToken)

	former := o.authority
	o.authority = must(NewAuthority(time.Now()))(t)
	o.close()
	o.listen(o.address)
	if err := beat(); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("with a new CA that the agent does not have: %v, want a certificate error", err)
	}
	o.write("ca.crt", string(o.authority.Bundle(former.Bundle(nil, time.Now()), time.Now())))
	if err := beat(); err != nil {
		t.Errorf("with the new CA in place: %v", err)
	}
}

func TestAClientThatIsNotReadySaysWhatIsMissing(t *testing.T) {
	o := startOperator(t)
	good := must(os.ReadFile(filepath.Join(o.files, "ca.crt")))(t)
	for name, tc := range map[string]struct {
		spoil func()
		want  string
	}{
		"no CA yet":           {func() { os.Remove(filepath.Join(o.files, "ca.crt")) }, "reading the operator's CA (the operator writes it once it runs)"},
		"a CA that is none":   {func() { o.write("ca.crt", "soon") }, "holds no PEM certificate"},
		"no token":            {func() { os.Remove(filepath.Join(o.files, "token")) }, "reading the ServiceAccount token"},
		"an empty token file": {func() { o.write("token", "\n") }, "holds no token; project one with the audience portolan there"},
	} {
		t.Run(name, func(t *testing.T) {
			client := o.client()
			tc.spoil()
			_, err := client.Report(t.Context(), report(1, connection(1, 1)))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error = %v, want %q", err, tc.want)
			}
			o.write("ca.crt", string(good))
			o.write("token", goodToken)
			if _, err := client.Report(t.Context(), report(1, connection(1, 1))); err != nil {
				t.Errorf("after the files came: %v", err)
			}
		})
	}
}

func TestOnlyTheRightServerIsTrusted(t *testing.T) {
	o := startOperator(t)
	options := o.client().options
	options.ServerName = "somebody-else.shop.svc"
	client := must(NewClient(options))(t)
	if _, err := client.Report(t.Context(), report(1, connection(1, 1))); err == nil || !strings.Contains(err.Error(), "certificate is valid for "+serverName) {
		t.Errorf("error = %v, want one about the server's name", err)
	}
	if got := o.sink.total(); got != 0 {
		t.Errorf("%d sightings were sent to a server of another name", got)
	}
}

func TestAProxyInTheEnvironmentIsNotUsed(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	o := startOperator(t)
	client := o.client()
	if _, err := client.Report(t.Context(), report(1, connection(1, 1))); err != nil {
		t.Error(err)
	}
	if transport, ok := client.http.Transport.(*http.Transport); !ok || transport.Proxy != nil {
		t.Error("the transport asks for a proxy")
	}
}

func TestAnswersKeepTheirStatus(t *testing.T) {
	o := startOperator(t)
	_, err := o.client().Report(t.Context(), report(1, connections(MaxSightings+1)...))
	var answer *AnswerError
	if !errors.As(err, &answer) || answer.Status != http.StatusRequestEntityTooLarge || !answer.Final() {
		t.Errorf("too many sightings: %v, want a final 413", err)
	}
	o.sink.set(func(c *chart) { c.refusing = errors.New("the disk is full") })
	_, err = o.client().Report(t.Context(), report(1, connection(1, 1)))
	if !errors.As(err, &answer) || answer.Status != http.StatusServiceUnavailable || answer.Final() || answer.RetryAfter != 2*time.Second {
		t.Errorf("a full disk: %v, want a 503 to be tried again after 2s", err)
	}
}

func TestGRPCIsServed(t *testing.T) {
	o := startOperator(t)
	transport, err := o.client().transport()
	if err != nil {
		t.Fatal(err)
	}
	base, ok := transport.Transport.(*http.Transport)
	if !ok {
		t.Fatal("no transport")
	}
	h2 := &http.Transport{TLSClientConfig: base.TLSClientConfig.Clone(), ForceAttemptHTTP2: true}
	defer h2.CloseIdleConnections()
	client := wirepbconnect.NewAgentServiceClient(&http.Client{Transport: h2}, "https://"+o.address, connect.WithGRPC(), connect.WithSendGzip())
	send := func(r *wirepb.ReportRequest) (*connect.Response[wirepb.ReportResponse], error) {
		request := connect.NewRequest(r)
		request.Header().Set("Authorization", "Bearer "+goodToken)
		return client.Report(t.Context(), request)
	}
	response, err := send(report(1, connection(1, 3)))
	if err != nil || response.Msg.GetAccepted() != 1 {
		t.Fatalf("gRPC report: %v, %v; want 1 accepted", response, err)
	}
	if _, err = send(report(2, connections(MaxSightings+1)...)); connect.CodeOf(err) != connect.CodeOutOfRange {
		t.Errorf("gRPC report of too many sightings: %v, want out_of_range", err)
	}
	if got := o.handler.Stats().Answers[http.StatusRequestEntityTooLarge]; got != 1 {
		t.Errorf("answers 413 counted = %d, want 1", got)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	_, err := NewClient(ClientOptions{URL: "http://operator"})
	for _, want := range []string{`operator URL "http://operator": want https://<host>:<port>`, "CA file", "token file"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error = %v, want it to name %q", err, want)
		}
	}
	_, err = NewHandler(HandlerOptions{})
	for _, want := range []string{"authenticator", "agent account", "sink"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error = %v, want it to name %q", err, want)
		}
	}
}

func TestRetryAfterIsReadAsSecondsOrDate(t *testing.T) {
	now := nine.Truncate(time.Second)
	for value, want := range map[string]time.Duration{
		"":      0,
		"7":     7 * time.Second,
		"-7":    0,
		"soon":  0,
		"60000": maxRetryAfter,
		now.Add(9 * time.Second).Format(http.TimeFormat):  9 * time.Second,
		now.Add(-9 * time.Second).Format(http.TimeFormat): 0,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("retryAfter(%q) = %v, want %v", value, got, want)
		}
	}
}
