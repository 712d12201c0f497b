"""Traffic with a ledger: every event that was accepted, by route, to be compared with what Tally says it counted.

Steady traffic is an open loop: requests are due at fixed times whether or not earlier ones were answered, and latency counts from
when a request was due. Every request carries an Idempotency-Key and is repeated with the same one until the answer is definite.
"""

import http.client
import json
import queue
import random
import select
import threading
import time
import urllib.parse
import urllib.request

ROUTES = 20
EVENTS_PER_REQUEST = 5
REQUEST_SECONDS = 15
# A request without a definite answer for so long is given up, and fails the run: nobody knows whether it counts.
DEFINITE_SECONDS = 180
RETRY_SECONDS = 0.5
# A connection stays with its pod; as clients with a pool do, another is opened now and then, so that new pods get their share.
REQUESTS_A_CONNECTION = 100
# Backpressure and outages that the API announces: 503 with Retry-After and one of these.
ANNOUNCED = {"backlog-full", "dedupe-full", "overloaded", "redis-unavailable", "outcome-unknown", "log-not-open"}


class Ledger:
    """What was accepted and what was refused; every method may be called from any thread."""

    def __init__(self):
        self.lock = threading.Lock()
        self.accepted = {}
        self.begin("start")
        self.given_up = 0

    def begin(self, step):
        """From here on answers are listed under this step. The figures of the step before."""
        with self.lock:
            before = getattr(self, "step", None)
            self.step = {"name": step, "answers": {}, "latencies": [], "repeats": 0}
        return before

    def answered(self, what):
        with self.lock:
            self.step["answers"][what] = self.step["answers"].get(what, 0) + 1

    def accept(self, events, seconds, repeats):
        with self.lock:
            for event in events:
                self.accepted[event["route"]] = self.accepted.get(event["route"], 0) + 1
            self.step["latencies"].append(seconds)
            self.step["repeats"] += repeats

    def events(self):
        with self.lock:
            return sum(self.accepted.values())


class Client:
    """One connection, kept open as long as the server lets it."""

    def __init__(self, url, service):
        self.host = urllib.parse.urlsplit(url).netloc
        self.service = service
        self.connection = None
        self.requests = 0

    def post(self, body, key):
        """(answer's name, Retry-After or None); a name is "2xx", "<status> <problem>", "reused" or "transport <error>"."""
        self.renew()
        fresh = self.connection is None
        try:
            if fresh:
                self.connection = http.client.HTTPConnection(self.host, timeout=REQUEST_SECONDS)
            self.connection.request("POST", "/v1/events", body, {"Content-Type": "application/json", "Idempotency-Key": key})
            response = self.connection.getresponse()
            return self.judge(response, response.read())
        except (OSError, http.client.HTTPException) as error:
            self.close()
            # A server may close a kept connection just as a request comes along it; clients open another, as this one does.
            closed = isinstance(error, (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError))
            return ("reused" if closed and not fresh else f"transport {type(error).__name__}"), None

    def renew(self):
        """Gives up a connection that has served long enough, or that the server has closed meanwhile."""
        self.requests += 1
        closed = self.connection is not None and select.select([self.connection.sock], [], [], 0)[0]
        if closed or self.requests % REQUESTS_A_CONNECTION == 0:
            self.close()

    def judge(self, response, body):
        if response.will_close:
            self.close()
        if 200 <= response.status < 300:
            return "2xx", None
        try:
            problem = json.loads(body).get("type", "").removeprefix("/problems/")
        except ValueError:
            problem = "not problem+json"
        return f"{response.status} {problem}", response.getheader("Retry-After")

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def announced(answer):
    status, _, problem = answer.partition(" ")
    return status == "503" and problem in ANNOUNCED


class Sender(threading.Thread):
    """Posts what is due until it is told to stop; one connection each."""

    def __init__(self, url, service, ledger, due):
        super().__init__(daemon=True)
        self.client, self.ledger, self.due = Client(url, service), ledger, due

    def run(self):
        while True:
            at = self.due.get()
            if at is None:
                return self.client.close()
            deliver(self.client, self.ledger, at)


