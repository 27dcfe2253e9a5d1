/**
 * Owns the proof that the builders make the calls that a real Mesos took in the recordings, and UUIDs that it takes.
 * SPDX-License-Identifier: Apache-2.0
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { recordingBody } from "../../test/recordings.js";
import {
  executorMessageCall,
  executorSubscribeCall,
  executorUpdateCall,
} from "./executor-calls.js";
import { jsonCodec } from "./json-codec.js";
import {
  acceptCall,
  acknowledgeCall,
  callOfFramework,
  declineCall,
  killCall,
  launchOperation,
  messageCall,
  reconcileCall,
  reserveOperation,
  reviveCall,
  type SchedulerCallBody,
  shutdownCall,
  subscribeCall,
  suppressCall,
  teardownCall,
  unreserveOperation,
} from "./scheduler-calls.js";
import { isTerminalState } from "./task-state.js";
import { parseUuid, uuidFromRandom, uuidText } from "./uuid.js";

const recorded = (path: string) => JSON.parse(new TextDecoder().decode(recordingBody(path)));
const encoded = (call: Parameters<typeof jsonCodec.encode<"scheduler.Call">>[1]) =>
  JSON.parse(new TextDecoder().decode(jsonCodec.encode("scheduler.Call", call)));

const frameworkId = "4eae1024-2bc6-49a5-9ff0-efa636562a25-0000";
const agentId = "4eae1024-2bc6-49a5-9ff0-efa636562a25-S0";

describe("scheduler calls", () => {
  const accept = recorded("json/008-accept-launch-finish.request.http").accept;
  const reserve = recorded("json/099-accept-reserve.request.http").accept;
  const unreserve = recorded("json/101-accept-unreserve.request.http").accept;
  const offerIds = (call: { offer_ids: { value: string }[] }) =>
    call.offer_ids.map((id) => id.value);

  it.each<[string, SchedulerCallBody]>([
    ["002-decline", declineCall(["4eae1024-2bc6-49a5-9ff0-efa636562a25-O0"], 0.5)],
    [
      "008-accept-launch-finish",
      acceptCall({
        offerIds: offerIds(accept),
        operations: [launchOperation(accept.operations[0].launch.task_infos)],
        refuseSeconds: 0.1,
      }),
    ],
    [
      "099-accept-reserve",
      acceptCall({
        offerIds: offerIds(reserve),
        operations: [reserveOperation(reserve.operations[0].reserve.resources, "op-1")],
        refuseSeconds: reserve.filters.refuse_seconds,
      }),
    ],
    [
      "101-accept-unreserve",
      acceptCall({
        offerIds: offerIds(unreserve),
        operations: [unreserveOperation(unreserve.operations[0].unreserve.resources)],
        refuseSeconds: unreserve.filters.refuse_seconds,
      }),
    ],
    [
      "009-ack-TASK_STARTING",
      acknowledgeCall({ agentId, taskId: "t-finish", uuid: "z+jtiVYXRMakJ00zeQIyuw==" }),
    ],
    ["038-reconcile-implicit", reconcileCall()],
    [
      "039-reconcile-explicit",
      reconcileCall([
        { taskId: "t-long", agentId },
        { taskId: "unknown-1", agentId },
        { taskId: "unknown-2", agentId: "unknown-agent" },
        { taskId: "unknown-3" },
      ]),
    ],
    ["040-kill", killCall({ taskId: "t-long", agentId })],
    ["060-message", messageCall({ agentId, executorId: "exec-1", data: "aGVsbG8=" })],
    ["072-shutdown", shutdownCall("exec-1", agentId)],
    ["102-suppress", suppressCall()],
    ["103-revive", reviveCall()],
    ["104-suppress-role", suppressCall(["trace"])],
    ["109-revive-role", reviveCall(["trace"])],
    ["123-teardown", teardownCall()],
  ])("%s", (name, body) => {
    expect(encoded(callOfFramework(frameworkId, body))).toEqual(
      recorded(`json/${name}.request.http`),
    );
  });

  it("001-subscribe, and anew with the id in both places", () => {
    const first = recorded("json/001-subscribe.request.http");
    expect(encoded(subscribeCall(first.subscribe.framework_info))).toEqual(first);
    const again = recorded("json/119-resubscribe-after-drop.request.http");
    const { id, ...info } = again.subscribe.framework_info;
    expect(encoded(subscribeCall(info, { frameworkId: id.value }))).toEqual(again);
  });

  it("give a grace period in nanoseconds and a roles list only when there is one", () => {
    expect(killCall({ taskId: "t", gracePeriodMs: 1500.5 })).toEqual({
      type: "KILL",
      kill: {
        task_id: { value: "t" },
        kill_policy: { grace_period: { nanoseconds: 1_500_500_000 } },
      },
    });
    expect(
      subscribeCall({ user: "u", name: "n" }, { suppressedRoles: ["kv"] }).subscribe
        ?.suppressed_roles,
    ).toEqual(["kv"]);
  });
});

describe("executor calls", () => {
  const identity = { frameworkId, executorId: "exec-1" };
  const encodedCall = (call: Parameters<typeof jsonCodec.encode<"executor.Call">>[1]) =>
    JSON.parse(new TextDecoder().decode(jsonCodec.encode("executor.Call", call)));

  it("are the recorded ones", () => {
    const subscribe = recorded("json/executor/016-resubscribe.request.http");
    const { unacknowledged_tasks, unacknowledged_updates } = subscribe.subscribe;
    const statuses = unacknowledged_updates.map((update: { status: unknown }) => update.status);
    expect(encodedCall(executorSubscribeCall(identity, unacknowledged_tasks, statuses))).toEqual(
      subscribe,
    );
    const update = recorded("json/executor/003-update-TASK_STARTING.request.http");
    expect(encodedCall(executorUpdateCall(identity, update.update.status))).toEqual(update);
    const message = recorded("json/executor/009-message.request.http");
    expect(encodedCall(executorMessageCall(identity, message.message.data))).toEqual(message);
  });
});

describe("uuids", () => {
  it("are made with version and variant whatever the randomness, and read back", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (random) => {
        const parsed = parseUuid(uuidFromRandom(random));
        expect(parsed.ok && uuidText(parsed.value)).toMatch(
          /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
        );
      }),
    );
  });

  it.each([
    ["of 15 bytes", new Uint8Array(15).fill(0x44)],
    ["of 17 bytes", new Uint8Array(17).fill(0x44)],
    ["of no bytes", new Uint8Array(0)],
    ["without a version", new Uint8Array(16)],
    ["of version 7", new Uint8Array(16).fill(0x70)],
  ])("%s are refused", (_name, bytes) => {
    const text = Buffer.from(bytes).toString("base64");
    expect(parseUuid(text)).toEqual({
      ok: false,
      problems: [{ path: "uuid", rule: "Not a valid UUID" }],
    });
  });
});

describe("isTerminalState", () => {
  it("is false for states that a task can leave", () => {
    expect(isTerminalState("TASK_UNREACHABLE")).toBe(false);
    expect(isTerminalState("TASK_DROPPED")).toBe(true);
  });
});
