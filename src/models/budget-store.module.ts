import { LLM_BUDGET_STORE } from '@nest-resilience/llm';
import type { BudgetStore } from '@nest-resilience/store-sql';
import { type DynamicModule, Global, Module } from '@nestjs/common';

/** What models have cost is kept, so that a restart begins no new budget. */
@Global()
@Module({})
export class BudgetStoreModule {
  static forRoot(store: BudgetStore): DynamicModule {
    const provider = { provide: LLM_BUDGET_STORE, useValue: store };
    return { module: BudgetStoreModule, providers: [provider], exports: [provider] };
  }
}
