/**
 * Owns the vocabulary of the executor's decisions: its state, what happens to it, what it does.
 * Not: the decisions (decide.ts and its siblings), nor how effects are run (packages/executor).
 * All times are milliseconds of a monotonic clock. All values are plain data, JSON-safe.
 * SPDX-License-Identifier: Apache-2.0
 */
import type {
  Closed,
  Follower,
  Goal,
  GoalBatch,
  GoalUser,
  LaunchOrder,
  ProcessExit,
  ProcessReport,
  ReportBatch,
  Stamp,
} from "../goal/types.js";
import type { Because } from "../instance/types.js";
import type { RedisInfo } from "../redis/info.js";
import type { LogHint } from "../redis/log.js";
import type { DataBooks } from "./rules.js";

/** Limits of the supervision; see {@link superviseDefaults}. */
export interface SuperviseOptions {
  /** Names this run of the executor in its reports. */
  readonly runId: string;
  /** A redis-server that has answered is killed when it then answers nothing for so long. */
  readonly redisTimeoutMs: number;
  /** A redis-server that has not answered PING so long after its spawn is killed. */
  readonly startTimeoutMs: number;
  /** From SIGTERM to SIGKILL where a KILL names no other time. */
  readonly stopGraceMs: number;
  /** The executor ends when it had no process for so long. */
  readonly executorIdleMs: number;
  /** From one full report batch to the next. */
  readonly reportIntervalMs: number;
  /** Every master is closed when the wall clock has moved by more than this against the monotonic one. */
  readonly clockMarginMs: number;
}

/** Defaults of {@link SuperviseOptions} (ARCHITECTURE.md, "Executor"). */
export const superviseDefaults: Omit<SuperviseOptions, "runId"> = {
  redisTimeoutMs: 1_000,
  startTimeoutMs: 10_000,
  stopGraceMs: 3_000,
  executorIdleMs: 300_000,
  reportIntervalMs: 1_000,
  clockMarginMs: 300,
};

/** Changes so close together travel in one batch: a replica's link, loading and sync change within a millisecond or two. */
export const reportCoalesceMs = 2;

/**
 * From one batch to the next for each live process, unless something ended: a burst of launches changes them all, and
 * every batch costs executor, agent, master and scheduler the same again.
 */
export const reportSpacingEachMs = 0.5;

/** Longest such pause: as much as one more step of a failover may cost. */
export const reportSpacingMsMax = 10;

/** A spawn is told with the first answer of the process, or so long after it. */
export const reportSpawnMs = 50;

/** Between two looks at a process that is expected to change, where its log does not hasten them as it does for known versions. */
export const probeFastMs = 200;

/** For so long after its goal a process is expected to change; then it is looked at no faster than any other. */
export const probeFastForMs = 5_000;

/** Before the next try after a goal could not be put in force. */
export const applyRetryMs = 100;

/** Redis itself tries again once a second when its master refused; the first tries are made sooner, each time doubled. */
export const reattachFirstMs = 10;

/** Longest pause between two such tries; after it Redis' own once a second is as good. */
export const reattachMaxMs = 320;

/** Most redis-servers of one executor: what one report batch holds. */
export const processesMax = 1_000;

/** Ids of ended tasks that are remembered, so that a repeated LAUNCH or KILL changes nothing. */
export const endedMax = 1_000;

/** An exit stays in the reports for so long: messages get lost, and it is the fast way to tell. */
export const endedReportMs = 10_000;

/** Most exits in one batch: each carries log lines (20 of 300 characters). */
export const endedReportedMax = 32;

/**
 * Report batches whose time of sending is remembered: some seconds of the busiest executor. The answer to an older one
 * gives no lease; the next one does.
 */
export const sentBatchesMax = 512;

/** An open master that must be closed has so long at least before it is killed: it answers in milliseconds. */
export const closeGraceMs = 200;

/** A replica whose master was silent for so long is told of at once: masters ping once a second. */
export const linkSilentSeconds = 2;

/** The executor itself was stopped or starved when its timer is so late: then silence is not the processes' fault. */
export const stallMs = 200;

/** Part of the shutdown grace period after which redis-servers get SIGKILL; the rest is for updates. */
export const shutdownTermShare = 0.5;

/** Part of the shutdown grace period after which the executor ends whatever is left. */
export const shutdownExitShare = 0.8;

/** Why and how a process is being ended. */
export interface Ending {
  readonly text: string;
  /** True when Mesos asked for it (KILL, SHUTDOWN): its task ends as TASK_KILLED. */
  readonly asked: boolean;
  /** When SIGKILL follows; null once it was sent. */
  readonly sigkillAtMs: number | null;
}

/** A look at a process that was not answered yet. */
export interface PendingProbe {
  readonly sentAtMs: number;
  /** Something happened meanwhile: look again at once. */
  readonly again: boolean;
}

