/**
 * Owns the checks of reservations and persistent volumes: C34 to C38. What they reserve has a label, by which it is
 * freed again.
 * Called by checklist.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  containsResources,
  equalResources,
  formatResources,
  isVolume,
  type Offer,
  type OfferOperation,
  type Resource,
  sumScalar,
  type TaskInfo,
} from "@mr-redis/mesos";
import { offerOf, resourcesOf } from "../bundles.js";
import type { Check } from "../check.js";
import type { Context } from "../context.js";
import { endExecutor, type Framework, tickMs } from "../framework.js";
import { freeingOperations, labelKey } from "../leftovers.js";
import { scalar } from "../tasks.js";
import { brief, fail } from "../verdict.js";

/** Where a volume is in the sandbox. */
const containerPath = "data";

/** What a check reserves: enough for the test executor, a task and a volume. */
interface Reserved {
  readonly forTask: readonly Resource[];
  readonly forExecutor: readonly Resource[];
  readonly disk: Resource;
  readonly volume: Resource;
}

function reservedBy(context: Context, principal: string): Reserved {
  const { role } = context.means;
  const labels = { labels: [{ key: labelKey, value: context.id("reserved") }] };
  const reservations = [{ type: "DYNAMIC", role, principal, labels }] as const;
  const disk = { ...scalar("disk", 32), reservations };
  return {
    forTask: [scalar("cpus", 0.05), scalar("mem", 16)].map((one) => ({ ...one, reservations })),
    forExecutor: [scalar("cpus", 0.1), scalar("mem", 128)].map((one) => ({ ...one, reservations })),
    disk,
    volume: {
      ...disk,
      disk: {
        persistence: { id: `${context.id("volume")}-${Date.now()}`, principal },
        volume: { container_path: containerPath, mode: "RW" },
      },
    },
  };
}

const principalOf = (context: Context): string => context.means.info.principal ?? "";

const reserve = (...resources: readonly Resource[]): OfferOperation => ({
  type: "RESERVE",
  reserve: { resources },
});

const launch = (task: TaskInfo): OfferOperation => ({
  type: "LAUNCH",
  launch: { task_infos: [task] },
});

/** True when an offer has as much of everything as another one, however it is reserved. */
const isAsLarge = (original: Offer) => (offer: Offer) =>
  ["cpus", "mem", "disk"].every(
    (name) => sumScalar(resourcesOf(offer), name) >= sumScalar(resourcesOf(original), name),
  );

/** Frees what this role has reserved on the agent, as soon as none of it is in use. */
async function free(context: Context, framework: Framework, original: Offer): Promise<void> {
  const fits = isAsLarge(original);
  const what = "an offer of all the agent has";
  for (;;) {
    const offer = await offerOf(framework, original.agent_id.value, { fits, what });
    const operations = freeingOperations(offer, context.means.role);
    if (operations.length === 0) return;
    await framework.accept([offer], operations, 0);
  }
}

/** Runs with one agent, whose reservations are freed in the end; after a failure, by whoever needs the agent next. */
const withAgent =
  (run: (context: Context, framework: Framework, offer: Offer) => Promise<void>) =>
  async (context: Context): Promise<void> => {
    const { framework, offer } = await context.withOffer();
    await run(context, framework, offer);
    await free(context, framework, offer);
  };

/** The agent's next offer must be what it was. */
async function expectOriginal(
  context: Context,
  framework: Framework,
  original: Offer,
): Promise<void> {
  const next = await offerOf(framework, original.agent_id.value, { withinMs: tickMs });
  const resources = resourcesOf(next);
  if (!equalResources(resources, resourcesOf(original))) {
    fail(`the next offer is ${formatResources(resources)}`);
  }
  context.saw(`the next offer is the original: ${formatResources(resources)}`);
  await framework.decline([next], 0);
}

async function reservedIsOffered(context: Context, framework: Framework, offer: Offer) {
  const { disk } = reservedBy(context, principalOf(context));
  await framework.accept([offer], [reserve(disk)]);
  const next = await offerOf(framework, offer.agent_id.value, { withinMs: tickMs });
  const found = resourcesOf(next).filter((one) => (one.reservations ?? []).length > 0);
  context.expect("reserved in the next offer", found, [
    {
      name: "disk",
      scalar: { value: 32 },
      reservations: (disk.reservations ?? []).map((one) => ({
        type: "DYNAMIC",
        role: one.role ?? "",
        principal: one.principal ?? "",
        labels: { labels: [{ key: labelKey, value: context.id("reserved") }] },
      })),
    },
  ]);
  await framework.decline([next], 0);
}

/** A task with the volume appends to a file in it; what the file then holds. */
async function writeInVolume(
  context: Context,
  framework: Framework,
  task: TaskInfo,
  text: string,
): Promise<string> {
  const agentId = task.agent_id.value;
  const executorId = task.executor?.executor_id.value ?? "";
  await framework.update(task.task_id.value, "TASK_RUNNING");
  const executor = context.executor(framework, agentId, executorId);
  await executor.say({ do: "append", path: `${containerPath}/file`, text });
  const note = await executor.note(({ type }) => type === "file", "the volume's file");
  if (note.error !== undefined)
    fail(`uid ${note.ownUid} cannot write to the volume: ${note.error}`);
  context.saw(
    `uid ${note.ownUid} wrote ${containerPath}/file in its sandbox, which holds ${brief(note.text)}`,
  );
  return note.text ?? "";
}

