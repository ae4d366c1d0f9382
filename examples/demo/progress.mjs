/** Live progress: a bar on a terminal, one plain line per phase anywhere else. */
import { Presets, SingleBar } from 'cli-progress';

export function startProgress(total) {
  if (!process.stdout.isTTY) return plainProgress(total);
  const bar = new SingleBar(
    {
      format: '{bar} {value}/{total}  {seconds} s  {phase}',
      hideCursor: true,
      clearOnComplete: false,
      stopOnComplete: false,
    },
    Presets.shades_classic,
  );
  const began = performance.now();
  const seconds = () => ((performance.now() - began) / 1000).toFixed(0);
  bar.start(total, 0, { phase: '', seconds: 0 });
  return {
    phase: (title) => bar.update({ phase: title, seconds: seconds() }),
    tick: () => bar.increment(1, { seconds: seconds() }),
    stop: () => bar.stop(),
  };
}

function plainProgress(total) {
  const began = performance.now();
  let done = 0;
  const line = (text) =>
    console.log(
      `${((performance.now() - began) / 1000).toFixed(1).padStart(5)} s  ${String(done).padStart(3)}/${total}  ${text}`,
    );
  return {
    phase: line,
    tick: () => {
      done += 1;
    },
    stop: () => line('all ended'),
  };
}
