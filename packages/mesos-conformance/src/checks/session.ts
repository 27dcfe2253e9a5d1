/**
 * Owns the checks of the scheduler's session: C08 to C11, C14, C16 to C19.
 * Called by checklist.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import { createRecordDecoder, jsonCodec } from "@mr-redis/mesos";
import type { Check } from "../check.js";
import type { Context } from "../context.js";
import { Framework, type Heard, tickMs } from "../framework.js";
import { startSplittingProxy } from "../splitting-proxy.js";
import { eventText } from "../summary.js";
import { aPositiveNumber, aText, fail, present } from "../verdict.js";
import { secondsText } from "../wait.js";

const decline = { type: "DECLINE", decline: { offer_ids: [] } } as const;

/** Texts of the events heard by a framework. */
const said = (heard: readonly Heard[]): readonly string[] =>
  heard.map(({ event }) => eventText(event));

/** SUBSCRIBED with all its fields, then a HEARTBEAT within a second. */
async function expectBeginning(context: Context, framework: Framework): Promise<void> {
  await framework.until(() => framework.heard.length >= 2 || undefined, "a second record", 1_000);
  const [first, second] = framework.heard;
  context.expect("the first record", first?.event, {
    type: "SUBSCRIBED",
    subscribed: {
      framework_id: { value: aText },
      heartbeat_interval_seconds: aPositiveNumber,
      master_info: { id: aText },
    },
  });
  context.expect("the second record", second?.event.type, "HEARTBEAT");
  const afterMs = (second?.atMs ?? 0) - (first?.atMs ?? 0);
  context.saw(`it came ${Math.round(afterMs)} ms later`);
}

/** The framework's stream says that it was removed, and ends. */
async function expectRemoved(context: Context, framework: Framework): Promise<void> {
  const count = framework.heard.length;
  await framework.subscribe(context.quietly);
  await framework.untilEnd();
  context.expect("SUBSCRIBE with that id heard", said(framework.heard.slice(count)), [
    'ERROR "Framework has been removed"',
  ]);
  context.expect("its status", framework.status, 200);
}

async function heartbeats(context: Context): Promise<void> {
  const framework = await context.quietFramework();
  const seconds = present(
    framework.heard[0]?.event.subscribed?.heartbeat_interval_seconds,
    "heartbeat_interval_seconds",
  );
  const intervalMs = seconds * 1_000;
  const beats = () =>
    framework.heard.filter(({ event }) => event.type === "HEARTBEAT").map(({ atMs }) => atMs);
  await framework.until(
    () => beats().length >= 4 || undefined,
    "three HEARTBEATs after the first",
    3 * intervalMs + 3_000,
  );
  const times = beats();
  const gaps = times.slice(1).map((atMs, index) => atMs - (times[index] ?? 0));
  context.saw(`announced ${seconds} s, heard after ${gaps.map(secondsText).join(", ")}`);
  const offMs = Math.max(...gaps.map((gap) => Math.abs(gap - intervalMs)));
  if (offMs > 1_000 * context.means.slack) fail(`one was ${secondsText(offMs)} off its time`);
}

/** The same events, decoded from the bytes as they came and as they were cut. */
async function throughProxy(context: Context): Promise<void> {
  const { url, access, slack } = context.means;
  const proxy = await startSplittingProxy(url, access, Math.random);
  const trace = (line: string) => context.note(line);
  const info = context.info();
  const cut = new Framework({ url: proxy.url, access, slack, trace, signal: context.signal }, info);
  try {
    await cut.subscribe(context.quietly);
    const direct = context.newFramework();
    direct.frameworkId = cut.frameworkId;
    direct.streamId = cut.streamId;
    const tasks = Array.from({ length: 40 }, (_, index) => ({
      task_id: { value: context.id(`unknown-é-${index}`) },
    }));
    await direct.send({ type: "RECONCILE", reconcile: { tasks } });
    await cut.until(() => cut.heard.length >= 42 || undefined, "42 events through the proxy");
    await direct.send({ type: "TEARDOWN" });
    await cut.untilEnd();
    const { records } = createRecordDecoder().push(proxy.received());
    const whole = records.map((record) => {
      const event = jsonCodec.decode("scheduler.Event", record);
      return event.ok ? event.value : event.problems;
    });

    const heard = cut.heard.map(({ event }) => event);
    if (JSON.stringify(whole) !== JSON.stringify(heard)) {
      fail(`${heard.length} events through the proxy differ from the ${whole.length} that came`);
    }
    context.saw(
      `${heard.length} events (${proxy.received().length} bytes) in ${proxy.piecesCount()} pieces are the same`,
    );
  } finally {
    cut.close();
    proxy.close();
  }
}

