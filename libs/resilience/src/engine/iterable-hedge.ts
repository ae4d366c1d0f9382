import { bindContext } from './async-context.js';
import type { Attempt } from './attempt-state.js';
import type { TimerHandle } from './clock.js';
import type { Execution } from './execution.js';
import type { HedgeStage } from './stages.js';

type Items = AsyncGenerator<unknown>;

interface Winner {
  readonly first: IteratorResult<unknown>;
  readonly items: Items;
}

/** Hedged attempts of a stream: whichever shows its first item first is read to its end, the others are given up. */
export async function* hedgedItems(execution: Execution, hedge: HedgeStage, open: (attempt: Attempt) => Items): Items {
  const { first, items } = await raceForFirstItem(execution, hedge, open);
  try {
    if (first.done === true) return;
    yield first.value;
    yield* items;
  } finally {
    await items.return(undefined);
  }
}

function raceForFirstItem(execution: Execution, hedge: HedgeStage, open: (attempt: Attempt) => Items): Promise<Winner> {
  const { clock, shutdown } = execution.parts.context;
  return new Promise((resolve, reject) => {
    const racing = new Map<Attempt, Items>();
    const beganAt = clock.now();
    let first: Attempt | undefined;
    let started = 0;
    let decided = false;
    let timer: TimerHandle | undefined;
    const decide = (settle: () => void, winner?: Attempt): void => {
      decided = true;
      timer?.cancel();
      for (const [attempt, items] of racing) if (attempt !== winner) giveUp(attempt, items);
      settle();
    };
    const start = (): void => {
      const attempt = execution.begin(clock.now());
      first ??= attempt;
      const items = open(attempt);
      racing.set(attempt, items);
      if (started++ > 0) hedge.started(execution, started - 1);
      items.next().then(
        (item) => {
          if (decided) return;
          // From the start of the race: a percentile of hedged durations would feed on itself.
          hedge.measured(clock.now() - beganAt);
          if (attempt !== first) hedge.won(execution, attempt.number);
          decide(() => resolve({ first: item, items }), attempt);
        },
        (error: unknown) => {
          racing.delete(attempt);
          if (!decided && racing.size === 0) decide(() => reject(error));
        },
      );
      schedule();
    };
    const schedule = (): void => {
      const delayMs = started > hedge.maxHedges ? Infinity : hedge.delayMs();
      if (delayMs === Infinity) return;
      timer = clock.setTimer(
        bindContext(() => {
          if (!decided && !execution.aborted && !shutdown.stopping) start();
        }),
        delayMs,
      );
    };
    start();
  });
}

/** A source that hangs answers to neither `return` nor anything else: it is told, not waited for. */
function giveUp(attempt: Attempt, items: Items): void {
  attempt.cancelled();
  items.return(undefined).then(undefined, () => undefined);
}
