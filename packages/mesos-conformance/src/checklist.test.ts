/**
 * Tests of the table of checks, and of the judgements that need no cluster.
 * SPDX-License-Identifier: Apache-2.0
 */
import type { Offer, Resource } from "@mr-redis/mesos";
import { expect, test } from "vitest";
import type { SeenAgent } from "./bundles.js";
import { checklist } from "./checklist.js";
import { environmentPattern } from "./checks/executors.js";
import { coverageProblem } from "./checks/offers.js";
import { ports, scalar } from "./tasks.js";
import { difference } from "./verdict.js";

test("60 checks with the ids C01 to C60, in order", () => {
  const ids = Array.from({ length: 60 }, (_, index) => `C${String(index + 1).padStart(2, "0")}`);
  expect(checklist.map(({ id }) => id)).toEqual(ids);
});

const whole = [scalar("cpus", 4), scalar("mem", 512), scalar("disk", 9), ports(31_000)];
const agents: readonly SeenAgent[] = ["A", "B"].map((id) => ({
  id,
  hostname: id,
  address: `${id}:5051`,
  whole,
}));
const offer = (agentId: string, resources: readonly Resource[] = whole, role = "r"): Offer => ({
  id: { value: `O-${agentId}` },
  framework_id: { value: "F" },
  agent_id: { value: agentId },
  hostname: agentId,
  allocation_info: { role },
  resources: resources.map((one) => ({ ...one, allocation_info: { role } })),
});

test.each<[string, readonly Offer[], string | undefined]>([
  ["each once", [offer("A"), offer("B"), offer("other")], undefined],
  ["one missing", [offer("A")], "agent B is not offered"],
  ["one twice", [offer("A"), offer("B"), offer("A")], "agent A is offered more than once"],
  ["another role", [offer("A", whole, "x"), offer("B")], "the offer of A names no role r"],
  ["no disk", [offer("A", whole.slice(0, 2)), offer("B")], "the offer of A has no disk as SCALAR"],
  [
    "no ports",
    [offer("A", whole.slice(0, 3)), offer("B")],
    "the offer of A has no ports as RANGES",
  ],
])("first offers: %s", (_name, offers, expected) => {
  expect(coverageProblem(offers, agents, "r")).toBe(expected);
});

const run = "75754966-2ebe-4f93-9914-35fd14869a15";
const directory = `/w/slaves/S/frameworks/F/executors/E/runs/${run}`;
/** Recorded from a real agent, ids shortened. */
const recorded: Readonly<Record<string, string>> = {
  LIBPROCESS_IP: "127.0.0.1",
  LIBPROCESS_PORT: "0",
  MESOS_AGENT_ENDPOINT: "127.0.0.1:5051",
  MESOS_CHECKPOINT: "1",
  MESOS_DIRECTORY: directory,
  MESOS_EXECUTOR_ID: "E",
  MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD: "3secs",
  MESOS_FRAMEWORK_ID: "F",
  MESOS_HTTP_COMMAND_EXECUTOR: "0",
  MESOS_RECOVERY_TIMEOUT: "15mins",
  MESOS_SANDBOX: directory,
  MESOS_SLAVE_ID: "S",
  MESOS_SLAVE_PID: "slave(1)@127.0.0.1:5051",
  MESOS_SUBSCRIPTION_BACKOFF_MAX: "2secs",
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
};
const pattern = environmentPattern({
  frameworkId: "F",
  executorId: "E",
  agentId: "S",
  grace: "3secs",
});

test("the recorded environment fits, and no variable of it may be missing or different", () => {
  expect(difference(recorded, pattern)).toBeUndefined();
  const needed = Object.keys(pattern).filter((name) => name !== "MESOS_AGENT_ID");
  for (const name of needed) {
    expect(difference({ ...recorded, [name]: undefined }, pattern)).toContain(name);
    expect(difference({ ...recorded, [name]: "x" }, pattern)).toContain(name);
  }
});
