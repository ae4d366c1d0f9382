import { Controller, Get, Inject, VERSION_NEUTRAL } from '@nestjs/common';
import { AdminRoute } from '@nest-resilience/core/admin';
import type { LlmTargetView } from '../chain/target-view.js';
import { LlmService } from '../llm.service.js';

/** Who is asked, in which order, and how each stands: for operators, because it tells what is spent. */
@Controller({ path: 'llm', version: VERSION_NEUTRAL })
@AdminRoute()
export class LlmTargetsController {
  constructor(@Inject(LlmService) private readonly llm: LlmService) {}

  @Get('targets')
  targets(): readonly LlmTargetView[] {
    return this.llm.view();
  }
}