const volumeTask = (context: Context, offer: Offer, name: string, reserved: Reserved): TaskInfo =>
  context.task(offer, context.id(name), {
    resources: [...reserved.forTask, reserved.volume],
    executorResources: reserved.forExecutor,
    graceMs: 1_000,
  });

/** RESERVE, CREATE and LAUNCH in one ACCEPT; the task. */
async function launchOnNewVolume(
  context: Context,
  framework: Framework,
  offer: Offer,
  reserved: Reserved,
): Promise<TaskInfo> {
  const task = volumeTask(context, offer, "first", reserved);
  const operations: OfferOperation[] = [
    reserve(...reserved.forTask, ...reserved.forExecutor, reserved.disk),
    { type: "CREATE", create: { volumes: [reserved.volume] } },
    launch(task),
  ];
  await framework.accept([offer], operations, 0);
  return task;
}

async function volumeIsUsable(context: Context, framework: Framework, offer: Offer) {
  const task = await launchOnNewVolume(
    context,
    framework,
    offer,
    reservedBy(context, principalOf(context)),
  );
  context.expect("the file", await writeInVolume(context, framework, task, "one\n"), "one\n");
  await endExecutor(framework, task);
}

async function volumeKeepsData(context: Context, framework: Framework, offer: Offer) {
  const reserved = reservedBy(context, principalOf(context));
  const first = await launchOnNewVolume(context, framework, offer, reserved);
  await writeInVolume(context, framework, first, "one\n");
  await endExecutor(framework, first);
  const again = await offerOf(framework, offer.agent_id.value, {
    fits: (one) =>
      containsResources(resourcesOf(one), [
        ...reserved.forTask,
        ...reserved.forExecutor,
        reserved.volume,
      ]),
    what: "an offer with the volume",
  });
  const second = volumeTask(context, again, "second", reserved);
  await framework.accept([again], [launch(second)], 0);
  const text = await writeInVolume(context, framework, second, "two\n");
  context.expect("the file after the second task", text, "one\ntwo\n");
  await endExecutor(framework, second);
}

async function foreignPrincipal(context: Context, framework: Framework, offer: Offer) {
  const { disk } = reservedBy(context, `${principalOf(context)}-somebody-else`);
  const count = framework.heard.length;
  await framework.accept([offer], [reserve(disk)], 0);
  await expectOriginal(context, framework, offer);
  const others = framework.heard
    .slice(count)
    .filter(({ event }) => event.type !== "OFFERS" && event.type !== "HEARTBEAT");
  context.expect(
    "other events",
    others.map(({ event }) => event.type),
    [],
  );
  const version = framework.heard[0]?.event.subscribed?.master_info?.version ?? "";
  if (/^(0\.|1\.[0-7]\.)/.test(version)) {
    context.saw(`operation ids are not tried: the master is ${version}`);
    return;
  }
  const next = await offerOf(framework, offer.agent_id.value);
  const id = { value: context.id(`operation-${Date.now()}`) };
  await framework.accept([next], [{ ...reserve(disk), id }], 0);
  const { update_operation_status } = await framework.next(
    (event) => event.type === "UPDATE_OPERATION_STATUS",
    "UPDATE_OPERATION_STATUS",
  );
  context.expect("with an operation id", update_operation_status?.status, {
    operation_id: { value: id.value },
    state: "OPERATION_ERROR",
  });
}

async function freedIsPlain(context: Context, framework: Framework, offer: Offer) {
  const { disk, volume } = reservedBy(context, principalOf(context));
  const create: OfferOperation = { type: "CREATE", create: { volumes: [volume] } };
  await framework.accept([offer], [reserve(disk), create], 0);
  const next = await offerOf(framework, offer.agent_id.value, { withinMs: tickMs });
  const found = resourcesOf(next).filter(isVolume);
  context.expect("volumes in the next offer", found, [
    { name: "disk", scalar: { value: 32 }, disk: { persistence: { id: /volume/ } } },
  ]);
  const operations: OfferOperation[] = [
    { type: "DESTROY", destroy: { volumes: [volume] } },
    { type: "UNRESERVE", unreserve: { resources: [disk] } },
  ];
  await framework.accept([next], operations, 0);
  context.saw("sent DESTROY and UNRESERVE in one ACCEPT");
  await expectOriginal(context, framework, offer);
}

/** The checks. */
export const reservationChecks: readonly Check[] = [
  {
    id: "C34",
    title: "RESERVE: the next offer within 2 s has the reservation with its labels",
    tags: [],
    run: withAgent(reservedIsOffered),
  },
  {
    id: "C35",
    title: "RESERVE, CREATE, LAUNCH in one ACCEPT: the task runs and writes to its volume",
    tags: ["ce"],
    run: withAgent(volumeIsUsable),
  },
  {
    id: "C36",
    title: "another task on the same volume: the data is there",
    tags: ["ce"],
    run: withAgent(volumeKeepsData),
  },
  {
    id: "C37",
    title:
      "RESERVE with another principal: 202, no event, nothing reserved; with an id OPERATION_ERROR",
    tags: [],
    run: withAgent(foreignPrincipal),
  },
  {
    id: "C38",
    title: "DESTROY and UNRESERVE in one ACCEPT: the next offer is the original",
    tags: [],
    run: withAgent(freedIsPlain),
  },
];
