/**
 * Owns the tests of frames and of the check of what is in them. SPDX-License-Identifier: Apache-2.0
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { checkAgentFrame, checkMasterFrame, registrationProblem } from "./frame-check.js";
import { encodeFrame, FrameReader, frameBytesMax } from "./frames.js";

/** All frames of bytes that come in pieces of these sizes. */
function readAll(bytes: Buffer, sizes: readonly number[]): unknown[] {
  const reader = new FrameReader(frameBytesMax);
  const values: unknown[] = [];
  let rest = bytes;
  for (const size of [...sizes, bytes.length]) {
    reader.add(rest.subarray(0, size));
    rest = rest.subarray(size);
    for (let value = reader.next(); value !== undefined; value = reader.next()) values.push(value);
  }
  return values;
}

test("frames come out as they went in, wherever the bytes are cut", () => {
  fc.assert(
    fc.property(fc.array(fc.jsonValue()), fc.array(fc.nat(9)), (values, sizes) => {
      const bytes = Buffer.concat(values.map(encodeFrame));
      expect(readAll(bytes, sizes)).toEqual(JSON.parse(JSON.stringify(values)));
    }),
  );
});

test("a frame that is too long, or no JSON, is an error at once", () => {
  const long = new FrameReader(10);
  long.add(Buffer.from([0, 0, 0, 11]));
  expect(() => long.next()).toThrow("a frame of 11 bytes");
  const broken = new FrameReader(10);
  broken.add(Buffer.from([0, 0, 0, 1, 0x7b]));
  expect(() => broken.next()).toThrow();
});

const agentInfo = {
  hostname: "h",
  resources: [{ name: "cpus", type: "SCALAR", scalar: { value: 2 } }],
};
const register = {
  type: "register",
  info: agentInfo,
  endpoint: { ip: "127.0.0.1", port: 1 },
  tasks: [],
  executors: [],
  frameworks: [],
} as const;

test("whatever comes in is a known frame or has a problem", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(checkAgentFrame(value).ok).toBe(false);
      expect(checkMasterFrame({ type: "said", message: value }).ok).toBe(false);
    }),
  );
});

test("good frames pass, one wrong field does not", () => {
  const said = (message: unknown) => checkAgentFrame({ type: "said", message });
  expect(said(register).ok).toBe(true);
  const wrong: readonly (readonly [unknown, string])[] = [
    [{ ...register, endpoint: { ip: "127.0.0.1", port: "1" } }, "endpoint port is no number"],
    [{ ...register, tasks: [{}] }, "tasks frameworkId is no string"],
    [{ ...register, type: "constructor" }, "is of no known type"],
    [{ ...register, info: {} }, "hostname"],
    [
      { type: "update", frameworkId: "f", status: { task_id: { value: "t" } }, latestState: "X" },
      "state",
    ],
  ];
  for (const [message, text] of wrong) {
    const checked = said(message);
    expect(checked.ok ? "" : checked.problem).toContain(text);
  }
  const ping = { type: "ping", number: 1, timeoutMs: 5 };
  expect([checkMasterFrame(ping).ok, checkMasterFrame({ ...ping, timeoutMs: null }).ok]).toEqual([
    true,
    false,
  ]);
});

test("an agent whose tasks use more than it has is not booked; frameworks that ended do not count", () => {
  const info = {
    name: "t",
    task_id: { value: "t" },
    agent_id: { value: "a" },
    resources: [
      {
        name: "cpus",
        type: "SCALAR",
        scalar: { value: 1.5 },
        allocation_info: { role: "r" },
      } as const,
    ],
  };
  const task = { frameworkId: "f", info, executorId: "e", state: "TASK_RUNNING" } as const;
  const one = { ...register, tasks: [task] } as const;
  const two = { ...register, tasks: [task, task] } as const;
  const ended = { ...register, tasks: [task, { ...task, state: "TASK_FAILED" }] } as const;
  const everything = () => true;
  expect([one, ended].map((each) => registrationProblem(each as never, everything))).toEqual([
    undefined,
    undefined,
  ]);
  expect(registrationProblem(two as never, everything)).toContain("more than it has");
  expect(registrationProblem(two as never, () => false)).toBeUndefined();
});
