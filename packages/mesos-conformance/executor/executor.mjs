/**
 * Owns the custom executor of the checks. Agents fetch it from the program and start it; it reports all it sees to the
 * program (notes, in order) and obeys commands that come as MESSAGE. With the argument `beat` it is its own child
 * that reports until it is killed.
 * Not: any verdict. It is one file without dependencies, since it runs alone on an agent. Served by station.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { appendFileSync, readFileSync, statSync } from "node:fs";
import http from "node:http";
import https from "node:https";

const { MRR_CONFORMANCE, ...env } = process.env;
/** `url`: of the program; `plan`: how to behave without commands. */
const { url, plan } = JSON.parse(MRR_CONFORMANCE ?? "{}");
const self = `${env.MESOS_FRAMEWORK_ID}/${env.MESOS_EXECUTOR_ID}`;
const ids = {
  framework_id: { value: env.MESOS_FRAMEWORK_ID },
  executor_id: { value: env.MESOS_EXECUTOR_ID },
};
const reports = new http.Agent({ keepAlive: true, maxSockets: 1 });
const calls = new http.Agent({ keepAlive: true, maxSockets: 1 });

/** Between two looks at what the program says, and two beats. */
const lookMs = 100;

/** Longest time that the end of this program waits for its notes to arrive. */
const flushMsMax = 3_000;

function report(path, body) {
  return new Promise((resolve) => {
    const options = { method: "POST", agent: reports };
    const request = http.request(`${url}/${path}/${self}`, options, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => resolve(text));
      response.on("error", () => resolve(""));
    });
    request.on("error", () => resolve(""));
    request.end(JSON.stringify(body));
  });
}

let waiting = [];
let sending = null;

async function sendNotes() {
  while (waiting.length > 0) {
    const notes = waiting;
    waiting = [];
    await report("notes", notes);
  }
  sending = null;
}

function note(entry) {
  waiting.push({ ...entry, atMs: Date.now() });
  sending ??= sendNotes();
}

async function end(code) {
  setTimeout(() => process.exit(code), flushMsMax);
  while (sending !== null) await sending;
  process.exit(code);
}

/** The agent's executor API, over TCP or the agent's socket. */
function endpoint(headers) {
  const [host, port] = (env.MESOS_AGENT_ENDPOINT ?? "").split(":");
  const token = env.MESOS_EXECUTOR_AUTHENTICATION_TOKEN;
  return {
    ...(env.MESOS_DOMAIN_SOCKET === undefined
      ? { host, port }
      : { socketPath: env.MESOS_DOMAIN_SOCKET }),
    path: "/slave(1)/api/v1/executor",
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
      ...headers,
    },
  };
}
const isTls = /^(1|true)$/.test(env.LIBPROCESS_SSL_ENABLED ?? "");
const client = isTls ? https : http;

function post(body) {
  return new Promise((resolve) => {
    const text = JSON.stringify({ ...ids, ...body });
    const failed = (error) => resolve({ status: 0, text: String(error) });
    const options = endpoint({ "Content-Length": Buffer.byteLength(text) });
    const request = client.request(
      { ...options, ...(isTls ? {} : { agent: calls }) },
      (response) => {
        let said = "";
        response.setEncoding("utf8").on("data", (chunk) => {
          said += chunk;
        });
        response.on("end", () => resolve({ status: response.statusCode, text: said }));
        response.on("error", failed);
      },
    );
    request.on("error", failed);
    request.end(text);
  });
}

/** Until they are acknowledged. */
const tasks = new Map();
const updates = new Map();
/** Acknowledged or not. */
const everyUpdate = [];

/** A random uuid of version 4 as its 16 bytes. */
function newUuid() {
  const bytes = randomBytes(16);
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return bytes.toString("base64");
}

async function update(taskId, state, more = {}) {
  const status = {
    task_id: { value: taskId },
    executor_id: ids.executor_id,
    state,
    source: "SOURCE_EXECUTOR",
    uuid: newUuid(),
    timestamp: Date.now() / 1000,
    ...more,
  };
  updates.set(status.uuid, { status });
  everyUpdate.push({ status });
  // Without an agent it waits in the map for the next SUBSCRIBE.
  note({
    type: "sent",
    task: taskId,
    state,
    uuid: status.uuid,
    ...(await post({ type: "UPDATE", update: { status } })),
  });
}

let stream = null;
/** Streams that were closed on purpose. */
const dropped = new Set();

function drop() {
  if (stream === null) return;
  dropped.add(stream.number);
  stream.response.destroy();
}

function away() {
  for (const { task, state, more } of plan.whileAway ?? []) void update(task, state, more);
  plan.whileAway = [];
  setTimeout(subscribe, plan.resubscribeMs);
}

