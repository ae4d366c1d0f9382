import { LlmHealthIndicator } from '@nest-resilience/llm';
import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';

import { LlmCheck } from './llm.check.js';

/** What this service adds to the checks that `HealthModule` brings. */
@Module({ imports: [TerminusModule], providers: [LlmHealthIndicator, LlmCheck] })
export class ChecksModule {}
