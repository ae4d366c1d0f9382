/**
 * `npm run test:model [-- sequences]`: circuit, backoff and pipeline against their plain models, and the circuit against its peers,
 * on a million random sequences (the slower proofs on a fixed share of them). Each prints what it was made of.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const [sequences = '1000000'] = process.argv.slice(2);
const JEST = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js'];

const { status } = spawnSync(process.execPath, [...JEST, '\\.model\\.spec\\.ts$', 'delays\\.property', 'agreement'], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, PROPERTY_RUNS: sequences },
});
process.exitCode = status ?? 1;