/** One live process (its redis-server has not been reaped). */
export interface Supervised extends DataBooks {
  readonly order: LaunchOrder;
  readonly startId: string;
  /** null until the shell has spawned it. */
  readonly pid: number | null;
  /** spawning: no pid yet. starting: no PONG yet. serving: it answered. */
  readonly phase: "spawning" | "starting" | "serving";
  /** When it was spawned; before that, when it was launched. */
  readonly startedAtMs: number;
  /** First question since the last answer; null when none is open. */
  readonly unansweredSinceMs: number | null;
  readonly probe: PendingProbe | null;
  readonly probeDueAtMs: number;
  /** From then on a probe reads INFO; before, PING is enough. */
  readonly infoDueAtMs: number;
  readonly info: RedisInfo | null;
  /** The newest goal accepted. */
  readonly wanted: Goal;
  readonly wantedAtMs: number;
  /** This goal is being applied; one at a time, so an older one can never land after a newer one. */
  readonly applying: Goal | null;
  /** With it, why the process is being closed; null: it is being opened. */
  readonly applyingClosed: Closed | null;
  /** With it, since when its replicas are being made to log in again; null: they are left alone. */
  readonly applyingCutFromMs: number | null;
  /** Users of replicas that were last given to the process: by them a changed password is known. */
  readonly followersGiven: readonly Follower[];
  readonly applyDueAtMs: number;
  /** False until the first application began: till then the goal of the order is in force by the configuration file. */
  readonly reconfigured: boolean;
  /** The goal that is fully applied and read back. */
  readonly inForce: Goal | null;
  /** Why it was last closed for writes, by its configuration file or by a goal that was applied; null: it was opened. */
  readonly closed: Closed | null;
  /** Why it must be closed now. */
  readonly closedWanted: Closed | null;
  /** Since when its replicas have logged in again at the latest, after the wall clock was set; null: they never had to. */
  readonly cutFromMs: number | null;
  /** When it begins to be closed if its lease is not renewed; null when it is closed or needs no lease. */
  readonly closeAtMs: number | null;
  /** When it is killed if it still accepts writes then; null when it does not, or may for ever. */
  readonly closeByMs: number | null;
  /** Sending of the newest answered report that confirmed its mastership in this epoch; null when none did. */
  readonly leaseFromMs: number | null;
  readonly reattach: { readonly dueAtMs: number | null; readonly delayMs: number };
  readonly ending: Ending | null;
  /** What its start waits for, while it is not spawned; null: nothing that takes long. */
  readonly note: string | null;
}

/** One task that has ended. */
export interface Ended {
  readonly processId: string;
  readonly atMs: number;
  /** Its last report; null when there was no process. */
  readonly report: ProcessReport | null;
}

/** All that the executor knows. */
export interface SuperviseState {
  readonly options: SuperviseOptions;
  /** Live processes, oldest first; at most {@link processesMax}. */
  readonly processes: readonly Supervised[];
  /** Newest last; at most {@link endedMax}. */
  readonly ended: readonly Ended[];
  readonly reports: {
    /** Number of the last batch. */
    readonly number: number;
    /** Ids that changed since the last batch. */
    readonly changed: readonly string[];
    readonly changedDueAtMs: number | null;
    /** When the last batch was sent. */
    readonly sentAtMs: number;
    readonly fullDueAtMs: number;
  };
  /** Newest last; at most {@link sentBatchesMax}. */
  readonly sentBatches: readonly { readonly number: number; readonly atMs: number }[];
  readonly clock: {
    /** Wall clock less monotonic clock; null until it was read. */
    readonly offsetMs: number | null;
    /** When the wall clock was last seen to have been set; null: never. */
    readonly steppedAtMs: number | null;
  };
  /** Since when there is no process; null while there is one. */
  readonly idleSinceMs: number | null;
  readonly shutdown: { readonly exitAtMs: number; readonly because: Because } | null;
  /** ExitExecutor was decided; nothing follows it. */
  readonly exiting: boolean;
}

