// The nats.js side of tests/bench/standstill.py: each way to read, once from each server. Prints a line for each message: label, number.
// Arguments: the URLs of the servers. It needs @nats-io/transport-node, @nats-io/jetstream and @nats-io/kv beside it.
import { connect } from "@nats-io/transport-node";
import { DeliverPolicy, jetstream } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";

const urls = process.argv.slice(2);
const numberOf = (subject) => subject.split(".").at(-1);
const saw = (label, subject) => process.stdout.write(`${label} ${numberOf(subject)}\n`);

async function open(first) {
  const servers = [...urls.slice(first), ...urls.slice(0, first)];
  // On a busy machine, one that gives up would tell nothing about consumers.
  const patient = { maxReconnectAttempts: -1, waitOnFirstConnect: true, ignoreAuthErrorAbort: true, timeout: 20_000 };
  const nc = await connect({ servers, noRandomize: true, user: "app", pass: "app", ...patient });
  if (process.env.STANDSTILL_TRACE) {
    trace(`connection ${first}`, nc.status());
  }
  return nc;
}

async function trace(label, events) {
  for await (const event of events) {
    if (!["heartbeat", "next", "flow_control", "discard", "debug", "ping"].includes(event.type)) {
      process.stderr.write(`${Date.now() / 1000} ${label} ${JSON.stringify(event)}\n`);
    }
  }
}

async function consume(label, consumer, options) {
  const messages = await consumer.consume(options);
  if (process.env.STANDSTILL_TRACE) {
    trace(label, messages.status());
  }
  for await (const message of messages) {
    saw(label, message.subject);
  }
  process.stderr.write(`${label} has ended\n`);
}

const ordered = (options) => async (label, nc) =>
  consume(label, await jetstream(nc).consumers.get("ORDERED"), options);

const orderedPush = async (label, nc) => consume(label, await jetstream(nc).consumers.getPushConsumer("ORDERED"));

const durable = (options) => async (label, nc) =>
  consume(label, await jetstream(nc).consumers.get("ORDERED", `durable_${label.replaceAll(/\W/g, "_")}`), options);

async function watch(label, nc) {
  const bucket = await new Kvm(nc).open("WATCHED");
  for await (const entry of await bucket.watch()) {
    saw(label, entry.key);
  }
  process.stderr.write(`${label} has ended\n`);
}

// What a watch does, as an ordered pull consumer: its heartbeat can be set.
async function watchByPull(label, nc) {
  await consume(label, await jetstream(nc).consumers.get("KV_WATCHED", { ...LAST }), { expires: 2_000 });
}

// What docs/clients.md recommends: a new consumer as soon as heartbeats are missed or the connection has moved.
async function* follow(nc, stream, options = {}) {
  let next, messages;
  whenever(nc.status(), "reconnect", () => messages?.stop());
  for (;;) {
    try {
      const from = next ? { opt_start_seq: next } : options;
      const consumer = await jetstream(nc).consumers.get(stream, { filter_subjects: options.filter_subjects, ...from });
      messages = await consumer.consume({ expires: 2_000 });
      whenever(messages.status(), "heartbeats_missed", () => messages.stop());
      for await (const message of messages) {
        next = message.seq + 1;
        yield message;
      }
    } catch {
      await new Promise((wake) => setTimeout(wake, 250));
    }
  }
}

async function whenever(events, type, action) {
  for await (const event of events) {
    if (event.type === type) action();
  }
}

const followed = (stream, options) => async (label, nc) => {
  for await (const message of follow(nc, stream, options)) {
    saw(label, message.subject);
  }
};

const LAST = { filter_subjects: "$KV.WATCHED.>", deliver_policy: DeliverPolicy.LastPerSubject };

const KINDS = {
  "ordered": ordered(),
  "ordered,idle_heartbeat=1s": ordered({ idle_heartbeat: 1_000 }),
  "ordered,expires=2s": ordered({ expires: 2_000 }),
  "ordered,expires=1s": ordered({ expires: 1_000 }),
  "ordered-push": orderedPush,
  "durable": durable(),
  "durable,expires=2s": durable({ expires: 2_000 }),
  "watch": watch,
  "watch-by-pull,expires=2s": watchByPull,
  "follow": followed("ORDERED"),
  "follow-bucket": followed("KV_WATCHED", LAST),
};

// On a busy machine the first request may time out.
async function start(read, label, nc) {
  for (;;) {
    try {
      return await read(label, nc);
    } catch (error) {
      process.stderr.write(`${label}: ${error.message}\n`);
    }
  }
}

for (const [kind, read] of Object.entries(KINDS)) {
  for (const first of urls.keys()) {
    const label = `nats.js:${kind}@${first + 1}`;
    start(read, label, await open(first));
  }
}
