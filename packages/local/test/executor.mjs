/**
 * Owns a custom executor for tests: it logs what it gets and obeys commands that come as MESSAGE.
 * Not part of the package: it speaks plain HTTP and JSON and shares no code with what it tests.
 * Its own events are appended to events.jsonl in its sandbox. Started by the conformance tests.
 * SPDX-License-Identifier: Apache-2.0
 */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { appendFileSync, existsSync } from "node:fs";
import http from "node:http";

const env = process.env;
const [host, port] = (env.MESOS_AGENT_ENDPOINT ?? "").split(":");
const ids = {
  framework_id: { value: env.MESOS_FRAMEWORK_ID },
  executor_id: { value: env.MESOS_EXECUTOR_ID },
};
const note = (entry) => appendFileSync("events.jsonl", `${JSON.stringify(entry)}\n`);
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const plan = JSON.parse(env.CE_PLAN ?? "{}");
/** Taken over by a second SUBSCRIBE, as a real executor would. */
const tasks = new Map();
const updates = new Map();
let stream = null;
let isQuiet = false;

function post(body, headers = {}) {
  return new Promise((resolve, reject) => {
    const text = JSON.stringify({ ...ids, ...body });
    const request = http.request(
      {
        host,
        port,
        path: "/api/v1/executor",
        method: "POST",
        agent,
        headers: {
          "Content-Type": "application/json",
          "Content-Length": Buffer.byteLength(text),
          ...headers,
        },
      },
      (response) => {
        let said = "";
        response.setEncoding("utf8");
        response.on("data", (chunk) => {
          said += chunk;
        });
        response.on("end", () => resolve({ status: response.statusCode, text: said }));
      },
    );
    request.on("error", reject);
    request.end(text);
  });
}

async function update(taskId, state, more = {}) {
  const hex = randomUUID().replaceAll("-", "");
  const status = {
    task_id: { value: taskId },
    state,
    source: "SOURCE_EXECUTOR",
    uuid: Buffer.from(hex, "hex").toString("base64"),
    timestamp: Date.now() / 1000,
    ...more,
  };
  if (status.uuid !== null) updates.set(status.uuid, { status });
  // Without an agent it waits in the map for the next SUBSCRIBE.
  const answer = await post({ type: "UPDATE", update: { status } }).catch((error) => ({
    status: 0,
    text: String(error),
  }));
  note({ type: "sent", state, ...answer });
}

/** The agent is away: work goes on, and the agent is looked for. */
function away() {
  for (const { task, state, more } of plan.whileAway ?? []) void update(task, state, more);
  plan.whileAway = [];
  setTimeout(subscribe, plan.resubscribeMs);
}

function subscribe(options = {}) {
  const text = JSON.stringify({
    ...ids,
    type: "SUBSCRIBE",
    subscribe: {
      unacknowledged_tasks: options.forgetTasks ? [] : [...tasks.values()],
      unacknowledged_updates: [...updates.values()],
    },
  });
  const request = http.request(
    {
      host,
      port,
      path: "/slave(1)/api/v1/executor",
      method: "POST",
      agent: false,
      headers: {
        "Content-Type": "application/json",
        Accept: "application/json",
        "Content-Length": Buffer.byteLength(text),
      },
    },
    (response) => {
      if (plan.resubscribeMs !== undefined && response.statusCode === 503) {
        note({ type: "refused", status: response.statusCode });
        response.resume();
        setTimeout(subscribe, plan.resubscribeMs);
        return;
      }
      const number = (stream?.number ?? 0) + 1;
      stream = { number, response };
      note({ type: "stream", number, status: response.statusCode });
      let held = Buffer.alloc(0);
      response.on("data", (chunk) => {
        held = Buffer.concat([held, chunk]);
        for (;;) {
          const end = held.indexOf(10);
          if (end < 0) return;
          const length = Number(held.subarray(0, end).toString());
          if (held.length < end + 1 + length) return;
          const event = JSON.parse(held.subarray(end + 1, end + 1 + length).toString());
          held = held.subarray(end + 1 + length);
          onEvent(event, number);
        }
      });
      response.on("close", () => {
        note({ type: "closed", number });
        if (plan.resubscribeMs !== undefined) away();
        else if (stream?.number === number && plan.exitOnClose !== false && !isQuiet)
          process.exit(0);
      });
    },
  );
  request.on("error", (error) => {
    if (plan.resubscribeMs !== undefined) {
      setTimeout(subscribe, plan.resubscribeMs);
      return;
    }
    note({ type: "error", error: String(error) });
    process.exit(1);
  });
  request.end(text);
}

function onEvent(event, number) {
  note({ type: "event", number, event });
  if (event.type === "LAUNCH") {
    const { task } = event.launch;
    const id = task.task_id.value;
    tasks.set(id, task);
    if (plan.onLaunch === "nothing") return;
    for (const state of plan.states ?? ["TASK_STARTING", "TASK_RUNNING"]) {
      void update(id, state, plan.more ?? {});
    }
  } else if (event.type === "ACKNOWLEDGED") {
    updates.delete(event.acknowledged.uuid);
    tasks.delete(event.acknowledged.task_id.value);
  } else if (event.type === "KILL") {
    const id = event.kill.task_id.value;
    void update(id, "TASK_KILLING").then(() => update(id, "TASK_KILLED"));
  } else if (event.type === "SHUTDOWN") {
    if (plan.stubborn !== true) process.exit(0);
  } else if (event.type === "MESSAGE") {
    obey(JSON.parse(Buffer.from(event.message.data, "base64").toString()));
  }
}

function obey(command) {
  switch (command.do) {
    case "echo":
      void post({
        type: "MESSAGE",
        message: { data: Buffer.from(`echo ${command.text}`).toString("base64") },
      });
      return;
    case "update":
      void update(command.task, command.state, command.more ?? {});
      return;
    case "post":
      void post(command.body).then((answer) => note({ type: "posted", ...answer }));
      return;
    case "drop":
      isQuiet = true;
      stream?.response.destroy();
      return;
    case "subscribe":
      if (command.keep !== true) {
        isQuiet = true;
        stream?.response.destroy();
      }
      subscribe(command);
      return;
    case "spawn": {
      const child = spawn(command.file, command.args, {
        detached: command.detached === true,
        stdio: "ignore",
        ...(command.cleanEnv ? { env: { PATH: env.PATH } } : {}),
      });
      child.unref();
      note({ type: "spawned", pid: child.pid });
      return;
    }
    case "exit":
      process.exit(command.code);
  }
}

process.on("SIGTERM", () => note({ type: "sigterm" }));
note({
  type: "started",
  env,
  cwd: process.cwd(),
  argv: process.argv,
  argv0: process.argv0,
  pid: process.pid,
});
console.log("hello on stdout");
console.error("hello on stderr");
if (plan.early) {
  note({ type: "early", ...(await post(plan.early)) });
}
if (plan.exitAtOnce !== undefined) process.exit(plan.exitAtOnce);
// The test says when by a file, since no fixed time is long enough on every machine.
while (plan.subscribeWhenTold === true && !existsSync("go")) {
  await new Promise((resolve) => setTimeout(resolve, 10));
}
if (plan.subscribe !== false) subscribe();
setInterval(() => undefined, 1000);