/** What happened, and when. Events about a spawned process carry its startId; those of an earlier one are void. */
export type SuperviseEvent =
  | {
      readonly type: "launch-received";
      readonly atMs: number;
      readonly order: LaunchOrder;
      /** Drawn by the shell; differs for each spawn. */
      readonly startId: string;
    }
  /** A LAUNCH whose data is no launch order. */
  | {
      readonly type: "launch-unreadable";
      readonly atMs: number;
      readonly taskId: string;
      readonly text: string;
    }
  | ProcessEvent<"process-spawned", { readonly pid: number }>
  | ProcessEvent<"spawn-failed", { readonly text: string }>
  /** What its start waits for; null: nothing that takes long. */
  | ProcessEvent<"process-noted", { readonly text: string | null }>
  /** A process that an ended executor of this agent had left has certainly ended. */
  | ProcessEvent<
      "leftover-ended",
      { readonly code: number | null; readonly signal: string | null; readonly text: string }
    >
  /** It answered: with INFO, or (info null) with anything else that only a living Redis says. */
  | ProcessEvent<"probe-succeeded", { readonly info: RedisInfo | null }>
  | ProcessEvent<"probe-failed", { readonly text: string }>
  | ProcessEvent<"process-hinted", { readonly hint: LogHint }>
  | ProcessEvent<
      "process-exited",
      {
        readonly code: number | null;
        readonly signal: string | null;
        readonly log: readonly string[];
        /** Where something else than its log knows why. */
        readonly cause?: string;
      }
    >
  | ProcessEvent<"goal-applied", { readonly stamp: Stamp; readonly info: RedisInfo }>
  | ProcessEvent<
      "goal-failed",
      {
        readonly stamp: Stamp;
        /** loading: Redis refuses it while it loads. other: see text. */
        readonly reason: "loading" | "other";
        readonly text: string;
      }
    >
  | {
      readonly type: "kill-received";
      readonly atMs: number;
      readonly taskId: string;
      /** From the KILL's or the task's kill policy; null: the executor's own. */
      readonly graceMs: number | null;
    }
  | { readonly type: "goals-received"; readonly atMs: number; readonly batch: GoalBatch }
  | { readonly type: "shutdown-received"; readonly atMs: number; readonly graceMs: number }
  /** The agent is gone for good: nobody may be served on its resources any longer. */
  | { readonly type: "agent-lost"; readonly atMs: number }
  | {
      readonly type: "tick";
      readonly atMs: number;
      /** Wall clock at `atMs`; absent where both could not be read at the same time. */
      readonly wallMs?: number;
    };

type ProcessEvent<Type extends string, Fields> = {
  readonly type: Type;
  readonly atMs: number;
  readonly processId: string;
  readonly startId: string;
} & Fields;

/** Task states that the executor sends. No TASK_STARTING: it would cost a round trip and tell nothing. */
export type SentTaskState = "TASK_RUNNING" | "TASK_FAILED" | "TASK_KILLED";

/** How the ACL users of a process are brought to those of its goal. Read back from Redis, not remembered. */
export interface ClientUsersChange {
  /** Names of users that must go, with their connections. */
  readonly drop: readonly string[];
  /** Made, or made exactly so; connections stay. */
  readonly set: readonly GoalUser[];
  /** True when the user `default` must be turned off, and whoever is connected by it cut. */
  readonly closeDefault: boolean;
}

/** What to do. Each says why. */
export type SuperviseEffect =
  | ProcessEffect<"spawn-redis", { readonly order: LaunchOrder }>
  /** It is to end before it was spawned: a spawn that takes long is given up, and fails then. */
  | ProcessEffect<"cancel-spawn", object>
  | ProcessEffect<
      "signal-process",
      { readonly pid: number; readonly signal: "SIGTERM" | "SIGKILL" }
    >
  /** Ask: PING alone, or PING and all that {@link RedisInfo} is made of in one go. */
  | ProcessEffect<"probe-redis", { readonly kind: "ping" | "info"; readonly timeoutMs: number }>
  | ProcessEffect<
      "apply-goal",
      {
        readonly goal: Goal;
        /** Not null: with the largest write quorum instead of the goal's. */
        readonly closed: Closed | null;
        /** Users of replicas that must go, then those that must come. */
        readonly users: { readonly drop: readonly string[]; readonly add: readonly Follower[] };
        /** What must change among the users of clients; null: nothing, or they are not the executor's to give. */
        readonly clients: ClientUsersChange | null;
        /** It stops being a master: its clients must notice. */
        readonly cutClients: boolean;
        /** Its replicas must log in again, so that their lags are counted on the present wall clock. */
        readonly cutReplicas: boolean;
        /** Drop the link first even if it is to the same address: that is another process, or a refused try. */
        readonly reconnect: boolean;
      }
    >
  /** Nothing is left of it: its directory and its connection can go. */
  | ProcessEffect<"forget-process", object>
  | {
      readonly type: "send-update";
      readonly because: Because;
      readonly taskId: string;
      readonly state: SentTaskState;
      readonly message: string | null;
      /** For terminal states of a process that was spawned; goes into TaskStatus.data as JSON. */
      readonly exit: ProcessExit | null;
    }
  | { readonly type: "send-reports"; readonly because: Because; readonly batch: ReportBatch }
  | { readonly type: "exit-executor"; readonly because: Because };

type ProcessEffect<Type extends string, Fields> = {
  readonly type: Type;
  readonly because: Because;
  readonly processId: string;
  readonly startId: string;
} & Fields;

/** Outcome of one decision. */
export interface Decision {
  readonly state: SuperviseState;
  readonly effects: readonly SuperviseEffect[];
}