def deliver(client, ledger, at):
    """One request of EVENTS_PER_REQUEST events, to a definite answer."""
    events = [event(client.service) for _ in range(EVENTS_PER_REQUEST)]
    body, key = json.dumps(events), f"{client.service}-{random.getrandbits(96):024x}"
    repeats = 0
    while time.monotonic() - at < DEFINITE_SECONDS:
        answer, after = client.post(body, key)
        if announced(answer) and after is None:
            answer += " without Retry-After"
        ledger.answered(answer)
        if answer == "2xx":
            return ledger.accept(events, time.monotonic() - at, repeats)
        repeats += 1
        if answer != "reused":
            time.sleep(RETRY_SECONDS)
    with ledger.lock:
        ledger.given_up += 1


def event(service):
    number = random.randrange(ROUTES)
    return {"service": service, "method": "GET", "route": f"/r/{number}", "status": random.choice((200, 200, 404, 500)), "duration_ms": random.expovariate(0.05)}


class Steady:
    """Open-loop traffic in the background at `rate` requests a second, which may be changed at any time."""

    def __init__(self, url, service, rate, senders=48):
        self.ledger, self.rate, self.running = Ledger(), rate, True
        self.due = queue.Queue()
        self.senders = [Sender(url, service, self.ledger, self.due) for _ in range(senders)]
        self.clock = threading.Thread(target=self.tick, daemon=True)

    def start(self):
        for thread in [*self.senders, self.clock]:
            thread.start()

    def tick(self):
        at = time.monotonic()
        while self.running:
            at += 1 / self.rate
            time.sleep(max(0.0, at - time.monotonic()))
            self.due.put(at)

    def stop(self):
        """Sends nothing new, and waits until every request has its answer."""
        self.running = False
        self.clock.join()
        for _ in self.senders:
            self.due.put(None)
        finish(self.senders, DEFINITE_SECONDS + REQUEST_SECONDS, self.ledger)
        with self.ledger.lock:
            # A sender that died of a fault of its own leaves what it should have sent.
            self.ledger.given_up += self.due.qsize()


def finish(threads, seconds, ledger):
    """Waits for all of them, `seconds` in sum; what is still under way then is given up."""
    end = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    with ledger.lock:
        ledger.given_up += sum(thread.is_alive() for thread in threads)


class User(threading.Thread):
    """Posts, waits for the answer, pauses a second, and so on until `until`."""

    def __init__(self, url, service, ledger, until):
        super().__init__(daemon=True)
        self.client, self.ledger, self.until = Client(url, service), ledger, until

    def run(self):
        time.sleep(random.random())
        while time.monotonic() < self.until:
            deliver(self.client, self.ledger, time.monotonic())
            time.sleep(1)
        self.client.close()


def shape(url, service, ledger, users, seconds):
    """A closed loop of `users`, a ramp of a second; ends when the last has its answer."""
    until = time.monotonic() + seconds
    threads = [User(url, service, ledger, until) for _ in range(users)]
    for thread in threads:
        thread.start()
    finish(threads, seconds + DEFINITE_SECONDS, ledger)


def quantile_ms(latencies, q):
    ordered = sorted(latencies)
    return round(1000 * ordered[min(len(ordered) - 1, int(q * len(ordered)))], 1) if ordered else None


def read(url, path, seconds=REQUEST_SECONDS):
    """The JSON of a GET."""
    with urllib.request.urlopen(url + path, timeout=seconds) as response:
        return json.load(response)


def counted(url, service):
    """{route: events} as Tally has counted them."""
    query = urllib.parse.urlencode({"service": service, "from": "-6h", "limit": 100000})
    return {row["route"]: row["requests"] for row in read(url, f"/v1/endpoints?{query}")["endpoints"]}
