/** Injection token of the checked options of `LlmModule`. */
export const LLM_OPTIONS = Symbol.for('nest-resilience:llm-options');
