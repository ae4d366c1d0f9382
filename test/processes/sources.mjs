/**
 * Lets a process of its own run the TypeScript sources, as jest does, so that a spec which needs one needs no build:
 * `node --conditions nest-resilience-source --import ./test/processes/sources.mjs child.ts`
 */
import { register } from 'node:module';

register('./sources.hooks.mjs', import.meta.url);