function onStreamEnd(number) {
  note({ type: "closed", number });
  if (dropped.has(number) || stream?.number !== number) return;
  if (plan.resubscribeMs !== undefined) away();
  else if (plan.onStreamEnd !== "stay") void end(0);
}

function refused(status, text) {
  note({ type: "refused", status, text });
  if (plan.resubscribeMs === undefined) void end(1);
  else setTimeout(subscribe, plan.resubscribeMs);
}

function readEvents(response, number) {
  let held = Buffer.alloc(0);
  response.on("data", (chunk) => {
    held = Buffer.concat([held, chunk]);
    for (let at = held.indexOf(10); at >= 0; at = held.indexOf(10)) {
      const length = Number(held.subarray(0, at).toString());
      if (held.length < at + 1 + length) return;
      const event = JSON.parse(held.subarray(at + 1, at + 1 + length).toString());
      held = held.subarray(at + 1 + length);
      onEvent(event, number);
    }
  });
}

function subscribe(options = {}) {
  const text = JSON.stringify({
    ...ids,
    type: "SUBSCRIBE",
    subscribe: {
      unacknowledged_tasks: options.forgetTasks ? [] : [...tasks.values()],
      unacknowledged_updates: options.repeatUpdates ? everyUpdate : [...updates.values()],
    },
  });
  const head = endpoint({ Accept: "application/json", "Content-Length": Buffer.byteLength(text) });
  const request = client.request({ ...head, agent: false }, (response) => {
    if (response.statusCode !== 200) {
      response.resume();
      refused(response.statusCode, "");
      return;
    }
    const number = (stream?.number ?? 0) + 1;
    stream = { number, response };
    note({ type: "stream", number, status: response.statusCode });
    readEvents(response, number);
    response.on("error", () => undefined);
    response.on("close", () => onStreamEnd(number));
  });
  request.on("error", (error) => {
    if (stream === null || stream.response.closed) refused(0, String(error));
  });
  request.end(text);
}

function onEvent(event, number) {
  note({ type: "event", number, event });
  if (event.type === "LAUNCH") {
    const id = event.launch.task.task_id.value;
    tasks.set(id, event.launch.task);
    if (plan.onLaunch === "nothing") return;
    for (const state of plan.states ?? ["TASK_STARTING", "TASK_RUNNING"]) void update(id, state);
  } else if (event.type === "ACKNOWLEDGED") {
    updates.delete(event.acknowledged.uuid);
    tasks.delete(event.acknowledged.task_id.value);
  } else if (event.type === "KILL") {
    const id = event.kill.task_id.value;
    void update(id, "TASK_KILLING").then(() => update(id, "TASK_KILLED"));
  } else if (event.type === "SHUTDOWN" || event.type === "ERROR") {
    if (plan.stubborn !== true) void end(0);
  } else if (event.type === "MESSAGE") {
    obey(JSON.parse(Buffer.from(event.message.data, "base64").toString()));
  }
}

/** A child with a session of its own, whose parent stays: it reports until it is killed. */
function spawnBeat() {
  const options = { detached: true, stdio: "ignore" };
  const child = spawn(process.execPath, [process.argv[1], "beat"], options);
  child.on("error", (error) => note({ type: "spawned", error: String(error) }));
  if (child.pid !== undefined) note({ type: "spawned", pid: child.pid });
}

function append({ path, text }) {
  try {
    appendFileSync(path, text);
    const { uid } = statSync(path);
    note({ type: "file", path, text: readFileSync(path, "utf8"), uid, ownUid: process.getuid?.() });
  } catch (error) {
    note({ type: "file", path, error: String(error), ownUid: process.getuid?.() });
  }
}

function obey(command) {
  switch (command.do) {
    case "update":
      void update(command.task, command.state, command.more);
      return;
    case "post":
      void post(command.body).then((answer) =>
        note({ type: "posted", name: command.name, ...answer }),
      );
      return;
    case "subscribe":
      if (command.keep !== true) drop();
      subscribe(command);
      return;
    case "append":
      append(command);
      return;
    case "beat":
      spawnBeat();
      return;
    case "exit":
      void end(command.code);
  }
}

const pauseOf = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function beat() {
  for (;;) {
    await report("beats", {});
    await pauseOf(lookMs);
  }
}

async function run() {
  process.on("SIGTERM", () => note({ type: "sigterm" }));
  const { pid, argv, argv0 } = process;
  note({ type: "started", env, cwd: process.cwd(), argv, argv0, pid, uid: process.getuid?.() });
  console.log("hello on stdout");
  for (const body of plan.early ?? []) note({ type: "early", ...(await post(body)) });
  while (plan.subscribe === "told" && (await report("told", {})) !== "yes") await pauseOf(lookMs);
  subscribe();
  setInterval(() => undefined, 1_000);
}

await (process.argv[2] === "beat" ? beat() : run());