async function failedOver(context: Context): Promise<void> {
  const first = await context.quietFramework();
  const oldStreamId = first.streamId;
  const second = context.newFramework();
  second.frameworkId = first.frameworkId;
  await second.subscribe(context.quietly);
  await first.untilEnd();
  context.expect(
    "the first stream's last event",
    said(first.heard).at(-1),
    'ERROR "Framework failed over"',
  );
  context.expect("the second stream's first event", second.heard[0]?.event, {
    type: "SUBSCRIBED",
    subscribed: { framework_id: { value: first.frameworkId } },
  });
  if (second.streamId === oldStreamId) fail("both streams have the same stream id");
  const answer = await second.call(decline, oldStreamId);
  context.expectAnswer("DECLINE with the old stream id", answer, 400, /didn't match the stream ID/);
  context.expectAnswer("DECLINE with the new one", await second.call(decline), 202, "");
}

/** The checks. */
export const sessionChecks: readonly Check[] = [
  {
    id: "C08",
    title: "SUBSCRIBE in JSON: stream id, SUBSCRIBED, a HEARTBEAT within 1 s",
    tags: ["quiet"],
    async run(context) {
      const framework = await context.quietFramework();
      context.expect(
        "the answer",
        { status: framework.status, ...framework.headers },
        {
          status: 200,
          "content-type": "application/json",
          "mesos-stream-id": aText,
        },
      );
      await expectBeginning(context, framework);
    },
  },
  {
    id: "C09",
    title: "SUBSCRIBE in JSON with Accept: application/x-protobuf: protobuf records",
    tags: ["quiet"],
    async run(context) {
      const accept = "application/x-protobuf";
      const framework = context.newFramework();
      await framework.subscribe({ ...context.quietly, accept });
      context.expect("Content-Type", framework.headers["content-type"], accept);
      await expectBeginning(context, framework);
    },
  },
  {
    id: "C10",
    title: "a stream cut and joined at random by a proxy: the same events",
    tags: ["quiet"],
    run: throughProxy,
  },
  {
    id: "C11",
    title: "idle for three heartbeat intervals: HEARTBEATs in the announced interval ± 1 s",
    tags: ["quiet", "slow"],
    run: heartbeats,
  },
  {
    id: "C14",
    title: "DECLINE after the stream was closed: 403",
    tags: ["quiet"],
    async run(context) {
      const framework = await context.quietFramework();
      framework.drop();
      const answer = await context.until(async () => {
        const one = await framework.call(decline);
        return one.status === 202 ? undefined : one;
      }, "a refusal");
      context.expectAnswer("DECLINE without a stream", answer, 403, "Framework is not subscribed");
    },
  },
  {
    id: "C16",
    title: "SUBSCRIBE with an invalid role: 200, ERROR, end, no SUBSCRIBED",
    tags: ["quiet"],
    async run(context) {
      for (const role of ["a//b", "."]) {
        const framework = context.newFramework({ roles: [role] });
        await framework.subscribe();
        await framework.untilEnd();
        context.expect(`the status for role ${role}`, framework.status, 200);
        context.expect(`events for role ${role}`, said(framework.heard), [/^ERROR ".*role/]);
      }
    },
  },
  {
    id: "C17",
    title: "a second session with the same id: the first hears Framework failed over and ends",
    tags: ["quiet"],
    run: failedOver,
  },
  {
    id: "C18",
    title: "TEARDOWN ends the stream; SUBSCRIBE with the id: Framework has been removed",
    tags: ["quiet"],
    async run(context) {
      const framework = await context.quietFramework();
      await framework.send({ type: "TEARDOWN" });
      await framework.untilEnd(tickMs);
      context.saw("TEARDOWN ended the stream");
      await expectRemoved(context, framework);
    },
  },
  {
    id: "C19",
    title: "SUBSCRIBE after failover_timeout has passed: Framework has been removed",
    tags: ["quiet"],
    async run(context) {
      const framework = await context.quietFramework({ failover_timeout: 2 });
      const startMs = performance.now();
      framework.drop();
      await context.until(async () => {
        const { status } = await framework.call(decline);
        return status === 400 || undefined;
      }, "the removal of the framework");
      const tookMs = performance.now() - startMs;
      context.saw(
        `with failover_timeout 2 s it was removed ${secondsText(tookMs)} after its stream`,
      );
      if (tookMs < 1_950) fail(`it was removed after ${secondsText(tookMs)} already`);
      await expectRemoved(context, framework);
    },
  },
];
