import { LLM_BUDGET_STORE } from '@nest-resilience/llm';
import { sqliteBudgetStore } from '@nest-resilience/store-sql';
import { type DynamicModule, Global, Module } from '@nestjs/common';

/** What models have cost is kept on disk, so that a restart begins no new budget. */
@Global()
@Module({})
export class BudgetStoreModule {
  static forRoot(options: { readonly file: string }): DynamicModule {
    const store = { provide: LLM_BUDGET_STORE, useFactory: () => sqliteBudgetStore(options) };
    return { module: BudgetStoreModule, providers: [store], exports: [store] };
  }
}
